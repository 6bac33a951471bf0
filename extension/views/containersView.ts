/** The Containers view and its badge: how many run. */
import * as vscode from 'vscode'
import type { Client } from '../../helper/client/client.ts'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import { contextKeys, settings, views } from '../contributions.ts'
import type { Context } from '../context.ts'
import { fitsFilter, grouped, type Grouping } from './containerGroups.ts'
import { ContainerNode, GroupNode, tooltipOf } from './containerNode.ts'
import { CheckNode, EndpointNode, MountNode, PartNode, partsOf, PortNode, VariableNode } from './containerParts.ts'
import { fileRows } from './directoryRows.ts'
import { dropFiles } from './dropFiles.ts'
import { FileNode } from './layerNodes.ts'
import { LiveProcesses } from './liveProcesses.ts'
import { MemberNode, NetworkNode, SharedNode, VolumeNode } from './sharedNodes.ts'

/** Milliseconds after which ages on rows are read again. */
const ageing = 30_000

type Node = vscode.TreeItem

class ContainersProvider implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly #context: Context
  readonly #onDidChange = new vscode.EventEmitter<Node | undefined>()
  readonly onDidChangeTreeData = this.#onDidChange.event
  readonly processes: LiveProcesses
  readonly #subscriptions: { dispose(): unknown }[]

  constructor(context: Context) {
    this.#context = context
    this.processes = new LiveProcesses(context, (node) => this.#onDidChange.fire(node))
    const refresh = (): void => this.#onDidChange.fire(undefined)
    const timer = setInterval(() => context.containers.running > 0 && refresh(), ageing)
    this.#subscriptions = [
      this.processes,
      context.containers.onDidChange(refresh),
      context.shared.onDidChange(refresh),
      context.filter.onDidChange(refresh),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration(settings.groupBy) || change.affectsConfiguration(settings.groupByLabel))
          refresh()
      }),
      { dispose: () => clearInterval(timer) },
    ]
  }

  async getChildren(parent?: Node): Promise<Node[]> {
    if (parent === undefined) return await this.#roots()
    if (parent instanceof GroupNode) return parent.containers.map((container) => new ContainerNode(container))
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

  resolveTreeItem(item: vscode.TreeItem, node: Node): vscode.TreeItem {
    if (node instanceof ContainerNode) item.tooltip = tooltipOf(node.container)
    return item
  }

  /** A row alone, whose text has changed. */
  refresh(node: Node): void {
    this.#onDidChange.fire(node)
  }

  dispose(): void {
    vscode.Disposable.from(...this.#subscriptions, this.#onDidChange).dispose()
  }

  async #roots(): Promise<Node[]> {
    const { containers, filter, shared } = this.#context
    const shown = containers.all().filter((container) => fitsFilter(container, filter.text))
    const configuration = vscode.workspace.getConfiguration()
    const by = configuration.get<Grouping>(settings.groupBy, 'project')
    const { groups, alone } = grouped(shown, by, configuration.get<string>(settings.groupByLabel, ''))
    const rows = [
      ...[...groups].map(([name, members]) => new GroupNode(name, members, by)),
      ...alone.map((container) => new ContainerNode(container)),
    ]
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
    const { text } = context.filter
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
    view.onDidExpandElement(({ element }) => provider.processes.show(element, true)),
    view.onDidCollapseElement(({ element }) => provider.processes.show(element, false)),
    view.onDidChangeVisibility(({ visible }) => provider.processes.pause(!visible)),
  )
}
