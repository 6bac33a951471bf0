/** Files of layers: open, compare, search, save, copy into a container. */
import { stat } from 'node:fs/promises'
import * as vscode from 'vscode'
import type { Change, LayerSummary, RootReference } from '../../helper/protocol/imageSchemas.ts'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import { sizeText } from '../../helper/protocol/text.ts'
import { imageLabel } from '../connection/imageModel.ts'
import { commands } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { uriOf } from '../files/uri.ts'
import { ContainerNode } from '../views/containerNode.ts'
import {
  ChangeNode,
  EfficiencyNode,
  FileNode,
  ImageNode,
  instructionOf,
  kindText,
  LayerNode,
  WritableNode,
} from '../views/layerNodes.ts'
import { anyState, pickContainers } from './pick.ts'
import { pickImage, pickImages } from './pickImage.ts'
import { withTransfer } from './progress.ts'
import { registerConnected } from './register.ts'

/** The root of the layers under one. */
function belowOf(root: RootReference): RootReference {
  return 'layer' in root || 'writable' in root ? { ...root, below: true } : root
}

interface Place {
  readonly root: RootReference
  readonly path: string
  readonly kind: Change['kind'] | undefined
}

/** What a layer has; for a removed file what lies below. A changed one is compared with that. */
async function show({ root, path, kind }: Place, compare: boolean): Promise<void> {
  const name = path.split('/').at(-1) ?? path
  if (kind === 'changed' && compare) {
    const title = vscode.l10n.t('{0} (layer below ↔ this layer)', name)
    await vscode.commands.executeCommand('vscode.diff', uriOf(belowOf(root), path), uriOf(root, path), title)
    return
  }
  await vscode.commands.executeCommand('vscode.open', uriOf(kind === 'removed' ? belowOf(root) : root, path))
}

function placeOf(node: unknown): Place | undefined {
  if (node instanceof ChangeNode) return { root: node.root, path: node.path, kind: node.change.kind }
  if (node instanceof FileNode) return { root: node.root, path: node.path, kind: undefined }
  return undefined
}

async function openFile(_context: ConnectedContext, node: unknown): Promise<void> {
  const place = placeOf(node)
  if (place !== undefined) await show(place, true)
}

async function openPlain(_context: ConnectedContext, node: unknown): Promise<void> {
  const place = placeOf(node)
  if (place !== undefined) await show(place, false)
}

/** A list that is asked for anew with each letter. */
async function search(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const layer = await layerToSearch(context, args)
  if (layer === undefined) return
  const pick = vscode.window.createQuickPick<vscode.QuickPickItem & { change: Change }>()
  pick.title = vscode.l10n.t('Search in {0}', layer.label)
  pick.placeholder = vscode.l10n.t('Part of a path')
  pick.matchOnDescription = true
  const find = async (query: string): Promise<void> => {
    pick.busy = true
    try {
      const found = await context.client.call('layers/search', { root: layer.root, query })
      if (pick.value !== query) return
      pick.items = found
        .filter(({ type }) => type !== 'directory')
        .map((change) => ({
          label: change.path.split('/').at(-1)!,
          description: `/${change.path}`,
          detail: `${kindText[change.kind]()} · ${sizeText(change.size)}`,
          change,
        }))
    } finally {
      pick.busy = false
    }
  }
  pick.onDidChangeValue((value) => void find(value))
  pick.onDidAccept(() => {
    const [item] = pick.selectedItems
    pick.hide()
    if (item !== undefined) void show({ root: layer.root, path: item.change.path, kind: item.change.kind }, true)
  })
  pick.onDidHide(() => pick.dispose())
  pick.show()
  await find('')
}

function nameOfLayer({ createdBy, chainId }: LayerSummary): string {
  return instructionOf(createdBy) || chainId.slice(7, 19)
}

async function layerToSearch(
  context: ConnectedContext,
  args: readonly unknown[],
): Promise<{ root: RootReference; label: string } | undefined> {
  const [node] = args
  if (node instanceof LayerNode) return { root: node.root, label: nameOfLayer(node.layer) }
  if (node instanceof WritableNode) return { root: node.root, label: node.container.name }
  const image = await pickImage(context, args, { placeholder: vscode.l10n.t('Image to search in') })
  if (image === undefined) return undefined
  const layers = (await context.client.call('images/layers', { name: image.id })).toReversed()
  const items = layers.map((layer) => ({
    label: nameOfLayer(layer),
    description: sizeText(layer.size),
    layer,
  }))
  const picked = await vscode.window.showQuickPick(items, { placeHolder: vscode.l10n.t('Layer to search in') })
  if (picked === undefined) return undefined
  return { root: { layer: picked.layer.chainId, below: false }, label: picked.label }
}

async function showWasted(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const [node] = args
  const image =
    node instanceof EfficiencyNode
      ? node.image
      : await pickImage(context, args, { placeholder: vscode.l10n.t('Image') })
  if (image === undefined) return
  const { score, wasted, files } = await context.client.call('images/efficiency', { name: image.id })
  const items = files.slice(0, 1000).map(({ path, size, count }) => ({
    label: sizeText(size),
    description: `/${path}`,
    detail: vscode.l10n.t('in {0} layers', count),
    path,
  }))
  if (items.length === 0)
    return void vscode.window.showInformationMessage(vscode.l10n.t('{0} wastes nothing.', imageLabel(image)))
  const picked = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t(
      '{0}: efficiency {1} %, {2} wasted',
      imageLabel(image),
      (score * 100).toFixed(1),
      sizeText(wasted),
    ),
    placeHolder: vscode.l10n.t('Files written in one layer and overwritten or removed in a later one'),
    matchOnDescription: true,
  })
  if (picked !== undefined) await vscode.commands.executeCommand('vscode.open', uriOf({ image: image.id }, picked.path))
}

