/** What happens, told to whoever listens. */
import { limits } from '../limits.ts'
import type { BulkheadEvent } from '../protocol/schemas.ts'

export class Events {
  readonly #listeners = new Set<(event: BulkheadEvent) => void>()
  /** The last ones, oldest first. */
  readonly #recent: BulkheadEvent[] = []

  publish(event: BulkheadEvent): void {
    this.#recent.push(event)
    if (this.#recent.length > limits.events * 2) this.#recent.splice(0, limits.events)
    for (const listener of this.#listeners) listener(event)
  }

  /** Those of the last ones that happened in this time: milliseconds since 1970. */
  between(since: number, until: number): BulkheadEvent[] {
    return this.#recent.slice(-limits.events).filter(({ time }) => time >= since && time <= until)
  }

  /** Returns what takes the listener away again. */
  subscribe(listener: (event: BulkheadEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
