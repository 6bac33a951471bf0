/** A root file system archive becomes an image. The window reads it, with its own rights, and sends its bytes. */
import { basename } from 'node:path'
import * as vscode from 'vscode'
import { parseReference } from '../../helper/protocol/reference.ts'
import type { ConnectedContext } from '../context.ts'
import { withTransfer } from './progress.ts'

export async function chooseArchive(): Promise<vscode.Uri | undefined> {
  const files = await vscode.window.showOpenDialog({
    title: vscode.l10n.t('Import Root File System Archive'),
    openLabel: vscode.l10n.t('Import'),
    filters: { [vscode.l10n.t('Archives')]: ['tar', 'gz', 'tgz', 'zst', 'tzst'] },
  })
  return files?.[0]
}

/** A name for an image out of a file's. */
export function imageNameOf(path: string): string {
  const name = basename(path)
    .toLowerCase()
    .replace(/\.(?:tar|tgz|tzst|tar\.gz|tar\.zst)$/, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
  return name === '' ? 'imported' : name
}

/** Answers the image's name; undefined when it was cancelled. */
export async function importArchive(context: ConnectedContext, file: vscode.Uri): Promise<string | undefined> {
  const name = await vscode.window.showInputBox({
    title: vscode.l10n.t('Name of the Image'),
    value: imageNameOf(file.fsPath),
    validateInput: (value) =>
      parseReference(value) !== undefined
        ? undefined
        : vscode.l10n.t('Lower-case letters, digits and . _ - /, with an optional :tag'),
  })
  if (name === undefined) return undefined
  return await withTransfer(context, vscode.l10n.t('Importing {0}', file.fsPath), async (_client, open) => {
    const { sendFile } = await import('../../helper/client/transfer.ts')
    return (await sendFile(open, 'images/import', { name }, file.fsPath)).name ?? name
  })
}
