/** The client's end of a connection: the command line's and the editor's. */
import { createMessageConnection, NotificationType, type MessageConnection } from 'vscode-jsonrpc/node'
import { BulkheadError, fromWire } from '../protocol/errors.ts'
import type { Method, Params, Result } from '../protocol/methods.ts'
import type { CgroupsChanged } from '../protocol/cgroupSchemas.ts'
import type { Progress } from '../protocol/imageSchemas.ts'
import type { BulkheadEvent, EndOfStream } from '../protocol/schemas.ts'
import type { UsageSample } from '../protocol/usageSchemas.ts'
import { channel, endOfStdin, frame, maxFrame, type Channel } from '../protocol/stream.ts'
import { WebSocketReader, WebSocketWriter, type Socket } from '../protocol/transport.ts'

export interface StreamHandler {
  onBytes(on: Channel, bytes: Uint8Array): void
  onEnd(end: EndOfStream): void
}

export class Client {
  readonly #connection: MessageConnection
  readonly #socket: Socket
  readonly #eventListeners: ((event: BulkheadEvent) => void)[] = []
  readonly #progressListeners: ((progress: Progress) => void)[] = []
  readonly #layerListeners: ((container: string) => void)[] = []
  readonly #cgroupListeners: ((change: CgroupsChanged) => void)[] = []
  readonly #usageListeners = new Map<string, (sample: UsageSample) => void>()
  readonly #namespaceListeners: (() => void)[] = []
  /** Calls that wait for an answer, which does not come when the helper dies. */
  readonly #waiting = new Set<(error: Error) => void>()
  #stream: StreamHandler | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    this.#connection = createMessageConnection(
      new WebSocketReader(socket, (bytes) => this.#stream?.onBytes(bytes[0] as Channel, bytes.subarray(1))),
      new WebSocketWriter(socket),
    )
    this.#connection.onNotification(new NotificationType<EndOfStream>('stream/end'), (end) => this.#stream?.onEnd(end))
    this.#connection.onNotification(new NotificationType<Progress>('progress'), (progress) => {
      for (const listener of this.#progressListeners) listener(progress)
    })
    this.#connection.onNotification(new NotificationType<{ container: string }>('layer/changed'), ({ container }) => {
      for (const listener of this.#layerListeners) listener(container)
    })
    this.#connection.onNotification(new NotificationType<CgroupsChanged>('cgroups/changed'), (change) => {
      for (const listener of this.#cgroupListeners) listener(change)
    })
    this.#connection.onNotification(new NotificationType<UsageSample>('usage/sample'), (sample) => {
      this.#usageListeners.get(sample.key)?.(sample)
    })
    this.#connection.onNotification(new NotificationType<object>('namespaces/changed'), () => {
      for (const listener of this.#namespaceListeners) listener()
    })
    this.#connection.onNotification(new NotificationType<BulkheadEvent>('event'), (event) => {
      for (const listener of this.#eventListeners) listener(event)
    })
    this.#connection.onClose(() => {
      const error = new BulkheadError('Unreachable', 'the helper closed the connection')
      for (const reject of this.#waiting) reject(error)
    })
    this.#connection.listen()
  }

  /** @throws BulkheadError with the helper's own reason, message and hint. */
  async call<M extends Method>(
    method: M,
    ...[params]: Params<M> extends Record<string, never> ? [] : [Params<M>]
  ): Promise<Result<M>> {
    return await this.invoke(method, params ?? ({} as Params<M>))
  }

  /** As `call`, for a method that is not known beforehand. */
  async invoke<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    const lost = Promise.withResolvers<never>()
    this.#waiting.add(lost.reject)
    try {
      return await Promise.race([this.#connection.sendRequest<Result<M>>(method, params), lost.promise])
    } catch (error) {
      throw fromWire(error)
    } finally {
      this.#waiting.delete(lost.reject)
    }
  }

  onEvent(listener: (event: BulkheadEvent) => void): void {
    this.#eventListeners.push(listener)
  }

  /** Of what this connection asked for. */
  onProgress(listener: (progress: Progress) => void): void {
    this.#progressListeners.push(listener)
  }

  /** The writable layer of a container changed that this connection watches. */
  onLayerChanged(listener: (container: string) => void): void {
    this.#layerListeners.push(listener)
  }

  /** Children of a cgroup that this connection follows came or went. */
  onCgroupsChanged(listener: (change: CgroupsChanged) => void): void {
    this.#cgroupListeners.push(listener)
  }

  /** Samples of this connection's `usage/watch` with this key: one listener each. */
  onUsage(key: string, listener: ((sample: UsageSample) => void) | undefined): void {
    if (listener === undefined) this.#usageListeners.delete(key)
    else this.#usageListeners.set(key, listener)
  }

  /** Namespaces changed, and this connection follows them. */
  onNamespacesChanged(listener: () => void): void {
    this.#namespaceListeners.push(listener)
  }

  onClose(listener: () => void): void {
    this.#connection.onClose(listener)
  }

  /** Who gets the bytes of this connection's stream. Set it before the call that opens the stream. */
  set stream(handler: StreamHandler) {
    this.#stream = handler
  }

  /** Sends bytes on the stream; resolves when there is room for more. */
  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; at += maxFrame - 1) {
      const part = frame(channel.stdin, bytes.subarray(at, at + maxFrame - 1))
      await new Promise<void>((resolve, reject) => {
        this.#socket.send(part, (error) =>
          error == null
            ? resolve()
            : reject(new BulkheadError('Unreachable', 'the helper closed the connection', { cause: error })),
        )
      })
    }
  }

  endInput(): void {
    this.#socket.send(endOfStdin)
  }

  /** Holds the stream back, so that a slow reader does not fill memory; and lets it go on. */
  hold(hold: boolean): void {
    if (hold) this.#socket.pause()
    else this.#socket.resume()
  }

  close(): void {
    this.#connection.dispose()
    this.#socket.resume() // held back, it would not hear that the helper closes, too
    this.#socket.close()
  }
}
