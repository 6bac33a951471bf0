/** The helper's end of one watcher: told when the container started, failed to, or ended. */
import { Socket, createConnection } from 'node:net'
import type { Native } from '../host/native.ts'
import { FrameReader, type WatcherFrame } from './frames.ts'

type Started = Extract<WatcherFrame, { type: 'started' }>
type Failed = Extract<WatcherFrame, { type: 'failed' }>
type Exited = Extract<WatcherFrame, { type: 'exited' }>

export interface WatcherListener {
  onStarted(started: Started): void
  onFailed(failed: Failed): void
  onExited(exited: Exited): void
  /** Nothing more will come: the watcher has released what it held, or is gone. */
  onGone(): void
}

export class Watcher {
  readonly #socket: Socket
  readonly #reader = new FrameReader()

  private constructor(socket: Socket, listener: WatcherListener, onClose: () => void) {
    this.#socket = socket
    socket.on('data', (chunk) => {
      for (const frame of this.#reader.push(chunk)) {
        switch (frame.type) {
          case 'started':
            listener.onStarted(frame)
            break
          case 'failed':
            listener.onFailed(frame)
            break
          case 'exited':
            listener.onExited(frame)
            break
          case 'stdout':
          case 'stderr':
            break // sent to attached connections alone
        }
      }
    })
    socket.on('error', () => undefined) // 'close' follows
    socket.on('close', onClose)
  }

  /** Starts a watcher. `attach` is the stdio stream of whoever is attached from the start. */
  static spawn(
    native: Native,
    options: { plan: Uint8Array; containerDirectory: string; runDirectory: string; attached: boolean },
    listener: WatcherListener,
  ): { watcher: Watcher; attach: Socket | undefined } {
    const { pid, control, attach } = native.addon.spawnWatcher({ executable: native.watcher, ...options })
    const watcher = new Watcher(new Socket({ fd: control }), listener, () => void reap(native, pid, listener))
    return { watcher, attach: attach < 0 ? undefined : new Socket({ fd: attach }) }
  }

  /** Finds the watcher of an earlier helper again; it repeats what it said at the start. */
  static find(socketPath: string, listener: WatcherListener): Watcher {
    return new Watcher(createConnection(socketPath), listener, () => listener.onGone())
  }

  send(frame: Buffer): void {
    this.#socket.write(frame)
  }

  /** Lets go of the watcher, which goes on alone. */
  release(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }
}

/** The watcher closed its end just before it exits: it is a zombie in a moment. */
async function reap(native: Native, pid: number, listener: WatcherListener): Promise<void> {
  for (let wait = 1; !native.addon.reap(pid); wait = Math.min(wait * 2, 1000))
    await new Promise((resolve) => setTimeout(resolve, wait))
  listener.onGone()
}
