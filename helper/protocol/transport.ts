/** JSON-RPC over the text frames of a WebSocket, for vscode-jsonrpc. Binary frames go elsewhere: see `stream.ts`. */
import {
  AbstractMessageReader,
  AbstractMessageWriter,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageReader,
  type MessageWriter,
} from 'vscode-jsonrpc/node'

/** What is used of a WebSocket of the package `ws`. */
export interface Socket {
  send(data: string | Uint8Array, done?: (error?: Error | null) => void): void
  close(code?: number, reason?: string): void
  pause(): void
  resume(): void
  on(event: 'message', listener: (data: unknown, isBinary: boolean) => void): unknown
  on(event: 'close', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

const parseError = JSON.stringify({
  jsonrpc: '2.0',
  id: null,
  error: { code: -32700, message: 'the message is not JSON' },
})
const invalidRequest = JSON.stringify({
  jsonrpc: '2.0',
  id: null,
  error: { code: -32600, message: 'the message is not a JSON-RPC 2.0 request, response or notification' },
})

function isMessage(value: unknown): value is Message {
  if (typeof value !== 'object' || value === null) return false
  const message = value as Record<string, unknown>
  if (message['jsonrpc'] !== '2.0') return false
  return typeof message['method'] === 'string' || 'result' in message || 'error' in message
}

export class WebSocketReader extends AbstractMessageReader implements MessageReader {
  readonly #socket: Socket
  readonly #onBytes: (bytes: Uint8Array) => void

  constructor(socket: Socket, onBytes: (bytes: Uint8Array) => void) {
    super()
    this.#socket = socket
    this.#onBytes = onBytes
    socket.on('close', () => this.fireClose())
    socket.on('error', (error) => this.fireError(error))
  }

  listen(callback: DataCallback): Disposable {
    this.#socket.on('message', (data, isBinary) => {
      const bytes = data as Buffer
      if (isBinary) {
        if (bytes.byteLength > 0) this.#onBytes(bytes)
        return
      }
      let message: unknown
      try {
        message = JSON.parse(bytes.toString('utf8'))
      } catch {
        this.#socket.send(parseError)
        return
      }
      if (isMessage(message)) callback(message)
      else this.#socket.send(invalidRequest)
    })
    return { dispose: () => undefined }
  }
}

export class WebSocketWriter extends AbstractMessageWriter implements MessageWriter {
  readonly #socket: Socket

  constructor(socket: Socket) {
    super()
    this.#socket = socket
  }

  write(message: Message): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(JSON.stringify(message), (error) => (error == null ? resolve() : reject(error)))
    })
  }

  end(): void {}
}