async function compareImages(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const chosen = args[0] instanceof ImageNode ? await pickImages(context, args, { placeholder: '', many: true }) : []
  const first = chosen[0] ?? (await pickImage(context, [], { placeholder: vscode.l10n.t('Image to compare') }))
  if (first === undefined) return
  const fits = ({ id }: { id: string }): boolean => id !== first.id
  const second =
    chosen[1] ??
    (await pickImage(context, [], { placeholder: vscode.l10n.t('Compare {0} with', imageLabel(first)), fits }))
  if (second === undefined) return
  const changes = await context.client.call('images/compare', { name: first.id, with: second.id })
  const files = changes.filter(({ type }) => type !== 'directory')
  const items = files.slice(0, 5000).map((change) => ({
    label: `$(diff-${change.kind === 'changed' ? 'modified' : change.kind}) /${change.path}`,
    description: `${kindText[change.kind]()} · ${sizeText(change.size)}`,
    change,
  }))
  const grown = files.reduce(
    (sum, { kind, size }) => sum + (kind === 'removed' ? -size : kind === 'added' ? size : 0),
    0,
  )
  const picked = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t(
      '{0} → {1}: {2} files differ, {3}',
      imageLabel(first),
      imageLabel(second),
      files.length,
      `${grown < 0 ? '−' : '+'}${sizeText(Math.abs(grown))}`,
    ),
    placeHolder: vscode.l10n.t('File to compare'),
    matchOnDescription: true,
    ignoreFocusOut: true,
  })
  if (picked === undefined) return
  const { path, kind } = picked.change
  const [left, right] = [uriOf({ image: first.id }, path), uriOf({ image: second.id }, path)]
  if (kind === 'changed')
    await vscode.commands.executeCommand(
      'vscode.diff',
      left,
      right,
      `${path} (${imageLabel(first)} ↔ ${imageLabel(second)})`,
    )
  else await vscode.commands.executeCommand('vscode.open', kind === 'removed' ? left : right)
}

/** A file or a folder, streamed to disk whatever its size. */
async function saveFile(context: ConnectedContext, node: unknown): Promise<void> {
  const place = placeOf(node)
  if (place === undefined) return
  const name = place.path.split('/').at(-1)!
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri
  const target = await vscode.window.showSaveDialog({
    title: vscode.l10n.t('Save {0}', name),
    ...(folder !== undefined && { defaultUri: vscode.Uri.joinPath(folder, name) }),
  })
  if (target === undefined) return
  const root = place.kind === 'removed' ? belowOf(place.root) : place.root
  await withTransfer(context, vscode.l10n.t('Saving {0}', name), async () => {
    const { copyOut } = await import('../../helper/client/copy.ts')
    await copyOut(context.client, () => context.connection.openStream(), { root, path: place.path }, target.fsPath)
  })
}

/** From the palette, a row's menu, or files that were dropped onto a row. */
async function copyInto(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const container = await containerFor(context, args)
  if (container === undefined) return
  const dropped = Array.isArray(args[1]) ? args[1].filter((uri) => uri instanceof vscode.Uri) : []
  const files =
    dropped.length > 0
      ? dropped
      : await vscode.window.showOpenDialog({
          title: vscode.l10n.t('Copy into {0}', container.name),
          openLabel: vscode.l10n.t('Copy'),
          canSelectMany: true,
          canSelectFolders: true,
        })
  if (files === undefined || files.length === 0) return
  const into = await vscode.window.showInputBox({
    title: vscode.l10n.t('Copy into {0}', container.name),
    prompt: vscode.l10n.t('Directory in the container'),
    value: '/',
    validateInput: (value) => (value.startsWith('/') ? undefined : vscode.l10n.t('An absolute path, such as /tmp')),
  })
  if (into === undefined) return
  await withTransfer(context, vscode.l10n.t('Copying into {0}', container.name), async () => {
    const { copyIn } = await import('../../helper/client/copy.ts')
    for (const { fsPath } of files) {
      await stat(fsPath)
      const destination = { container: container.id, into, keepOwners: false }
      await copyIn(context.client, () => context.connection.openStream(), fsPath, destination)
    }
  })
}

async function containerFor(
  context: ConnectedContext,
  [first]: readonly unknown[],
): Promise<ContainerSummary | undefined> {
  if (first instanceof ContainerNode || first instanceof WritableNode) return first.container
  const known = context.containers.get((first as ContainerSummary | undefined)?.id ?? '')
  if (known !== undefined) return known
  return (
    await pickContainers(context, [], {
      states: anyState,
      placeholder: vscode.l10n.t('Container to copy into'),
      many: false,
    })
  )[0]
}

export function fileCommands(context: Context): vscode.Disposable {
  return vscode.Disposable.from(
    registerConnected(context, commands.openFile, openFile),
    registerConnected(context, commands.openPlain, openPlain),
    registerConnected(context, commands.searchLayer, search),
    registerConnected(context, commands.showWasted, showWasted),
    registerConnected(context, commands.compareImages, compareImages),
    registerConnected(context, commands.saveFile, saveFile),
    registerConnected(context, commands.copyInto, copyInto),
  )
}
