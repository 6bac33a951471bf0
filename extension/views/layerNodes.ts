/** Rows of the Layers view. Their ids never change; what changes is in description and tooltip. */
import * as vscode from 'vscode'
import type {
  ChangeEntry,
  ChangeKind,
  Efficiency,
  FileEntry,
  ImageSummary,
  LayerSummary,
  RootReference,
} from '../../helper/protocol/imageSchemas.ts'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import { sizeText } from '../../helper/protocol/text.ts'
import { imageLabel } from '../connection/imageModel.ts'
import { commands } from '../contributions.ts'
import { uriOf } from '../files/uri.ts'

const { Collapsed, None } = vscode.TreeItemCollapsibleState

export const kindText: Readonly<Record<ChangeKind, () => string>> = {
  added: () => vscode.l10n.t('added'),
  changed: () => vscode.l10n.t('changed'),
  removed: () => vscode.l10n.t('removed'),
}

export class ImageNode extends vscode.TreeItem {
  readonly image: ImageSummary

  constructor(image: ImageSummary) {
    const label = imageLabel(image)
    super(label, Collapsed)
    this.image = image
    this.id = `image ${image.id} ${label}`
    const isHost = image.id === 'host'
    const layers = image.layers === 1 ? vscode.l10n.t('1 layer') : vscode.l10n.t('{0} layers', image.layers)
    this.description = isHost ? vscode.l10n.t('this machine’s own files') : `${sizeText(image.size ?? 0)} · ${layers}`
    this.iconPath = new vscode.ThemeIcon(isHost ? 'device-desktop' : 'package')
    this.contextValue = isHost ? 'image.host' : 'image.stored'
    this.accessibilityInformation = { label: vscode.l10n.t('image {0}, {1}', label, this.description) }
  }
}

