/** The Cgroups view: the kernel's tree, read as it is opened, followed by what the kernel says of it, with what each uses. */
import * as vscode from 'vscode'
import type { Client } from '../../helper/client/client.ts'
import { join } from '../../helper/protocol/cgroupPaths.ts'
import type { Cgroup, CgroupsChanged } from '../../helper/protocol/cgroupSchemas.ts'
import { isContainer } from '../../helper/protocol/kernelWords.ts'
import { watchedAtMost } from '../../helper/protocol/usageColumns.ts'
import { contextKeys, settings, views } from '../contributions.ts'
import type { Context } from '../context.ts'
import { CgroupDirectory } from './cgroupDirectory.ts'
import {
  CgroupNode,
  CgroupProcessNode,
  cgroupTooltip,
  MoreCgroupsNode,
  ownerText,
  type CgroupTreeNode,
} from './cgroupNode.ts'
import { LiveRows } from './liveRows.ts'
import { appendGraph, metricTitle, shownMetrics, usageText, valuesOf, type ShownMetric } from './usageText.ts'

const key = 'cgroups'
/** Rows that fit what is looked for, until which a directory is read on. */
const screenful = 100
/** Samples between two sortings by use: rows that jump cannot be read. */
const sortEvery = 5

interface Look {
  readonly metric: ShownMetric
  readonly byUsage: boolean
  readonly hideIdle: boolean
}

function look(): Look {
  const configuration = vscode.workspace.getConfiguration()
  return {
    metric: configuration.get<ShownMetric>(settings.cgroupMetric, 'cpu'),
    byUsage: configuration.get<string>(settings.cgroupSort, 'name') === 'usage',
    hideIdle: configuration.get<boolean>(settings.cgroupHideIdle, false),
  }
}

export class CgroupsProvider implements vscode.TreeDataProvider<CgroupTreeNode>, vscode.Disposable {
  readonly #context: Context
  readonly #onDidChange = new vscode.EventEmitter<CgroupTreeNode | CgroupTreeNode[] | undefined>()
  readonly onDidChangeTreeData = this.#onDidChange.event
  readonly #subscriptions: vscode.Disposable[]
  /** Those that are open, by path; the root's is `/`. */
  readonly #directories = new Map<string, CgroupDirectory>()
  readonly #open = new Set<string>(['/'])
  readonly #rows = new LiveRows<CgroupNode>()
  #filter = ''
  /** Of the filter, as rows are compared with them. */
  #words: readonly string[] = []
  #look = look()
  #isVisible = false
  #samples = 0

