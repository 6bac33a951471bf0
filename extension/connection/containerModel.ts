/** All containers as this window knows them: read once a connection, then kept true by the helper's events. */
import * as vscode from 'vscode'
import type { Client } from '../../helper/client/client.ts'
import type { BulkheadEvent, ContainerSummary } from '../../helper/protocol/schemas.ts'
import type { Connection } from './connection.ts'

export class ContainerModel implements vscode.Disposable {
  readonly #log: vscode.LogOutputChannel
  readonly #containers = new Map<string, ContainerSummary>()
  readonly #onDidChange = new vscode.EventEmitter<void>()
  readonly onDidChange = this.#onDidChange.event
  readonly #onEvent = new vscode.EventEmitter<BulkheadEvent>()
  /** Every event of the helper's, after this model knows of it. */
  readonly onEvent = this.#onEvent.event
  readonly #subscription: vscode.Disposable

  constructor(connection: Connection, log: vscode.LogOutputChannel) {
    this.#log = log
    this.#subscription = connection.onDidChange((state) => {
      if (state === 'connected') void this.#read(connection.client!)
      else this.#replace([])
    })
  }

  /** Running ones first, then newest first. */
  all(): ContainerSummary[] {
    const rank = (container: ContainerSummary): number => Number(!runs(container))
    return [...this.#containers.values()].sort((a, b) => rank(a) - rank(b) || b.createdAt - a.createdAt)
  }

  get(id: string): ContainerSummary | undefined {
    return this.#containers.get(id)
  }

  get running(): number {
    return this.all().filter(runs).length
  }

  dispose(): void {
    this.#subscription.dispose()
    this.#onDidChange.dispose()
    this.#onEvent.dispose()
  }

  async #read(client: Client): Promise<void> {
    // Events that come before the answer are in it; those after it are newer: both arrive in the order they were sent.
    client.onEvent((event) => this.#apply(event))
    try {
      this.#replace(await client.call('containers/list'))
    } catch (error) {
      this.#log.error(error instanceof Error ? error : String(error))
    }
  }

  #apply(event: BulkheadEvent): void {
    const name = event.attributes['name'] ?? event.id.slice(0, 12)
    const more = Object.entries(event.attributes)
      .filter(([key]) => !['name', 'image'].includes(key))
      .map(([key, value]) => `${key} ${value}`)
    this.#log.info(`${event.type} ${name}: ${event.action}${more.length === 0 ? '' : ` (${more.join(', ')})`}`)
    if (event.type === 'container') {
      if (event.container !== undefined) this.#containers.set(event.id, event.container)
      else this.#containers.delete(event.id)
    }
    this.#onEvent.fire(event)
    if (event.type === 'container') this.#onDidChange.fire()
  }

  #replace(containers: readonly ContainerSummary[]): void {
    this.#containers.clear()
    for (const container of containers) this.#containers.set(container.id, container)
    this.#onDidChange.fire()
  }
}

export function runs({ state }: ContainerSummary): boolean {
  return state === 'running' || state === 'paused'
}
