/** The Containers view and its badge: how many run. */
import * as vscode from 'vscode'
import type { Client } from '../../helper/client/client.ts'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import { runs } from '../connection/containerModel.ts'
import { contextKeys, settings, views } from '../contributions.ts'
import type { Context } from '../context.ts'
import { fitsFilter, grouped, type Grouping } from './containerGroups.ts'
import { ContainerNode, GroupNode, tooltipOf } from './containerNode.ts'
import { CheckNode, EndpointNode, MountNode, PartNode, partsOf, PortNode, VariableNode } from './containerParts.ts'
import { fileRows } from './directoryRows.ts'
import { dropFiles } from './dropFiles.ts'
import { FileNode } from './layerNodes.ts'
import { LiveProcesses } from './liveProcesses.ts'
import { LiveUsage } from './liveUsage.ts'
import { appendGraph, limitIn, valuesOf } from './usageText.ts'
import { MemberNode, NetworkNode, SharedNode, VolumeNode } from './sharedNodes.ts'

/** Milliseconds after which ages on rows are read again. */
const ageing = 30_000

type Node = vscode.TreeItem

class ContainersProvider implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly #context: Context
  readonly #onDidChange = new vscode.EventEmitter<Node | Node[] | undefined>()
  readonly onDidChangeTreeData = this.#onDidChange.event
  readonly processes: LiveProcesses
  readonly usage: LiveUsage
  readonly #subscriptions: { dispose(): unknown }[]
  #groups: GroupNode[] = []

  constructor(context: Context) {
    this.#context = context
    this.processes = new LiveProcesses(context, (node) => this.#onDidChange.fire(node))
    this.usage = new LiveUsage(context, (nodes) => this.#onDidChange.fire(nodes))
    const refresh = (): void => this.#onDidChange.fire(undefined)
    const timer = setInterval(() => context.containers.running > 0 && refresh(), ageing)
    this.#subscriptions = [
      this.processes,
      this.usage,
      context.containers.onDidChange(refresh),
      context.shared.onDidChange(refresh),
      context.filter.onDidChange(refresh),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration('bulkhead.containers')) refresh()
      }),
      { dispose: () => clearInterval(timer) },
    ]
  }

  async getChildren(parent?: Node): Promise<Node[]> {
    if (parent === undefined) return await this.#roots()
    if (parent instanceof GroupNode) return parent.containers.map((container) => this.#row(container))
    if (parent instanceof ContainerNode) return partsOf(parent.container)
    if (parent instanceof NetworkNode)
      return parent.network.containers.map((member) => new MemberNode(parent.network, member))
    const { client } = this.#context.connection
    if (client === undefined) return []
    if (parent instanceof PartNode) return await this.#part(client, parent)
    if (parent instanceof SharedNode) return await this.#shared(parent)
    if (parent instanceof VolumeNode) return await fileRows(client, parent.root, '', parent.id!)
    if (parent instanceof FileNode) return await fileRows(client, parent.root, parent.path, parent.id!)
    return []
  }

  getTreeItem(node: Node): vscode.TreeItem {
    return node
  }

  getParent(node: Node): Node | undefined {
    if (!(node instanceof ContainerNode)) return undefined
    return this.#groups.find(({ containers }) => containers.some(({ id }) => id === node.container.id))
  }

  async resolveTreeItem(item: vscode.TreeItem, node: Node): Promise<vscode.TreeItem> {
    if (!(node instanceof ContainerNode)) return item
    this.usage.hover(node)
    const tooltip = tooltipOf(node.container)
    if (runs(node.container)) {
      const values = await this.#context.usage.recorded(node.container.id)
      for (const metric of ['cpu', 'memory'] as const)
        appendGraph(tooltip, { values: valuesOf(values, metric), metric, limit: limitIn(values, metric) })
    }
    item.tooltip = tooltip
    return item
  }

  /** A row alone, whose text has changed. */
  refresh(node: Node): void {
    this.#onDidChange.fire(node)
  }

  open(node: Node, isOpen: boolean): void {
    this.processes.show(node, isOpen)
    if (node instanceof ContainerNode) this.usage.open(node, isOpen)
  }

  /** Nobody sees the view, or somebody does again. */
  pause(isPaused: boolean): void {
    this.processes.pause(isPaused)
    this.usage.pause(isPaused)
  }

  dispose(): void {
    vscode.Disposable.from(...this.#subscriptions, this.#onDidChange).dispose()
  }

  #row(container: ContainerSummary): ContainerNode {
    const node = new ContainerNode(container)
    this.usage.take(node)
    return node
  }

  async #roots(): Promise<Node[]> {
    const { containers, filter, shared } = this.#context
    const shown = containers.all().filter((container) => fitsFilter(container, filter.value))
    const configuration = vscode.workspace.getConfiguration()
    const by = configuration.get<Grouping>(settings.groupBy, 'project')
    const { groups, alone } = grouped(shown, by, configuration.get<string>(settings.groupByLabel, ''))
    this.#groups = [...groups].map(([name, members]) => new GroupNode(name, members, by))
    const rows = [...this.#groups, ...alone.map((container) => this.#row(container))]
    this.usage.shown(shown.map(({ id }) => id))
    // An empty view says what a container is: nothing else is shown in it.
    const [networks, volumes] = await Promise.all([shared.networks(), shared.volumes()])
    const sections = [
      ...(networks.length > 1 || (networks.length === 1 && networks[0]!.containers.length > 0)
        ? [new SharedNode('networks', networks.length)]
        : []),
      ...(volumes.length > 0 ? [new SharedNode('volumes', volumes.length)] : []),
    ]
    return containers.all().length === 0 && volumes.length === 0 && networks.length <= 1 ? [] : [...rows, ...sections]
  }

  async #shared({ kind }: SharedNode): Promise<Node[]> {
    if (kind === 'networks') return (await this.#context.shared.networks()).map((network) => new NetworkNode(network))
    return (await this.#context.shared.volumes()).map((volume) => new VolumeNode(volume))
  }

  async #part(client: Client, { kind, container }: PartNode): Promise<Node[]> {
    switch (kind) {
      case 'processes':
        return await this.processes.of(client, container)
      case 'mounts':
        return container.mounts.map((mount) => new MountNode(container, mount))
      case 'network':
        return [
          ...container.endpoints.map((endpoint) => new EndpointNode(container, endpoint)),
          ...container.ports.map((port) => new PortNode(container, port)),
        ]
      case 'environment':
        return (await environmentOf(client, container)).map((entry) => new VariableNode(container, entry))
      case 'health': {
        const { health } = (await client.call('containers/inspect', {
          container: container.id,
        })) as unknown as Inspected
        return (health?.log ?? []).toReversed().map((check) => new CheckNode(container, check))
      }
    }
  }
}

