/** What running containers use, on their rows: once a second, while the view is seen. */
import * as vscode from 'vscode'
import { runs } from '../connection/containerModel.ts'
import { settings } from '../contributions.ts'
import type { Context } from '../context.ts'
import type { ContainerNode } from './containerNode.ts'
import { LiveRows } from './liveRows.ts'
import { usageText } from './usageText.ts'

const key = 'containers'

export class LiveUsage implements vscode.Disposable {
  readonly #context: Context
  readonly #refresh: (nodes: vscode.TreeItem[]) => void
  readonly #subscription: vscode.Disposable
  /** The rows that are shown, by container. */
  readonly #nodes = new Map<string, ContainerNode>()
  readonly #open = new Set<string>()
  readonly #rows = new LiveRows<ContainerNode>()
  #parent = ''
  #isPaused = false
  #soon: NodeJS.Immediate | undefined

  constructor(context: Context, refresh: (nodes: vscode.TreeItem[]) => void) {
    this.#context = context
    this.#refresh = refresh
    this.#subscription = context.connection.onDidChange((state) => {
      if (state === 'connected') void this.#learn()
    })
  }

  /** A row is about to be shown. */
  take(node: ContainerNode): void {
    this.#nodes.set(node.container.id, node)
    this.#describe(node)
    this.#watchSoon()
  }

  /** These alone are shown. */
  shown(ids: readonly string[]): void {
    const there = new Set(ids)
    for (const id of this.#nodes.keys()) if (!there.has(id)) this.#nodes.delete(id)
    this.#watchSoon()
  }

  node(id: string): ContainerNode | undefined {
    return this.#nodes.get(id)
  }

  open({ container }: ContainerNode, isOpen: boolean): void {
    if (isOpen) this.#open.add(container.id)
    else this.#open.delete(container.id)
  }

  /** Its hover opens. */
  hover(node: ContainerNode): void {
    this.#rows.hover(node)
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#watch()
  }

  dispose(): void {
    clearImmediate(this.#soon)
    this.#subscription.dispose()
  }

  async #learn(): Promise<void> {
    this.#parent = await this.#context.usage.cgroupParent()
    this.#watch()
  }

  /** Rows of a group come after the group's: once for all of them. */
  #watchSoon(): void {
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined
      this.#watch()
    })
  }

  #watch(): void {
    const isWanted = !this.#isPaused && this.#parent !== '' && isShown()
    const running = isWanted ? [...this.#nodes.values()].filter(({ container }) => runs(container)) : []
    this.#context.usage.watch(key, {
      metrics: ['cpu', 'memory'],
      cgroups: running.map(({ container }) => this.#cgroup(container.id)),
      onSample: () => this.#onSample(),
    })
  }

  #cgroup(id: string): string {
    return `${this.#parent}/${id}`
  }

  #describe(node: ContainerNode): boolean {
    const { container } = node
    const { usage } = this.#context
    if (!runs(container) || this.#parent === '' || !isShown()) return node.show('')
    const cgroup = this.#cgroup(container.id)
    return node.show(
      [usageText(usage, cgroup, 'cpu', 5), usageText(usage, cgroup, 'memory', 0).trim()].filter(Boolean).join(' · '),
    )
  }

  #onSample(): void {
    const running = [...this.#nodes.values()].filter(({ container }) => runs(container))
    const changed = this.#rows.written(running, {
      write: (node) => this.#describe(node),
      isOpen: ({ container }) => this.#open.has(container.id),
    })
    if (changed.length > 0) this.#refresh(changed)
  }
}

function isShown(): boolean {
  return vscode.workspace.getConfiguration().get<boolean>(settings.containerUsage, true)
}
