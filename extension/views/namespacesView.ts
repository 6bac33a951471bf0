/** The Namespaces view: by kind as the kernel has them, or by process; followed while somebody looks. */
import { isDeepStrictEqual } from 'node:util'
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
/** Milliseconds between two readings of what is inside an open one. */
const insidePause = 3_000

export class NamespacesProvider implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly #context: Context
  readonly #onDidChange = new vscode.EventEmitter<Node | Node[] | undefined>()
  readonly onDidChangeTreeData = this.#onDidChange.event
  readonly #subscriptions: vscode.Disposable[]
  #list: Promise<readonly NamespaceSummary[]> | undefined
  /** Rows whose text changes while they stay, by their ids; and those that are open. */
  readonly #namespaces = new Map<string, NamespaceNode>()
  readonly #owners = new Map<string, OwnerNode>()
  readonly #open = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #insideTimer: NodeJS.Timeout | undefined
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
      return parent.id === `${type}:${id}` ? [...inside, ...below.map((one) => this.#row(one))] : inside
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

  open({ id }: Node, isOpen: boolean): void {
    if (isOpen) this.#open.add(id!)
    else this.#open.delete(id!)
  }

  show(isVisible: boolean): void {
    this.#isVisible = isVisible
    this.#follow()
    if (isVisible) this.#forget()
  }

  dispose(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#insideTimer)
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
      this.#readAgain().catch((error: unknown) => this.#context.log.warn(String(error)))
    }, pause)
  }

  #forget(): void {
    this.#list = undefined
    this.#namespaces.clear()
    this.#owners.clear()
    this.#onDidChange.fire(undefined)
  }

  /** Processes come and go all the time: where the same namespaces are there, rows alone are written anew. The others keep
   * their hovers and menus. */
  async #readAgain(): Promise<void> {
    if (this.#context.connection.client === undefined) return
    const before = await this.#all()
    const list = await this.#read()
    const groups = this.#owners.size === 0 ? [] : await this.#groups()
    if (outline(before) !== outline(list) || groups.map(idOfGroup).join() !== [...this.#owners.keys()].join())
      return this.#forget()
    this.#list = Promise.resolve(list)
    const changed: Node[] = []
    const now = new Map(list.map((one) => [`${one.type}:${one.id}`, one]))
    for (const node of this.#namespaces.values()) {
      const found = now.get(`${node.namespace.type}:${node.namespace.id}`)
      if (found === undefined) return this.#forget() // a row of a list that was read before
      if (this.#open.has(node.id!)) this.#insideLater()
      else if (!isDeepStrictEqual(found, node.namespace)) changed.push(node)
      node.take(found)
    }
    for (const group of groups) {
      const node = this.#owners.get(idOfGroup(group))!
      if (isDeepStrictEqual(group, node.processes)) continue
      node.take(group)
      changed.push(node)
    }
    if (changed.length > 0) this.#onDidChange.fire(changed)
  }

  /** Who is in one that is open may have changed, though as many are: it is read again, but not each time. */
  #insideLater(): void {
    this.#insideTimer ??= setTimeout(() => {
      this.#insideTimer = undefined
      const open = [...this.#namespaces.values()].filter(({ id }) => this.#open.has(id!))
      if (open.length > 0) this.#onDidChange.fire(open)
    }, insidePause)
  }

  #row(namespace: NamespaceSummary, within?: string, name?: string): NamespaceNode {
    const node = new NamespaceNode(namespace, within, name)
    this.#namespaces.set(node.id!, node)
    return node
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
    if (by === 'process') return await this.#ownerRows()
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
    return those.filter(({ parent }) => parent === null || !ids.has(parent)).map((one) => this.#row(one))
  }

  async #ownerRows(): Promise<Node[]> {
    const nodes = (await this.#groups()).map((group) => new OwnerNode(group[0]!.belongsTo, group))
    this.#owners.clear()
    for (const node of nodes) this.#owners.set(node.id!, node)
    return nodes
  }

  /** Processes by whose they are; nobody's last. */
  async #groups(): Promise<NamespaceProcess[][]> {
    const processes = await this.#context.connection.client!.call('namespaces/processes')
    const groups = new Map<string, NamespaceProcess[]>()
    for (const process of processes) {
      const key = OwnerNode.idOf(process.belongsTo)
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [process])
      else group.push(process)
    }
    return [...groups.values()].sort((a, b) => Number(a[0]!.belongsTo === null) - Number(b[0]!.belongsTo === null))
  }

  /** Its eight, each with whose it is. */
  async #namespacesOf({ process, id }: HostProcessNode): Promise<Node[]> {
    const all = await this.#all()
    return namespaceTypes.flatMap((type) => {
      const found = all.find((one) => one.type === type && one.id === process.namespaces[type])
      return found === undefined ? [] : this.#row(found, `${id}/`, `${typeTitle(type)}: ${placeText(found, process)}`)
    })
  }
}

function idOfGroup(group: readonly NamespaceProcess[]): string {
  return OwnerNode.idOf(group[0]!.belongsTo)
}

/** Which rows there are, and below which, whatever their text says. */
function outline(list: readonly NamespaceSummary[]): string {
  return JSON.stringify(
    list.map(({ type, id, parent, belongsTo, processes }) => [type, id, parent, belongsTo, processes > 0]),
  )
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
    view.onDidExpandElement(({ element }) => provider.open(element, true)),
    view.onDidCollapseElement(({ element }) => provider.open(element, false)),
    vscode.workspace.onDidChangeConfiguration(describe),
  )
}