interface Inspected {
  readonly specification: { readonly process: { readonly env: readonly string[] } }
  readonly health: { readonly log: ConstructorParameters<typeof CheckNode>[1][] } | null
}

async function environmentOf(client: Client, { id }: ContainerSummary): Promise<string[]> {
  const { specification } = (await client.call('containers/inspect', { container: id })) as unknown as Inspected
  return specification.process.env.toSorted()
}

export function containersView(context: Context): vscode.Disposable {
  const provider = new ContainersProvider(context)
  const view = vscode.window.createTreeView(views.containers, {
    treeDataProvider: provider,
    canSelectMany: true,
    dragAndDropController: dropFiles<Node>(context, (node) =>
      node instanceof ContainerNode ? node.container : undefined,
    ),
  })
  const showState = (): void =>
    void vscode.commands.executeCommand('setContext', contextKeys.state, context.connection.state)
  const showBadge = (): void => {
    const { running } = context.containers
    const tooltip =
      running === 1 ? vscode.l10n.t('1 running container') : vscode.l10n.t('{0} running containers', running)
    view.badge = running === 0 ? undefined : { value: running, tooltip }
  }
  const showFilter = (): void => {
    const { value: text } = context.filter
    view.description = text === '' ? '' : vscode.l10n.t('filter: {0}', text)
    void vscode.commands.executeCommand('setContext', contextKeys.filtered, text !== '')
  }
  showState()
  showBadge()
  showFilter()
  return vscode.Disposable.from(
    provider,
    view,
    context.connection.onDidChange(showState),
    context.containers.onDidChange(showBadge),
    context.filter.onDidChange(showFilter),
    context.onRevealed((node) => provider.refresh(node)),
    context.onRevealContainer((id) => {
      const node = provider.usage.node(id)
      if (node !== undefined) void view.reveal(node, { select: true, focus: true })
    }),
    view.onDidExpandElement(({ element }) => provider.open(element, true)),
    view.onDidCollapseElement(({ element }) => provider.open(element, false)),
    view.onDidChangeVisibility(({ visible }) => provider.pause(!visible)),
  )
}
