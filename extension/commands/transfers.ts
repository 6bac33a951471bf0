/** Images from and to registries and archives. */
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import * as vscode from 'vscode'
import { parseReference } from '../../helper/protocol/reference.ts'
import { imageLabel } from '../connection/imageModel.ts'
import { commands } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { pickImage, pickImages, referenceTo } from './pickImage.ts'
import { anyState, pickContainers } from './pick.ts'
import { withTransfer } from './progress.ts'
import { registerConnected } from './register.ts'

const rememberedKey = 'bulkhead.lastPull'

export function validateName(value: string): string | undefined {
  return parseReference(value.trim()) === undefined
    ? vscode.l10n.t('[registry/]name[:tag], in lower-case letters, digits and . _ -')
    : undefined
}

/** What a library of the client's alone does: loaded when it is needed. */
async function credentialsOf(name: string) {
  const { credentialsFor } = await import('../../helper/client/credentials.ts')
  const credentials = await credentialsFor(name)
  return credentials === undefined ? {} : { credentials }
}

/** Answers the image's name; undefined when it was cancelled. */
export async function pull(context: ConnectedContext, ...[given]: unknown[]): Promise<string | undefined> {
  const { globalState } = context.extension
  const typed =
    typeof given === 'string'
      ? given
      : await vscode.window.showInputBox({
          title: vscode.l10n.t('Pull Image'),
          prompt: vscode.l10n.t('Name of the image; short ones are looked for on Docker Hub'),
          placeHolder: 'debian:12-slim',
          value: globalState.get<string>(rememberedKey, ''),
          validateInput: validateName,
        })
  if (typed === undefined) return undefined
  const name = typed.trim()
  await globalState.update(rememberedKey, name)
  const more = await credentialsOf(name)
  const image = await withTransfer(context, vscode.l10n.t('Pulling {0}', name), (client) =>
    client.call('images/pull', { name, ...more }),
  )
  return image?.name ?? undefined
}

async function push(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const image = await pickImage(context, args, {
    placeholder: vscode.l10n.t('Image to push'),
    fits: ({ name }) => name !== null && !name.includes('@'),
  })
  if (image === undefined) return
  const name = referenceTo(image)
  const more = await credentialsOf(name)
  await withTransfer(context, vscode.l10n.t('Pushing {0}', name), (client) =>
    client.call('images/push', { name, ...more }),
  )
}

function defaultFile(name: string): vscode.Uri | undefined {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri
  return folder === undefined ? undefined : vscode.Uri.joinPath(folder, name)
}

/** Where a new archive goes; undefined when the user thought better of it. */
async function chooseTarget(title: string, name: string): Promise<vscode.Uri | undefined> {
  const suggestion = defaultFile(`${name.replaceAll(/[^a-zA-Z0-9._-]+/g, '-')}.tar`)
  return await vscode.window.showSaveDialog({
    title,
    ...(suggestion !== undefined && { defaultUri: suggestion }),
    filters: { [vscode.l10n.t('Archives')]: ['tar'] },
  })
}

async function save(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const images = await pickImages(context, args, { placeholder: vscode.l10n.t('Images to save'), many: true })
  if (images.length === 0) return
  const label = images.map(imageLabel).join(', ')
  const target = await chooseTarget(vscode.l10n.t('Save {0}', label), imageLabel(images[0]!))
  if (target === undefined) return
  await writeArchive(context, vscode.l10n.t('Saving {0}', label), target, async (client, sink) => {
    const { receiveFrom } = await import('../../helper/client/transfer.ts')
    await receiveFrom(client, 'images/save', { names: images.map(referenceTo) }, sink)
  })
}

async function exportContainer(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const options = { states: anyState, placeholder: vscode.l10n.t('Container to export'), many: false }
  const [container] = await pickContainers(context, args, options)
  if (container === undefined) return
  const target = await chooseTarget(vscode.l10n.t('Export {0}', container.name), container.name)
  if (target === undefined) return
  await writeArchive(context, vscode.l10n.t('Exporting {0}', container.name), target, async (client, sink) => {
    const { receiveFrom } = await import('../../helper/client/transfer.ts')
    await receiveFrom(client, 'containers/export', { container: container.id }, sink)
  })
}

type Work = (
  client: Parameters<Parameters<typeof withTransfer>[2]>[0],
  sink: ReturnType<typeof createWriteStream>,
) => Promise<void>

/** Half an archive is of no use: it is removed again when the work fails, or is cancelled. */
async function writeArchive(context: ConnectedContext, title: string, target: vscode.Uri, work: Work): Promise<void> {
  let whole = false
  try {
    const done = await withTransfer(context, title, async (client) => {
      await work(client, createWriteStream(target.fsPath))
      return true
    })
    whole = done === true
  } finally {
    if (!whole) await rm(target.fsPath, { force: true })
  }
  if (whole) vscode.window.setStatusBarMessage(vscode.l10n.t('Saved {0}', target.fsPath), 5000)
}

async function load(context: ConnectedContext, ...[clicked]: unknown[]): Promise<void> {
  const files =
    clicked instanceof vscode.Uri
      ? [clicked]
      : await vscode.window.showOpenDialog({
          title: vscode.l10n.t('Load Images'),
          openLabel: vscode.l10n.t('Load'),
          filters: { [vscode.l10n.t('Archives')]: ['tar', 'gz', 'tgz', 'zst'] },
        })
  const file = files?.[0]
  if (file === undefined) return
  const loaded = await withTransfer(context, vscode.l10n.t('Loading {0}', file.fsPath), async (_client, open) => {
    const { sendFile } = await import('../../helper/client/transfer.ts')
    return await sendFile(open, 'images/load', {}, file.fsPath)
  })
  if (loaded !== undefined)
    vscode.window.setStatusBarMessage(vscode.l10n.t('Loaded {0}', loaded.map(imageLabel).join(', ')), 5000)
}

export function transferCommands(context: Context): vscode.Disposable {
  return vscode.Disposable.from(
    registerConnected(context, commands.pull, pull),
    registerConnected(context, commands.push, push),
    registerConnected(context, commands.saveImages, save),
    registerConnected(context, commands.loadImages, load),
    registerConnected(context, commands.exportContainer, exportContainer),
  )
}