  constructor(context: Context) {
    this.#context = context
    this.#subscriptions = [
      context.connection.onDidChange((state) => {
        if (state === 'connected') context.connection.client!.onCgroupsChanged((change) => void this.#onChanged(change))
        this.#forget()
      }),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (!change.affectsConfiguration('bulkhead.cgroups')) return
        this.#look = look()
        this.#showAgain()
        this.#watch()
      }),
    ]
  }

  get metric(): ShownMetric {
    return this.#look.metric
  }
  get filter(): string {
    return this.#filter
  }
  set filter(text: string) {
    this.#filter = text
    this.#words = text.toLowerCase().split(/\s+/).filter(Boolean)
    this.#showAgain()
  }

  async getChildren(parent?: CgroupTreeNode): Promise<CgroupTreeNode[]> {
    const { client } = this.#context.connection
    if (client === undefined || (parent !== undefined && !(parent instanceof CgroupNode))) return []
    const path = parent?.cgroup.path ?? '/'
    const known = this.#directories.get(path)
    if (known !== undefined) return known.shown
    return (await this.#read(client, parent)).shown
  }

  getTreeItem(node: CgroupTreeNode): vscode.TreeItem {
    return node
  }

  getParent(node: CgroupTreeNode): CgroupNode | undefined {
    return node instanceof CgroupNode || node instanceof MoreCgroupsNode ? node.parent : undefined
  }

  async resolveTreeItem(item: vscode.TreeItem, node: CgroupTreeNode): Promise<vscode.TreeItem> {
    const { client } = this.#context.connection
    if (!(node instanceof CgroupNode) || client === undefined) return item
    this.#rows.hover(node)
    const details = await client.call('cgroups/inspect', { path: node.cgroup.path })
    const { metric } = this.#look
    const tooltip = cgroupTooltip(details)
    const { usage } = this.#context
    const values = node.containerId === undefined ? usage.live(details.path) : await usage.recorded(node.containerId)
    appendGraph(tooltip, { values: valuesOf(values, metric), metric, limit: limitOf(metric, details.limits) })
    item.tooltip = tooltip
    return item
  }

  show(isVisible: boolean): void {
    this.#isVisible = isVisible
    // What happened while nobody looked is read again.
    if (isVisible) this.#forget()
    else this.#watch()
  }

  open(node: CgroupTreeNode, isOpen: boolean): void {
    if (!(node instanceof CgroupNode)) return
    const { path } = node.cgroup
    if (isOpen) this.#open.add(path)
    else {
      this.#open.delete(path)
      for (const below of this.#directories.keys())
        if (below === path || below.startsWith(`${path}/`)) this.#directories.delete(below)
    }
    this.#watch()
  }

  async more({ parent }: MoreCgroupsNode): Promise<void> {
    const { client } = this.#context.connection
    const directory = this.#directories.get(parent?.cgroup.path ?? '/')
    if (client === undefined || directory === undefined) return
    const before = this.#fitting(directory).length
    await directory.readOn(client, () => this.#fitting(directory).length > before)
    this.#show(directory)
  }

  /** The row of a cgroup, its ancestors read as need be; undefined where there is none. */
  async find(path: string): Promise<CgroupNode | undefined> {
    let node: CgroupNode | undefined
    const parts = path.split('/').filter(Boolean)
    for (const [depth] of parts.entries()) {
      const here = `/${parts.slice(0, depth + 1).join('/')}`
      await this.getChildren(node)
      const { client } = this.#context.connection
      const directory = this.#directories.get(node?.cgroup.path ?? '/')
      if (client === undefined || directory === undefined) return undefined
      if (await directory.readOn(client, () => directory.nodes.has(here))) this.#show(directory)
      node = directory.nodes.get(here)
      if (node === undefined) return undefined
    }
    return node
  }

  /** Reads a row again, after it has been changed. */
  async again(node: CgroupNode): Promise<void> {
    const { client } = this.#context.connection
    if (client === undefined) return
    node.take(await client.call('cgroups/inspect', { path: node.cgroup.path }))
    this.#describe(node)
    this.#onDidChange.fire(node)
  }

  dispose(): void {
    vscode.Disposable.from(...this.#subscriptions, this.#onDidChange).dispose()
  }

  async #read(client: Client, parent: CgroupNode | undefined): Promise<CgroupDirectory> {
    const directory = new CgroupDirectory(parent)
    try {
      await directory.readPage(client)
      await this.#fill(client, directory)
      if (parent !== undefined && parent.cgroup.processes > 0) {
        const { processList } = await client.call('cgroups/inspect', { path: directory.path })
        directory.processes = processList.map((process) => new CgroupProcessNode(parent, process))
      }
    } catch (error) {
      this.#context.log.debug(String(error)) // removed meanwhile
    }
    this.#directories.set(directory.path, directory)
    this.#arrange(directory)
    this.#watch()
    return directory
  }

  /** What is looked for may stand on a later page; those to be sorted are all that can be sampled at once. */
  #fill(client: Client, directory: CgroupDirectory): Promise<boolean> {
    const isEnough = (): boolean =>
      this.#look.byUsage ? directory.nodes.size >= watchedAtMost : this.#fitting(directory).length >= screenful
    return directory.readOn(client, isEnough)
  }

  #fitting({ nodes }: CgroupDirectory): CgroupNode[] {
    return [...nodes.values()].filter(({ cgroup }) => !(this.#look.hideIdle && cgroup.idle) && this.#fitsFilter(cgroup))
  }

  /** Decides what is shown of a directory, and in which order. */
  #arrange(directory: CgroupDirectory): void {
    const nodes = this.#fitting(directory)
    for (const node of nodes) this.#describe(node)
    if (this.#look.byUsage) {
      const used = new Map(
        nodes.map((node) => [
          node,
          valuesOf(this.#context.usage.live(node.cgroup.path), this.#look.metric).at(-1) ?? 0,
        ]),
      )
      nodes.sort((a, b) => used.get(b)! - used.get(a)!)
    }
    const { left, parent, processes } = directory
    directory.shown = [...nodes, ...processes, ...(left > 0 ? [new MoreCgroupsNode(parent, left)] : [])]
  }

  #show(directory: CgroupDirectory): void {
    this.#arrange(directory)
    this.#onDidChange.fire(directory.parent)
    this.#watch()
  }

  /** One that has others below it may hide what is looked for. */
  #fitsFilter({ name, owner, hasChildren, path }: Cgroup): boolean {
    const words = this.#words
    if (words.length === 0) return true
    const text = `${name} ${owner === null ? '' : ownerText(owner)}`.toLowerCase()
    const isBelow = words.some((word) => path.toLowerCase().includes(word))
    return (
      words.every((word) => text.includes(word)) || isBelow || (hasChildren && (owner === null || !isContainer(owner)))
    )
  }

  #describe(node: CgroupNode): boolean {
    return node.show(usageText(this.#context.usage, node.cgroup.path, this.#look.metric))
  }

  #showAgain(): void {
    for (const directory of this.#directories.values()) this.#arrange(directory)
    this.#onDidChange.fire(undefined)
    this.#fillAll().catch((error: unknown) => this.#context.log.debug(String(error))) // one was removed meanwhile
  }

  async #fillAll(): Promise<void> {
    const { client } = this.#context.connection
    if (client === undefined) return
    for (const directory of this.#directories.values()) if (await this.#fill(client, directory)) this.#show(directory)
  }

  #forget(): void {
    this.#directories.clear()
    this.#onDidChange.fire(undefined)
    this.#watch()
  }

  /** Only what somebody looks at is followed and sampled. */
  #watch(): void {
    const open = this.#isVisible ? [...this.#directories.keys()].filter((path) => this.#open.has(path)) : []
    const cgroups = open.flatMap((path) =>
      this.#directories.get(path)!.shown.flatMap((node) => (node instanceof CgroupNode ? node.cgroup.path : [])),
    )
    this.#context.usage.watch(key, {
      metrics: [this.#look.metric],
      cgroups: cgroups.slice(0, watchedAtMost),
      onSample: () => this.#onSample(),
    })
    this.#context.connection.client
      ?.call('cgroups/follow', { paths: open })
      .catch((error: unknown) => this.#context.log.debug(String(error)))
  }

  #onSample(): void {
    this.#samples++
    if (this.#look.byUsage && this.#samples % sortEvery === 0) {
      for (const directory of this.#directories.values()) {
        const before = directory.shown.map(({ id }) => id).join()
        this.#arrange(directory)
        if (directory.shown.map(({ id }) => id).join() !== before) this.#onDidChange.fire(directory.parent)
      }
    }
    const shown = [...this.#directories].flatMap(([path, directory]) => (this.#open.has(path) ? directory.shown : []))
    const nodes = shown.filter((node) => node instanceof CgroupNode)
    const changed = this.#rows.written(nodes, {
      write: (node) => this.#describe(node),
      isOpen: ({ cgroup }) => this.#open.has(cgroup.path),
    })
    if (changed.length > 0) this.#onDidChange.fire(changed)
  }

  async #onChanged({ path, added, removed }: CgroupsChanged): Promise<void> {
    const { client } = this.#context.connection
    const directory = this.#directories.get(path)
    if (directory === undefined || client === undefined) return
    for (const name of removed) {
      const gone = join(path, name)
      directory.remove(gone)
      this.#directories.delete(gone)
      this.#open.delete(gone)
    }
    const found = await Promise.all(
      added.map((name) => client.call('cgroups/inspect', { path: join(path, name) }).catch(() => undefined)),
    )
    for (const cgroup of found) if (cgroup !== undefined) directory.add(cgroup)
    this.#show(directory)
  }
}

