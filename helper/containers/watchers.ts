/** Gives each start its watcher; one is kept ready, since starting it takes as long as a quarter of the whole. */
import { Socket } from 'node:net'
import type { Native } from '../host/native.ts'
import { Watcher, type WatcherListener } from './watcher.ts'

interface Ready {
  readonly watcher: Watcher
  readonly control: number
}

export interface StartOptions {
  readonly plan: Uint8Array
  readonly containerDirectory: string
  /** Whether somebody is attached from before the first byte of output. */
  readonly attached: boolean
}

export class Watchers {
  readonly #native: Native
  readonly #sockets: string
  #spare: Ready | undefined
  #ended = false

  /** `sockets`: the directory of the watchers' sockets. */
  constructor(native: Native, sockets: string) {
    this.#native = native
    this.#sockets = sockets
    this.prepare()
  }

  /** Has a watcher start the container. `attach` is the stdio stream of whoever is attached. */
  start(options: StartOptions, listener: WatcherListener): { watcher: Watcher; attach: Socket | undefined } {
    const spare = this.#spare
    this.#spare = undefined
    const { watcher, control } =
      spare === undefined || spare.watcher.isGone ? Watcher.spawn(this.#native, this.#sockets) : spare
    watcher.listen(listener)
    const attach = this.#native.addon.sendPlan(control, options)
    return { watcher, attach: attach < 0 ? undefined : new Socket({ fd: attach }) }
  }

  /** Makes the next one ready, when there is time. */
  prepare(): void {
    if (this.#spare === undefined && !this.#ended) this.#spare = Watcher.spawn(this.#native, this.#sockets)
  }

  release(): void {
    this.#ended = true
    this.#spare?.watcher.release()
  }
}
