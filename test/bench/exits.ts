import type { Client } from '../../helper/client/client.ts'

/** Exits as this client hears of them, also those that come before anybody waits. */
export class Exits {
  readonly #seen = new Set<string>()
  readonly #waiting = new Map<string, () => void>()

  constructor(client: Client) {
    client.onEvent(({ action, id }) => {
      if (action !== 'die') return
      this.#seen.add(id)
      this.#waiting.get(id)?.()
    })
  }

  of(id: string): Promise<void> {
    return this.#seen.has(id) ? Promise.resolve() : new Promise((resolve) => this.#waiting.set(id, resolve))
  }
}
