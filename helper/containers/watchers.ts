/** Gives each start its watcher; some are kept ready, since starting one takes as long as a quarter of the whole. */
import { Socket } from 'node:net'
import type { Native } from '../host/native.ts'
import { limits } from '../limits.ts'
import { Pool } from './pool.ts'
import { Watcher, type WatcherListener } from './watcher.ts'

export interface StartOptions {
  readonly plan: Uint8Array
  readonly containerDirectory: string
  /** Whether somebody is attached from before the first byte of output. */
  readonly attached: boolean
}

export class Watchers {
  readonly #native: Native
  readonly #sockets: string
  readonly #spares: Pool<{ watcher: Watcher; control: number }>

  /** `sockets`: the directory of the watchers' sockets. */
  constructor(native: Native, sockets: string) {
    this.#native = native
    this.#sockets = sockets
    this.#spares = new Pool(() => Watcher.spawn(native, sockets), limits.spares)
    this.#spares.prepare()
  }

  /** Has a watcher start the container. `attach` is the stdio stream of whoever is attached. */
  start(options: StartOptions, listener: WatcherListener): { watcher: Watcher; attach: Socket | undefined } {
    let { watcher, control } = this.#spares.take()
    // Somebody may have killed it while it waited.
    if (watcher.isGone) ({ watcher, control } = Watcher.spawn(this.#native, this.#sockets))
    watcher.listen(listener)
    const attach = this.#native.addon.sendPlan(control, options)
    return { watcher, attach: attach < 0 ? undefined : new Socket({ fd: attach }) }
  }

  release(): void {
    for (const { watcher } of this.#spares.end()) watcher.release()
  }
}
