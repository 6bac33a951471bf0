/** The Layers view: images and their layers, what each changes, and what containers write. */
import * as vscode from 'vscode'
import type { RootReference } from '../../helper/protocol/imageSchemas.ts'
import type { Client } from '../../helper/client/client.ts'
import { views } from '../contributions.ts'
import type { Context } from '../context.ts'
import { fileRows, firstRows } from './directoryRows.ts'
import { dropFiles } from './dropFiles.ts'
import {
  ChangeNode,
  EfficiencyNode,
  FileNode,
  ImageNode,
  LayerNode,
  layerTooltip,
  MergedNode,
  SectionNode,
  WritableNode,
  type LayerTreeNode,
} from './layerNodes.ts'

class LayersProvider implements vscode.TreeDataProvider<LayerTreeNode>, vscode.Disposable {
  readonly #context: Context
  readonly #onDidChange = new vscode.EventEmitter<LayerTreeNode | undefined>()
  readonly onDidChangeTreeData = this.#onDidChange.event
  readonly #subscriptions: vscode.Disposable[]
  /** The node that is shown for each container, for its changes alone to be read again. */
  readonly #writable = new Map<string, WritableNode>()
  readonly #sizes = new Map<string, number>()
  #containers = ''

  constructor(context: Context) {
    this.#context = context
    this.#subscriptions = [
      context.images.onDidChange(() => this.#onDidChange.fire(undefined)),
      context.containers.onDidChange(() => this.#onContainers()),
      context.connection.onDidChange((state) => {
        if (state === 'connected') context.connection.client!.onLayerChanged((id) => this.#onLayer(id))
      }),
    ]
  }

  async getChildren(parent?: LayerTreeNode): Promise<LayerTreeNode[]> {
    const { client } = this.#context.connection
    if (client === undefined) return []
    if (parent === undefined) return await this.#roots()
    if (parent instanceof ImageNode) return await this.#layers(client, parent)
    if (parent instanceof SectionNode) return this.#writableLayers()
    if (parent instanceof LayerNode)
      return parent.layer.chainId === 'host' ? [] : await this.#changes(client, parent.root, '', parent.id!)
    if (parent instanceof WritableNode) return await this.#written(client, parent)
    if (parent instanceof ChangeNode) return await this.#changes(client, parent.root, parent.path, parent.id!)
    if (parent instanceof MergedNode || parent instanceof FileNode)
      return await fileRows(client, parent.root, parent.path, parent.id!)
    return []
  }

  getTreeItem(node: LayerTreeNode): vscode.TreeItem {
    return node
  }

  resolveTreeItem(item: vscode.TreeItem, node: LayerTreeNode): vscode.TreeItem {
    if (node instanceof LayerNode) item.tooltip = layerTooltip(node)
    return item
  }

  dispose(): void {
    vscode.Disposable.from(...this.#subscriptions, this.#onDidChange).dispose()
  }

  /** Only what somebody looks at is followed. */
  watch(node: LayerTreeNode, watch: boolean): void {
    if (!(node instanceof WritableNode)) return
    this.#context.connection.client
      ?.call('layers/watch', { container: node.container.id, watch })
      .catch((error: unknown) => this.#context.log.debug(String(error)))
  }

  async #roots(): Promise<LayerTreeNode[]> {
    const images = await this.#context.images.all()
    const section = this.#context.containers.all().length > 0 ? [new SectionNode()] : []
    return [...images.map((image) => new ImageNode(image)), ...section]
  }

  /** As they lie: the uppermost first. */
  async #layers(client: Client, { image }: ImageNode): Promise<LayerTreeNode[]> {
    const merged = new MergedNode({ image: image.id }, `${image.id} ${image.name ?? ''}`)
    if (image.id === 'host') return [merged]
    const name = image.id
    const [layers, efficiency] = await Promise.all([
      client.call('images/layers', { name }),
      client.call('images/efficiency', { name }),
    ])
    const nodes = layers.map((layer, at) => new LayerNode(image, layer, at + 1))
    return [new EfficiencyNode(image, efficiency), ...nodes.toReversed(), merged]
  }

  #writableLayers(): WritableNode[] {
    this.#writable.clear()
    return this.#context.containers.all().map((container) => {
      const node = new WritableNode(container, this.#sizes.get(container.id))
      this.#writable.set(container.id, node)
      return node
    })
  }

  async #written(client: Client, node: WritableNode): Promise<LayerTreeNode[]> {
    const changes = await this.#changes(client, node.root, '', node.id!)
    const size = changes.reduce((sum, change) => sum + (change instanceof ChangeNode ? change.change.size : 0), 0)
    const { id } = node.container
    if (this.#sizes.get(id) !== size) {
      this.#sizes.set(id, size)
      // Its own row shows the size: read again once this is answered.
      setTimeout(() => {
        const fresh = new WritableNode(node.container, size)
        node.description = fresh.description!
        this.#onDidChange.fire(node)
      }, 0)
    }
    return [...changes, new MergedNode({ container: id }, id)]
  }

  async #changes(client: Client, root: RootReference, path: string, key: string): Promise<LayerTreeNode[]> {
    const changes = await client.call('layers/changes', { root, path })
    return firstRows(changes, key, (entry) => new ChangeNode(root, path, entry, key))
  }

  /** Which there are is all that the view shows of containers. */
  #onContainers(): void {
    const now = this.#context.containers
      .all()
      .map(({ id, state, name }) => `${id} ${state} ${name}`)
      .join()
    if (now === this.#containers) return
    this.#containers = now
    this.#onDidChange.fire(undefined)
  }

  #onLayer(id: string): void {
    const node = this.#writable.get(id)
    if (node !== undefined) this.#onDidChange.fire(node)
  }
}

export function layersView(context: Context): vscode.Disposable {
  const provider = new LayersProvider(context)
  const view = vscode.window.createTreeView(views.layers, {
    treeDataProvider: provider,
    canSelectMany: true,
    dragAndDropController: dropFiles<LayerTreeNode>(context, (node) =>
      node instanceof WritableNode ? node.container : undefined,
    ),
  })
  return vscode.Disposable.from(
    provider,
    view,
    view.onDidExpandElement(({ element }) => provider.watch(element, true)),
    view.onDidCollapseElement(({ element }) => provider.watch(element, false)),
  )
}
