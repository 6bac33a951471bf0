/** What happens, told to whoever listens. */
import type { BulkheadEvent } from '../protocol/schemas.ts'

export class Events {
  readonly #listeners = new Set<(event: BulkheadEvent) => void>()

  publish(event: BulkheadEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  /** Returns what takes the listener away again. */
  subscribe(listener: (event: BulkheadEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
