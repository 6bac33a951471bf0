/** The helper's end of one watcher: told when the container started, failed to, or ended. */
import { Socket, createConnection } from 'node:net'
import type { Native } from '../host/native.ts'
import { FrameReader, frameType, makeFrame, type WatcherFrame } from './frames.ts'

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
  #listener: WatcherListener | undefined
  #isGone = false

  /** `reaped` resolves when the process is gone, after its socket closed. */
  private constructor(socket: Socket, reaped: () => Promise<void>) {
    this.#socket = socket
    socket.on('data', (chunk) => {
      for (const frame of this.#reader.push(chunk)) this.#receive(frame)
    })
    socket.on('error', () => undefined) // 'close' follows
    socket.on('close', () => {
      void reaped().then(() => {
        this.#isGone = true
        this.#listener?.onGone()
      })
    })
  }

  /** Starts a watcher, which waits for its plan. */
  static spawn(native: Native, socketDirectory: string): { watcher: Watcher; control: number } {
    const { pid, control } = native.addon.spawnWatcher({ executable: native.watcher, socketDirectory })
    return { watcher: new Watcher(new Socket({ fd: control }), () => reap(native, pid)), control }
  }

  /** Finds the watcher of an earlier helper again; it repeats what it said at the start. */
  static find(socketPath: string, listener: WatcherListener): Watcher {
    const watcher = new Watcher(createConnection(socketPath), () => Promise.resolve())
    watcher.listen(listener)
    return watcher
  }

  /** One more stream of what a container prints from now on, and to its input. */
  static attach(socketPath: string): Socket {
    const socket = createConnection(socketPath)
    socket.write(makeFrame(frameType.attach))
    return socket
  }

  get isGone(): boolean {
    return this.#isGone
  }

  listen(listener: WatcherListener): void {
    this.#listener = listener
    if (this.#isGone) listener.onGone()
  }

  send(frame: Buffer): void {
    this.#socket.write(frame)
  }

  /** Lets go of the watcher, which goes on alone; one without a plan ends. */
  release(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }

  #receive(frame: WatcherFrame): void {
    switch (frame.type) {
      case 'started':
        return this.#listener?.onStarted(frame)
      case 'failed':
        return this.#listener?.onFailed(frame)
      case 'exited':
        return this.#listener?.onExited(frame)
      case 'stdout':
      case 'stderr':
        return // sent to attached connections alone
    }
  }
}

/** It closed its end just before it exits: it is a zombie in a moment. */
async function reap(native: Native, pid: number): Promise<void> {
  for (let wait = 1; !native.addon.reap(pid); wait = Math.min(wait * 2, 1000))
    await new Promise((resolve) => setTimeout(resolve, wait))
}
