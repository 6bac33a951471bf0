/** One client: its requests checked and answered, its events, and its byte stream. */
import type { Socket } from 'node:net'
import { createMessageConnection, ErrorCodes, ResponseError, type MessageConnection } from 'vscode-jsonrpc/node'
import type { Logger } from 'pino'
import type { WebSocket } from 'ws'
import * as z from 'zod'
import { toBulkheadError } from '../host/errno.ts'
import { limits } from '../limits.ts'
import { BulkheadError, toWire, type ErrorData } from '../protocol/errors.ts'
import { methods, type CheckedParams, type Method, type notifications, type Result } from '../protocol/methods.ts'
import type { CgroupsChanged } from '../protocol/cgroupSchemas.ts'
import type { Progress } from '../protocol/imageSchemas.ts'
import type { BulkheadEvent, EndOfStream } from '../protocol/schemas.ts'
import { channel, frame, maxFrame, type Channel } from '../protocol/stream.ts'
import { WebSocketReader, WebSocketWriter } from '../protocol/transport.ts'
import type { Caller } from './policy.ts'

export type Handlers = { [M in Method]: (params: CheckedParams<M>, session: Session) => Promise<Result<M>> | Result<M> }

/** Who gets what the client sends on the stream. An empty chunk is the end of its input. */
export type InputListener = (bytes: Buffer) => void

export class Session {
  readonly caller: Caller
  readonly #socket: WebSocket
  /** The connection under it. */
  readonly #raw: Socket
  readonly #connection: MessageConnection
  readonly #log: Logger
  readonly #peerFile: (descriptor: number) => number
  #inFlight = 0
  #onInput: InputListener | undefined
  /** Input that came before somebody takes it: requests are handled a moment after they arrive. */
  #early: Buffer[] = []
  #earlySize = 0
  #streaming = false
  readonly #closed = new AbortController()

