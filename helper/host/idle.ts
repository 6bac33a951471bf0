/** Gives memory back when nobody has asked for anything for a while. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Native } from './native.ts'

const quietMs = 5_000

export class IdleTrim {
  readonly #native: Native
  readonly #collectGarbage: () => void
  readonly #timer: NodeJS.Timeout

  constructor(native: Native) {
    this.#native = native
    setFlagsFromString('--expose-gc')
    this.#collectGarbage = runInNewContext('gc') as () => void
    this.#timer = setTimeout(() => this.#trim(), quietMs)
    this.#timer.unref()
  }

  /** Somebody asked for something. */
  touch(): void {
    this.#timer.refresh()
  }

  #trim(): void {
    this.#collectGarbage()
    this.#native.addon.releaseText()
  }
}
