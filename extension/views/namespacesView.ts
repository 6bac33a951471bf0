/** The Namespaces view: by kind as the kernel has them, or by process; followed while somebody looks. */
import * as vscode from 'vscode'
import { namespaceTypes, type NamespaceType } from '../../helper/protocol/kernelWords.ts'
import type { NamespaceProcess, NamespaceSummary } from '../../helper/protocol/namespaceSchemas.ts'
import { settings, views } from '../contributions.ts'
import type { Context } from '../context.ts'
import { insideOf, MountRow } from './namespaceContents.ts'
import { HostProcessNode, InsideNode, NamespaceNode, namespaceTooltip, OwnerNode, TypeNode } from './namespaceNodes.ts'
import { typeTitle } from './namespaceWords.ts'

type Node = vscode.TreeItem

/** Milliseconds between two readings of the list, however often the kernel says something. */
const pause = 300

export class NamespacesProvider implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly #context: Context
  readonly #onDidChange = new vscode.EventEmitter<Node | undefined>()
  readonly onDidChangeTreeData = this.#onDidChange.event
  readonly #subscriptions: vscode.Disposable[]
  #list: Promise<readonly NamespaceSummary[]> | undefined
  #timer: NodeJS.Timeout | undefined
  #isVisible = false

  constructor(context: Context) {
    this.#context = context
    this.#subscriptions = [
      context.connection.onDidChange((state) => {
        if (state === 'connected') context.connection.client!.onNamespacesChanged(() => this.#later())
        this.#follow()
        this.#forget()
      }),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration(settings.namespacesBy)) this.#forget()
      }),
    ]
  }

  async getChildren(parent?: Node): Promise<Node[]> {
    const { client } = this.#context.connection
    if (client === undefined) return []
    if (parent === undefined) return await this.#roots()
    if (parent instanceof TypeNode) return this.#top(await this.#all(), parent.type)
    if (parent instanceof NamespaceNode) {
      const all = await this.#all()
      const { type, id } = parent.namespace
      const below = all.filter((one) => one.type === type && one.parent === id)
      const inside = await insideOf(client, parent.namespace, parent.id!)
      // By process, a namespace is one's place; its descendants belong to the other way of looking.
      return parent.id === `${type}:${id}` ? [...inside, ...below.map((one) => new NamespaceNode(one))] : inside
    }
    if (parent instanceof InsideNode) return await parent.children()
    if (parent instanceof MountRow) return parent.children()
    if (parent instanceof OwnerNode)
      return parent.processes.map((process) => new HostProcessNode(process, `${parent.id}/`, true))
    if (parent instanceof HostProcessNode) return await this.#namespacesOf(parent)
    return []
  }

  getTreeItem(node: Node): vscode.TreeItem {
    return node
  }

  resolveTreeItem(item: vscode.TreeItem, node: Node): vscode.TreeItem {
    if (node instanceof NamespaceNode) item.tooltip = namespaceTooltip(node.namespace)
    return item
  }

  show(isVisible: boolean): void {
    this.#isVisible = isVisible
    this.#follow()
    if (isVisible) this.#forget()
  }

  dispose(): void {
    clearTimeout(this.#timer)
    vscode.Disposable.from(...this.#subscriptions, this.#onDidChange).dispose()
  }

  #follow(): void {
    this.#context.connection.client
      ?.call('namespaces/follow', { follow: this.#isVisible })
      .catch((error: unknown) => this.#context.log.debug(String(error)))
  }

  #later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#forget()
    }, pause)
  }

  #forget(): void {
    this.#list = undefined
    this.#onDidChange.fire(undefined)
  }

  #all(): Promise<readonly NamespaceSummary[]> {
    this.#list ??= this.#read().catch((error: unknown) => {
      this.#context.log.warn(String(error))
      return []
    })
    return this.#list
  }

  async #read(): Promise<readonly NamespaceSummary[]> {
    return (await this.#context.connection.client!.call('namespaces/list', {})).namespaces
  }

  async #roots(): Promise<Node[]> {
    const by = vscode.workspace.getConfiguration().get<string>(settings.namespacesBy, 'type')
    if (by === 'process') return await this.#owners()
    const all = await this.#all()
    return namespaceTypes.flatMap((type) => {
      const count = all.filter((one) => one.type === type).length
      return count === 0 ? [] : new TypeNode(type, count)
    })
  }

  /** User and pid namespaces have parents: they stand below them. */
  #top(all: readonly NamespaceSummary[], type: NamespaceType): Node[] {
    const those = all.filter((one) => one.type === type)
    const ids = new Set(those.map(({ id }) => id))
    return those.filter(({ parent }) => parent === null || !ids.has(parent)).map((one) => new NamespaceNode(one))
  }

  async #owners(): Promise<Node[]> {
    const processes = await this.#context.connection.client!.call('namespaces/processes')
    const groups = new Map<string, NamespaceProcess[]>()
    for (const process of processes) {
      const { belongsTo } = process
      const key = belongsTo === null ? '' : `${belongsTo.kind}/${belongsTo.name}`
      groups.set(key, [...(groups.get(key) ?? []), process])
    }
    const nodes = [...groups.values()].map((group) => new OwnerNode(group[0]!.belongsTo, group))
    return nodes.sort((a, b) => Number(a.owner === null) - Number(b.owner === null))
  }

  /** Its eight, each with whose it is. */
  async #namespacesOf({ process, id }: HostProcessNode): Promise<Node[]> {
    const all = await this.#all()
    return namespaceTypes.flatMap((type) => {
      const found = all.find((one) => one.type === type && one.id === process.namespaces[type])
      return found === undefined
        ? []
        : new NamespaceNode(found, `${id}/`, `${typeTitle(type)}: ${placeText(found, process)}`)
    })
  }
}

function placeText({ isHost, belongsTo }: NamespaceSummary, process: NamespaceProcess): string {
  if (isHost) return vscode.l10n.t('the host’s')
  const others = belongsTo.filter(({ name }) => name !== process.belongsTo?.name)
  if (others.length === 0) return vscode.l10n.t('its own')
  return vscode.l10n.t('shared with {0}', others.map(({ name }) => name).join(', '))
}

export function namespacesView(context: Context): vscode.Disposable {
  const provider = new NamespacesProvider(context)
  const view = vscode.window.createTreeView(views.namespaces, { treeDataProvider: provider, canSelectMany: true })
  const describe = (): void => {
    const by = vscode.workspace.getConfiguration().get<string>(settings.namespacesBy, 'type')
    view.description = by === 'process' ? vscode.l10n.t('by process') : vscode.l10n.t('by kind')
  }
  describe()
  provider.show(view.visible)
  return vscode.Disposable.from(
    provider,
    view,
    view.onDidChangeVisibility(({ visible }) => provider.show(visible)),
    vscode.workspace.onDidChangeConfiguration(describe),
  )
}