/** What RUN, COPY and the like look like where somebody wrote them. */
export function instructionOf(createdBy: string): string {
  const text = createdBy
    .replace(/^\/bin\/sh -c #\(nop\)\s+/, '')
    .replace(/^(?:\/bin\/)?sh -c /, 'RUN ')
    .replace(/^RUN \|\d+ .*? \/bin\/sh -c /, 'RUN ')
    .replace(/\s+# buildkit$/, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return text
}

/** The size behind it must stay to be seen; the tooltip has all of it. */
function shortened(text: string): string {
  return text.length > 22 ? `${text.slice(0, 21)}…` : text
}

export class LayerNode extends vscode.TreeItem {
  readonly image: ImageSummary
  readonly layer: LayerSummary
  readonly root: RootReference

  constructor(image: ImageSummary, layer: LayerSummary, number: number) {
    const instruction = instructionOf(layer.createdBy)
    super(instruction === '' ? layer.chainId.slice(7, 19) : shortened(instruction), Collapsed)
    this.image = image
    this.layer = layer
    this.root = { layer: layer.chainId, below: false }
    this.id = `layer ${image.id} ${imageLabel(image)} ${layer.chainId}`
    const shared = layer.sharedWith.length
    const sharing = shared === 0 ? '' : ` · ${vscode.l10n.t('shared by {0}', shared + 1)}`
    this.description = `${sizeText(layer.size)}${sharing}`
    this.iconPath = new vscode.ThemeIcon('layers')
    this.contextValue = 'layer'
    this.accessibilityInformation = {
      label: vscode.l10n.t('layer {0} of {1}, {2}, {3}', number, imageLabel(image), this.description, instruction),
    }
  }
}

export function layerTooltip({ layer }: LayerNode): vscode.MarkdownString {
  const tooltip = new vscode.MarkdownString('', true)
  // Instructions are not ours: as text, never as Markdown.
  tooltip.appendCodeblock(layer.createdBy === '' ? layer.chainId : layer.createdBy, 'dockerfile')
  const rows: [string, string][] = [
    [vscode.l10n.t('Size'), sizeText(layer.size)],
    [vscode.l10n.t('Compressed'), layer.compressedSize === null ? '–' : sizeText(layer.compressedSize)],
    [vscode.l10n.t('Chain id'), layer.chainId.slice(0, 19)],
    [vscode.l10n.t('Diff id'), layer.diffId.slice(0, 19)],
    [vscode.l10n.t('Also in'), layer.sharedWith.length === 0 ? '–' : layer.sharedWith.join(', ')],
  ]
  if (layer.comment !== '') rows.push([vscode.l10n.t('Comment'), layer.comment])
  tooltip.appendMarkdown('\n| | |\n|---|---|\n')
  for (const [name, value] of rows)
    tooltip.appendMarkdown(`| ${name} | `).appendText(value.replaceAll('|', '¦')).appendMarkdown(' |\n')
  return tooltip
}

export class EfficiencyNode extends vscode.TreeItem {
  readonly image: ImageSummary

  constructor(image: ImageSummary, { score, wasted }: Efficiency) {
    super(vscode.l10n.t('Efficiency {0} %', (score * 100).toFixed(1)), None)
    this.image = image
    this.id = `efficiency ${image.id} ${imageLabel(image)}`
    this.description = wasted === 0 ? vscode.l10n.t('nothing wasted') : vscode.l10n.t('{0} wasted', sizeText(wasted))
    this.iconPath = new vscode.ThemeIcon('pie-chart')
    this.contextValue = 'efficiency'
    this.accessibilityInformation = {
      label: vscode.l10n.t('efficiency {0} percent, {1}', (score * 100).toFixed(1), this.description),
    }
    this.tooltip = vscode.l10n.t('Wasted are bytes written in one layer and overwritten or removed in a later one.')
    this.command = { command: commands.showWasted, title: '', arguments: [this] }
  }
}

/** The files as a container sees them: all layers merged. */
export class MergedNode extends vscode.TreeItem {
  readonly root: RootReference
  readonly path: string

  constructor(root: RootReference, key: string) {
    super(vscode.l10n.t('All Files'), Collapsed)
    this.root = root
    this.path = ''
    this.id = `merged ${key}`
    this.description = vscode.l10n.t('merged')
    this.iconPath = new vscode.ThemeIcon('root-folder')
    this.contextValue = 'merged'
    this.accessibilityInformation = { label: vscode.l10n.t('all files, merged of the layers') }
  }
}

export class WritableNode extends vscode.TreeItem {
  readonly container: ContainerSummary
  readonly root: RootReference

  constructor(container: ContainerSummary, size: number | undefined) {
    super(container.name, Collapsed)
    this.container = container
    this.root = { writable: container.id, below: false }
    this.id = `writable ${container.id}`
    const written = size === undefined ? '' : `${sizeText(size)} · `
    this.description = `${written}${vscode.l10n.t('on {0}', container.image.replace(/:latest$/, ''))}`
    this.iconPath = new vscode.ThemeIcon(
      'edit',
      container.state === 'running' ? new vscode.ThemeColor('charts.green') : undefined,
    )
    this.contextValue = 'writable'
    this.tooltip = vscode.l10n.t('What {0} has written: gone with the container, unless committed.', container.name)
    this.accessibilityInformation = {
      label: vscode.l10n.t('writable layer of container {0}, {1}', container.name, this.description),
    }
  }
}

export class SectionNode extends vscode.TreeItem {
  constructor() {
    super(vscode.l10n.t('Writable Layers'), vscode.TreeItemCollapsibleState.Expanded)
    this.id = 'section writable'
    this.contextValue = 'section'
    this.accessibilityInformation = { label: vscode.l10n.t('writable layers of containers') }
  }
}

/** A file or directory that a layer changes. */
export class ChangeNode extends vscode.TreeItem {
  readonly root: RootReference
  readonly path: string
  readonly change: ChangeEntry

  /** `key`: id of the row above. */
  constructor(root: RootReference, parent: string, change: ChangeEntry, key: string) {
    const path = parent === '' ? change.name : `${parent}/${change.name}`
    const isDirectory = change.type === 'directory'
    super(change.name, isDirectory && change.kind !== 'removed' ? Collapsed : None)
    this.root = root
    this.path = path
    this.change = change
    this.id = `${key}/${change.name}`
    this.resourceUri = uriOf(root, path, change.kind)
    this.iconPath = isDirectory ? vscode.ThemeIcon.Folder : vscode.ThemeIcon.File
    const files = change.files === 1 ? vscode.l10n.t('1 file') : vscode.l10n.t('{0} files', change.files)
    this.description = isDirectory ? `${sizeText(change.size)} · ${files}` : sizeText(change.size)
    this.contextValue = `change.${change.kind}.${isDirectory ? 'directory' : 'file'}`
    this.tooltip = `/${path} · ${kindText[change.kind]()}`
    if (change.type === 'file') this.command = { command: commands.openFile, title: '', arguments: [this] }
    this.accessibilityInformation = {
      label: `${change.name}, ${kindText[change.kind]()}, ${this.description}`,
    }
  }
}

/** A file or directory of a merged root. */
export class FileNode extends vscode.TreeItem {
  readonly root: RootReference
  readonly path: string
  readonly entry: FileEntry

  constructor(root: RootReference, parent: string, entry: FileEntry, key: string) {
    const isDirectory = entry.type === 'directory'
    super(entry.name, isDirectory ? Collapsed : None)
    this.root = root
    this.path = parent === '' ? entry.name : `${parent}/${entry.name}`
    this.entry = entry
    this.id = `${key}/${entry.name}`
    this.resourceUri = uriOf(root, this.path)
    this.iconPath = isDirectory ? vscode.ThemeIcon.Folder : vscode.ThemeIcon.File
    this.description = entry.link === null ? (isDirectory ? '' : sizeText(entry.size)) : `→ ${entry.link}`
    this.contextValue = `file.${isDirectory ? 'directory' : 'file'}`
    this.accessibilityInformation = {
      label: `${entry.name}, ${isDirectory ? vscode.l10n.t('folder') : this.description}`,
    }
    if (entry.type === 'file' || entry.target === 'file')
      this.command = { command: commands.openFile, title: '', arguments: [this] }
  }
}

/** Where a directory has more than a tree can show. */
export class MoreNode extends vscode.TreeItem {
  constructor(parent: string, shown: number, total: number) {
    super(vscode.l10n.t('… {0} more', total - shown), None)
    this.id = `more ${parent}`
    this.tooltip = vscode.l10n.t('Use Search in Layer to find one of them.')
    this.contextValue = 'more'
  }
}

export type LayerTreeNode =
  ImageNode | LayerNode | EfficiencyNode | MergedNode | WritableNode | SectionNode | ChangeNode | FileNode | MoreNode
