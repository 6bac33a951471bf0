/** A root file system archive becomes an image. The window reads it, with its own rights, and sends its bytes. */
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import * as vscode from 'vscode'
import { parseReference } from '../../helper/protocol/reference.ts'
import { views } from '../contributions.ts'
import type { ConnectedContext } from '../context.ts'

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
  return await vscode.window.withProgress({ location: { viewId: views.containers } }, async () => {
    const client = await context.connection.openStream()
    try {
      const { sendTo } = await import('../../helper/client/transfer.ts')
      return (await sendTo(client, 'images/import', { name }, createReadStream(file.fsPath))).name ?? name
    } finally {
      client.close()
    }
  })
}
