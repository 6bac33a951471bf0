/** What is done to images that are here: tag, remove, prune, commit, inspect, squash. */
import * as vscode from 'vscode'
import { sizeText } from '../../helper/protocol/text.ts'
import { imageLabel } from '../connection/imageModel.ts'
import { commands, views } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { showShares } from '../graphs/shares.ts'
import { showSharing } from '../graphs/sharing.ts'
import { ContainerNode } from '../views/containerNode.ts'
import { WritableNode } from '../views/layerNodes.ts'
import { anyState, pickContainers } from './pick.ts'
import { pickImage, pickImages, referenceTo } from './pickImage.ts'
import { registerConnected, showError } from './register.ts'
import { showJson } from './showJson.ts'
import { validateName } from './transfers.ts'

async function inView<T>(work: () => Promise<T>): Promise<T> {
  return await vscode.window.withProgress({ location: { viewId: views.layers } }, work)
}

export async function askName(title: string, value: string): Promise<string | undefined> {
  const name = await vscode.window.showInputBox({
    title,
    prompt: vscode.l10n.t('Name of the new image'),
    placeHolder: 'name:tag',
    value,
    validateInput: validateName,
  })
  return name?.trim()
}

async function tag(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const image = await pickImage(context, args, { placeholder: vscode.l10n.t('Image to tag') })
  if (image === undefined) return
  const target = await askName(vscode.l10n.t('Tag {0}', imageLabel(image)), image.name ?? '')
  if (target !== undefined) await inView(() => context.client.call('images/tag', { name: referenceTo(image), target }))
}

async function remove(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const images = await pickImages(context, args, { placeholder: vscode.l10n.t('Images to remove'), many: true })
  if (images.length === 0) return
  const [first] = images
  const question =
    images.length === 1
      ? vscode.l10n.t('Remove image “{0}”?', imageLabel(first!))
      : vscode.l10n.t('Remove {0} images?', images.length)
  const yes = vscode.l10n.t('Remove')
  const detail = vscode.l10n.t('Layers that no other image and no container uses are removed, too.')
  if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, yes)) !== yes) return
  await inView(async () => {
    for (const image of images) {
      const removal = context.client.call('images/remove', { name: referenceTo(image) })
      await removal.catch((error: unknown) => void showError(context, error))
    }
  })
}

async function commit(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const node = args[0] instanceof WritableNode ? new ContainerNode(args[0].container) : args[0]
  const options = { states: anyState, placeholder: vscode.l10n.t('Container to commit'), many: false }
  const [container] = await pickContainers(context, [node], options)
  if (container === undefined) return
  const name = await askName(
    vscode.l10n.t('Commit {0}', container.name),
    `${container.image.split(':')[0] ?? ''}:${container.name}`,
  )
  if (name === undefined) return
  const message = await vscode.window.showInputBox({
    title: vscode.l10n.t('Commit {0}', container.name),
    prompt: vscode.l10n.t('Message for its history; may be empty'),
  })
  if (message === undefined) return
  await inView(() => context.client.call('containers/commit', { container: container.id, name, message }))
}

async function prune(context: ConnectedContext): Promise<void> {
  const { client } = context
  const choices = [
    {
      label: vscode.l10n.t('Containers that ended, and images without a name'),
      wanted: { images: 'dangling', containers: true },
    },
    { label: vscode.l10n.t('Images without a name'), wanted: { images: 'dangling', containers: false } },
    {
      label: vscode.l10n.t('Containers that ended, and all images that no container uses'),
      wanted: { images: 'all', containers: true },
    },
  ] as const
  const previews = await Promise.all(
    choices.map(({ wanted }) => client.call('system/prune', { ...wanted, dryRun: true })),
  )
  const items = choices.map((choice, at) => ({
    ...choice,
    description: sizeText(previews[at]!.reclaimed),
    preview: previews[at]!,
  }))
  const picked = await vscode.window.showQuickPick(items, { placeHolder: vscode.l10n.t('What to remove') })
  if (picked === undefined) return
  const { images, containers, reclaimed } = picked.preview
  if (images.length + containers.length === 0)
    return void vscode.window.showInformationMessage(vscode.l10n.t('There is nothing to remove.'))
  const detail = [
    ...containers.map((name) => vscode.l10n.t('container {0}', name)),
    ...images.map((name) => vscode.l10n.t('image {0}', name)),
  ]
  const shown = [
    ...detail.slice(0, 15),
    ...(detail.length > 15 ? [vscode.l10n.t('… and {0} more', detail.length - 15)] : []),
  ]
  const yes = vscode.l10n.t('Remove')
  const question = vscode.l10n.t(
    'Remove {0} containers and {1} images? That frees {2}.',
    containers.length,
    images.length,
    sizeText(reclaimed),
  )
  if ((await vscode.window.showWarningMessage(question, { modal: true, detail: shown.join('\n') }, yes)) !== yes) return
  await inView(() => client.call('system/prune', { ...picked.wanted, dryRun: false }))
}

async function inspect(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const image = await pickImage(context, args, { placeholder: vscode.l10n.t('Image') })
  if (image === undefined) return
  await showJson(await context.client.call('images/inspect', { name: image.id }))
}

async function copyId(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const image = await pickImage(context, args, { placeholder: vscode.l10n.t('Image') })
  if (image !== undefined) await vscode.env.clipboard.writeText(image.id)
}

async function sharing(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const [clicked] = args
  if (clicked instanceof WritableNode) return await showShares(context, clicked.container.id)
  const image = await pickImage(context, args, { placeholder: vscode.l10n.t('Image') })
  if (image !== undefined) await showSharing(context, image.id)
}

async function squash(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const image = await pickImage(context, args, {
    placeholder: vscode.l10n.t('Image to squash'),
    fits: ({ layers }) => layers > 1,
  })
  if (image === undefined) return
  const layers = await context.client.call('images/layers', { name: image.id })
  const items = layers.slice(0, -1).map(({ createdBy, size }, from) => ({
    label: vscode.l10n.t('Layers {0} to {1}', from + 1, layers.length),
    description: `${sizeText(size)} · ${createdBy.slice(0, 60)}`,
    from,
  }))
  const picked = await vscode.window.showQuickPick(items, { placeHolder: vscode.l10n.t('Layers that become one') })
  if (picked === undefined) return
  const target = await askName(
    vscode.l10n.t('Squash {0}', imageLabel(image)),
    `${image.name?.split(':')[0] ?? ''}:squashed`,
  )
  if (target !== undefined)
    await inView(() => context.client.call('images/squash', { name: image.id, target, from: picked.from }))
}

export function imageCommands(context: Context): vscode.Disposable {
  return vscode.Disposable.from(
    registerConnected(context, commands.tag, tag),
    registerConnected(context, commands.removeImage, remove),
    registerConnected(context, commands.commit, commit),
    registerConnected(context, commands.prune, prune),
    registerConnected(context, commands.inspectImage, inspect),
    registerConnected(context, commands.copyImageId, copyId),
    registerConnected(context, commands.showSharing, sharing),
    registerConnected(context, commands.squash, squash),
  )
}