  constructor(options: {
    socket: WebSocket
    raw: Socket
    caller: Caller
    handlers: Handlers
    log: Logger
    onRequest: () => void
    peerFile: (descriptor: number) => number
  }) {
    const { socket, handlers, log, onRequest } = options
    this.#socket = socket
    this.#raw = options.raw
    this.caller = options.caller
    this.#peerFile = options.peerFile
    this.#log = log
    this.#connection = createMessageConnection(
      new WebSocketReader(socket, (bytes) => this.#receive(bytes)),
      new WebSocketWriter(socket),
      // It warns of every client that has gone.
      { error: (text) => log.warn(text), warn: (text) => log.debug(text), info: () => undefined, log: () => undefined },
    )
    this.#connection.onRequest((method, params) => {
      onRequest()
      return this.#answer(handlers, method, params)
    })
    this.#connection.onUnhandledNotification(() => undefined)
    socket.on('close', () => this.#closed.abort())
    this.#connection.listen()
  }

  /** Aborted when the client is gone. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** A file that the client has open, instead of its bytes. The descriptor is the caller's to close.
   * @throws BulkheadError Unsupported where the kernel cannot hand it over, or it is no regular file */
  openFile(descriptor: number): number {
    try {
      return this.#peerFile(descriptor)
    } catch (error) {
      throw new BulkheadError('Unsupported', 'the file cannot be handed over: send its bytes', { cause: error })
    }
  }

  sendEvent(event: BulkheadEvent): void {
    // A client that does not read must not fill the helper's memory. One with a stream is held back, not let go.
    if (!this.#streaming && this.#socket.bufferedAmount > limits.eventBacklog) {
      this.#log.warn('a client does not read its events: let go')
      this.#socket.terminate()
      return
    }
    this.#cork()
    this.#notify('event', event)
  }

  sendProgress(progress: Progress): void {
    // Who does not read it misses some of it, and nothing else.
    if (this.#socket.bufferedAmount < limits.streamBacklog) this.#notify('progress', progress)
  }

  sendLayerChanged(container: string): void {
    this.#notify('layer/changed', { container })
  }

  /** News that the next one makes up for: who does not read it misses some. */
  sendNews<M extends 'usage/sample' | 'namespaces/changed'>(
    method: M,
    params: z.infer<(typeof notifications)[M]>,
  ): void {
    if (this.#socket.bufferedAmount < limits.streamBacklog) this.#notify(method, params)
  }

  sendCgroupsChanged(change: CgroupsChanged): void {
    this.#notify('cgroups/changed', change)
  }

  /** Takes this connection's stream. Its input is kept until `takeInput`. @throws BulkheadError when it has one already. */
  openStream(): void {
    if (this.#streaming)
      throw new BulkheadError('InvalidRequest', 'this connection carries a stream already', {
        hint: 'Open another connection.',
      })
    this.#streaming = true
    this.#onInput = undefined
  }

  /** From now on the listener gets the stream's input, what came before included. */
  takeInput(onInput: InputListener): void {
    this.#onInput = onInput
    this.#earlySize = 0
    this.holdInput(false)
    for (const bytes of this.#early.splice(0)) onInput(bytes)
  }

  /** Stops and goes on reading what the client sends: back-pressure. */
  holdInput(hold: boolean): void {
    if (hold) this.#socket.pause()
    else this.#socket.resume()
  }

  /** Sends bytes on the stream. Resolves when there is room for more. */
  async sendBytes(on: Channel, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; at += maxFrame - 1) {
      const part = frame(on, bytes.subarray(at, at + maxFrame - 1))
      const full = this.#socket.bufferedAmount > limits.streamBacklog
      const sent = new Promise<void>((resolve) => this.#socket.send(part, () => resolve()))
      if (full) await sent
    }
  }

  /** What is said in one go leaves in one go: events, and the answer that they come with, wake a client once. */
  #cork(): void {
    if (this.#raw.writableCorked > 0) return
    this.#raw.cork()
    setImmediate(() => this.#raw.uncork())
  }

  endStream(end: EndOfStream): void {
    this.#streaming = false
    this.#onInput = () => undefined // what still comes belongs to the stream that has ended
    this.#notify('stream/end', end)
  }

  /** To a client that is gone there is nothing to say. */
  #notify(method: keyof typeof notifications, params: object): void {
    if (this.closed.aborted) return
    this.#connection.sendNotification(method, params).catch((error: unknown) => {
      this.#log.debug({ err: error, method }, 'a client went away')
    })
  }

  #receive(bytes: Uint8Array): void {
    if (bytes[0] !== channel.stdin) return
    const input = Buffer.from(bytes.buffer, bytes.byteOffset + 1, bytes.byteLength - 1)
    if (this.#onInput !== undefined) return this.#onInput(input)
    this.#earlySize += input.byteLength
    const full = this.#earlySize > limits.earlyInput
    if (full && !this.#streaming) return this.#socket.close(1008, 'bytes that belong to no stream')
    this.#early.push(Buffer.from(input))
    if (full) this.holdInput(true)
  }

  async #answer(handlers: Handlers, method: string, params: unknown): Promise<unknown> {
    if (!Object.hasOwn(methods, method)) {
      const known = Object.keys(methods).join(', ')
      throw new ResponseError(
        ErrorCodes.MethodNotFound,
        `there is no method ${method.slice(0, 100)}; there are ${known}`,
      )
    }
    if (this.#inFlight >= limits.requestsInFlight)
      throw wire(new BulkheadError('Busy', `more than ${limits.requestsInFlight} requests at once on one connection`))
    const checked = methods[method as Method].params.safeParse(params ?? {})
    if (!checked.success)
      throw new ResponseError(ErrorCodes.InvalidParams, `${method}: ${z.prettifyError(checked.error)}`, {
        reason: 'InvalidRequest',
      })
    this.#inFlight++
    try {
      return await handlers[method as Method](checked.data as never, this)
    } catch (error) {
      const known = toBulkheadError(error)
      if (known.reason === 'Internal')
        this.#log.error({ err: error, method }, 'a request failed for a reason that is not foreseen')
      throw wire(known)
    } finally {
      this.#inFlight--
    }
  }
}

function wire(error: BulkheadError): ResponseError<ErrorData> {
  const { code, message, data } = toWire(error)
  return new ResponseError(code, message, data)
}