/** The limit that belongs to what is shown; percent and bytes as there. */
function limitOf(metric: ShownMetric, limits: Partial<Record<string, string>>): number | null {
  const text = { cpu: limits['cpus'], memory: limits['memory'], pids: limits['pids'], io: undefined }[metric]
  if (text === undefined || text === 'max') return null
  return metric === 'cpu' ? Number(text) * 100 : Number(text)
}

export interface CgroupsView {
  readonly provider: CgroupsProvider
  /** Brings a cgroup into view, and selects it. */
  readonly reveal: (path: string) => Promise<boolean>
  dispose(): void
}

export function cgroupsView(context: Context): CgroupsView {
  const provider = new CgroupsProvider(context)
  const view = vscode.window.createTreeView(views.cgroups, { treeDataProvider: provider, canSelectMany: true })
  const showLook = (): void => {
    const { metric, byUsage, hideIdle } = look()
    const words = [
      metricTitle(shownMetrics.includes(metric) ? metric : 'cpu'),
      ...(byUsage ? [vscode.l10n.t('by use')] : []),
      ...(hideIdle ? [vscode.l10n.t('without idle ones')] : []),
      ...(provider.filter === '' ? [] : [vscode.l10n.t('filter: {0}', provider.filter)]),
    ]
    view.description = words.join(', ')
    void vscode.commands.executeCommand('setContext', contextKeys.cgroupsFiltered, provider.filter !== '')
  }
  showLook()
  provider.show(view.visible)
  const subscriptions = vscode.Disposable.from(
    provider,
    view,
    view.onDidChangeVisibility(({ visible }) => provider.show(visible)),
    view.onDidExpandElement(({ element }) => provider.open(element, true)),
    view.onDidCollapseElement(({ element }) => provider.open(element, false)),
    vscode.workspace.onDidChangeConfiguration(showLook),
    provider.onDidChangeTreeData((node) => node === undefined && showLook()),
  )
  return {
    provider,
    reveal: async (path) => {
      const node = await provider.find(path)
      if (node !== undefined) await view.reveal(node, { select: true, focus: true, expand: true })
      return node !== undefined
    },
    dispose: () => void subscriptions.dispose(),
  }
}
