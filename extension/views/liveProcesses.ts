/** The processes of containers whose rows are open: looked at again every two seconds, while the view is seen. */
import type * as vscode from 'vscode'
import type { Client } from '../../helper/client/client.ts'
import type { ContainerProcess } from '../../helper/protocol/lifecycleSchemas.ts'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import type { Context } from '../context.ts'
import { PartNode, processLoad, ProcessNode } from './containerParts.ts'

const interval = 2_000

interface Look {
  readonly time: number
  readonly processes: ReadonlyMap<number, ContainerProcess>
}

export class LiveProcesses implements vscode.Disposable {
  readonly #context: Context
  readonly #refresh: (node: vscode.TreeItem) => void
  /** Open rows, by container. */
  readonly #open = new Map<string, PartNode>()
  readonly #looks = new Map<string, Look>()
  #isPaused = false
  #timer: NodeJS.Timeout | undefined

  constructor(context: Context, refresh: (node: vscode.TreeItem) => void) {
    this.#context = context
    this.#refresh = refresh
  }

  async of(client: Client, container: ContainerSummary): Promise<ProcessNode[]> {
    const processes = await client.call('containers/top', { container: container.id }).catch((error: unknown) => {
      this.#context.log.debug(String(error)) // it has just ended
      return []
    })
    const before = this.#looks.get(container.id)
    const time = Date.now()
    this.#looks.set(container.id, { time, processes: new Map(processes.map((process) => [process.pid, process])) })
    return processes.map((process) => {
      const load = processLoad(before?.processes.get(process.pid), process, time - (before?.time ?? time))
      return new ProcessNode(container, process, load)
    })
  }

  /** A row was opened or closed. */
  show(node: vscode.TreeItem, isOpen: boolean): void {
    if (!(node instanceof PartNode) || node.kind !== 'processes') return
    if (isOpen) this.#open.set(node.container.id, node)
    else this.#open.delete(node.container.id)
    this.#looks.delete(node.container.id)
    this.#schedule()
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#schedule()
  }

  dispose(): void {
    clearInterval(this.#timer)
  }

  #schedule(): void {
    const wanted = this.#open.size > 0 && !this.#isPaused
    if (!wanted) clearInterval(this.#timer)
    if (!wanted) this.#timer = undefined
    else this.#timer ??= setInterval(() => this.#lookAgain(), interval)
  }

  #lookAgain(): void {
    for (const [id, node] of this.#open)
      if (this.#context.containers.get(id)?.state === 'running') this.#refresh(node)
      else if (this.#context.containers.get(id) === undefined) this.#open.delete(id)
  }
}
