/** The helper's socket: who connected is asked of the kernel before a byte is read, and each client gets a session. */
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server as HttpServer } from 'node:http'
import { createConnection, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Events } from '../containers/events.ts'
import type { Native } from '../host/native.ts'
import { limits } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Caller } from './policy.ts'
import { Session, type Handlers } from './session.ts'

const groupName = 'bulkhead'

/** Gid of the group whose members may ask, from /etc/group; undefined where there is no such group. */
function groupId(): number | undefined {
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${groupName}:`))
  return line === undefined ? undefined : Number(line.split(':')[2])
}

/** Node has no public way to a socket's descriptor. */
function descriptorOf(socket: Socket): number {
  const { _handle } = socket as unknown as { _handle: { fd: number } | null }
  return _handle?.fd ?? -1
}

function refuse(socket: Duplex, status: string, why: string): void {
  const body = `${why}\n`
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

export class Server {
  readonly #path: string
  readonly #native: Native
  readonly #handlers: Handlers
  readonly #log: Logger
  readonly #onRequest: () => void
  readonly #http: HttpServer
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: limits.messageBytes, perMessageDeflate: false })
  readonly #alive = new WeakSet<WebSocket>()
  readonly #sessions = new Set<Session>()
  #heartbeat: NodeJS.Timeout | undefined

  constructor(options: {
    path: string
    native: Native
    handlers: Handlers
    events: Events
    log: Logger
    onRequest: () => void
  }) {
    this.#path = options.path
    this.#native = options.native
    this.#handlers = options.handlers
    this.#log = options.log
    this.#onRequest = options.onRequest
    this.#http = createServer((_request, response) => {
      response
        .writeHead(426, { Connection: 'close', Upgrade: 'websocket' })
        .end('This is the Bulkhead helper: it speaks WebSocket.\n')
    })
    this.#http.headersTimeout = limits.handshake
    this.#http.requestTimeout = limits.handshake
    this.#http.maxConnections = limits.clients
    this.#http.on('connection', (socket) => {
      // A client that connects and says nothing is let go; a WebSocket takes this timeout away.
      socket.setTimeout(limits.handshake, () => socket.destroy())
    })
    this.#http.on('upgrade', (request, _socket, head) => this.#upgrade(request, request.socket, head))
    options.events.subscribe((event) => {
      for (const session of this.#sessions) session.sendEvent(event)
    })
  }

  /** @throws BulkheadError when another helper has this socket. */
  async listen(): Promise<void> {
    if (await isAnswered(this.#path))
      throw new BulkheadError('Busy', `another helper listens on ${this.#path}`, {
        hint: 'Stop it first, or give this one other folders.',
      })
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o755 })
    rmSync(this.#path, { force: true })
    const before = process.umask(0o177)
    try {
      await new Promise<void>((resolve, reject) => this.#http.once('error', reject).listen(this.#path, resolve))
    } finally {
      process.umask(before)
    }
    const group = groupId()
    if (group !== undefined) {
      chownSync(this.#path, 0, group)
      chmodSync(this.#path, 0o660)
    }
    this.#heartbeat = setInterval(() => this.#ping(), limits.heartbeat)
  }

  async close(): Promise<void> {
    clearInterval(this.#heartbeat)
    for (const socket of this.#sockets.clients) socket.close(1001, 'the helper ends')
    const closed = new Promise((resolve) => this.#http.close(resolve))
    this.#http.closeAllConnections()
    setTimeout(() => this.#sockets.clients.forEach((socket) => socket.terminate()), 200).unref()
    await closed
    rmSync(this.#path, { force: true })
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.setTimeout(0)
    let caller: Caller
    try {
      caller = this.#native.addon.peerCredentials(descriptorOf(socket))
    } catch {
      socket.destroy() // gone already
      return
    }
    if (!this.#mayAsk(caller)) {
      this.#log.warn({ caller }, 'refused a caller')
      refuse(
        socket,
        '403 Forbidden',
        `User ${caller.uid} may not ask the Bulkhead helper: it is not in group ${groupName}.`,
      )
      return
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket, socket, caller))
  }

  #mayAsk({ uid, gid, groups }: Caller): boolean {
    const group = groupId()
    return uid === 0 || (group !== undefined && (gid === group || groups.includes(group)))
  }

  #accept(socket: WebSocket, raw: Socket, caller: Caller): void {
    const session = new Session({
      socket,
      raw,
      caller,
      handlers: this.#handlers,
      log: this.#log,
      onRequest: this.#onRequest,
      peerFile: (descriptor) => this.#native.addon.peerFile(descriptorOf(raw), descriptor),
    })
    this.#sessions.add(session)
    this.#alive.add(socket)
    socket.on('pong', () => this.#alive.add(socket))
    socket.on('error', (error) =>
      this.#log.warn({ caller: caller.pid, err: error.message }, 'a client broke the protocol'),
    )
    socket.on('close', () => this.#sessions.delete(session))
  }

  #ping(): void {
    for (const socket of this.#sockets.clients) {
      // A paused one has a stream that its other end holds up: that is no sign of death.
      if (!this.#alive.delete(socket) && !socket.isPaused) socket.terminate()
      else socket.ping()
    }
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
