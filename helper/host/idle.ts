/** Gives memory back when nobody has asked for anything for a while. */
import { collectGarbage } from './garbage.ts'
import type { Native } from './native.ts'

const quietMs = 5_000

export class IdleTrim {
  readonly #native: Native
  readonly #timer: NodeJS.Timeout

  constructor(native: Native) {
    this.#native = native
    this.#timer = setTimeout(() => this.#trim(), quietMs)
    this.#timer.unref()
  }

  /** Somebody asked for something. */
  touch(): void {
    this.#timer.refresh()
  }

  #trim(): void {
    collectGarbage()
    this.#native.addon.releaseText()
  }
}
