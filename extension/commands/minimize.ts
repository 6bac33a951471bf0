/** Minimize: a smaller image of what a container really opened. */
import * as vscode from 'vscode'
import type { ImageSummary } from '../../helper/protocol/imageSchemas.ts'
import { sizeText } from '../../helper/protocol/text.ts'
import { imageLabel } from '../connection/imageModel.ts'
import { runs } from '../connection/containerModel.ts'
import { commands, views } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { ContainerNode } from '../views/containerNode.ts'
import { askName } from './images.ts'
import { pickImage } from './pickImage.ts'
import { registerConnected } from './register.ts'
import { commandWords } from './run.ts'

/** Runs a container whose opens are listed, until it ends or the user has done what there is to do. */
async function record(context: ConnectedContext, image: ImageSummary): Promise<string | undefined> {
  const title = vscode.l10n.t('Minimize {0}', imageLabel(image))
  const command = await vscode.window.showInputBox({
    title,
    prompt: vscode.l10n.t('Command to run while it is watched what it opens; empty for the image’s own'),
    validateInput: (value) => {
      const words = commandWords(value)
      return typeof words === 'string' ? words : undefined
    },
  })
  if (command === undefined) return undefined
  const words = commandWords(command)
  if (typeof words === 'string') return undefined
  const { client } = context
  const { id, name } = await client.call('containers/run', { image: image.id, command: words, recordOpens: true })
  await vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: vscode.l10n.t('Watching what {0} opens: have it do all that it is to do. Cancel stops it.', name),
      cancellable: true,
    },
    async (_progress, token) => {
      token.onCancellationRequested(() => void client.call('containers/stop', { container: id, timeout: 2 }))
      await client.call('containers/wait', { container: id })
    },
  )
  return id
}

/** What is to stay although nobody opened it; undefined when the user gave up. */
async function askWhatStays(context: ConnectedContext, container: string): Promise<string[] | undefined> {
  const proposal = await context.client.call('images/minimize', { container })
  const items = proposal.removed.map(({ path, size, files }) => ({
    label: path,
    description: files > 1 ? `${sizeText(size)} · ${vscode.l10n.t('{0} files', files)}` : sizeText(size),
    picked: true,
  }))
  const picked = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t(
      '{0}: {1} → {2}. {3} files stay, {4} go',
      proposal.image,
      sizeText(proposal.size),
      sizeText(proposal.kept),
      proposal.keptFiles,
      proposal.removedFiles,
    ),
    placeHolder: vscode.l10n.t('What goes; uncheck what is to stay'),
    canPickMany: true,
    matchOnDescription: true,
    ignoreFocusOut: true,
  })
  if (picked === undefined) return undefined
  const going = new Set(picked.map(({ label }) => label))
  return items.filter(({ label }) => !going.has(label)).map(({ label }) => label)
}

async function minimize(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const [clicked] = args
  let container = clicked instanceof ContainerNode ? clicked.container.id : undefined
  let name = clicked instanceof ContainerNode ? clicked.container.image : ''
  if (container === undefined) {
    const image = await pickImage(context, args, { placeholder: vscode.l10n.t('Image to minimize') })
    if (image === undefined) return
    name = imageLabel(image)
    container = await record(context, image)
  }
  if (container === undefined) return
  const keep = await askWhatStays(context, container)
  if (keep === undefined) return
  const target = await askName(vscode.l10n.t('Minimize {0}', name), `${name.split(':')[0] ?? ''}:minimal`)
  if (target === undefined) return
  const id = container
  await vscode.window.withProgress({ location: { viewId: views.layers } }, async () => {
    await context.client.call('images/minimizeTo', { container: id, target, keep })
    const made = context.containers.get(id)
    // The container was made for this alone when it began with an image.
    if (!(clicked instanceof ContainerNode) && made !== undefined && !runs(made))
      await context.client.call('containers/remove', { container: id })
  })
}

export function minimizeCommands(context: Context): vscode.Disposable {
  return registerConnected(context, commands.minimize, minimize)
}
