/**
 * Names in one network: a DNS server on the bridge's own address. It knows the network's containers, and asks the host's
 * resolvers for everything else. Only addresses of the network are answered.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { connect, createServer, isIPv6, type Server, type Socket } from 'node:net'
import dnsPacket, { type Answer, type Packet } from 'dns-packet'
import { isErrno } from '../host/errno.ts'
import { limits } from '../limits.ts'

export interface Names {
  /** Addresses of both families that a name has; undefined for one that the network does not know. */
  lookUp(name: string): readonly string[] | undefined
  nameOf(address: string): string | undefined
  /** Whether an address is of this network. */
  includes(address: string): boolean
  /** Who is asked for names outside; undefined for nobody (an internal network). */
  resolversFor(address: string): readonly string[] | undefined
}

/** The host's, from /etc/resolv.conf (resolv.conf(5)). */
export function hostResolvers(): string[] {
  try {
    return [...readFileSync('/etc/resolv.conf', 'utf8').matchAll(/^\s*nameserver\s+(\S+)/gm)].map(
      ([, address]) => address!,
    )
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

/** `2.0.208.10.in-addr.arpa` is 10.208.0.2. */
function addressOfPointer(name: string): string | undefined {
  const labels = name.split('.')
  if (name.endsWith('.in-addr.arpa')) return labels.slice(0, 4).reverse().join('.')
  if (!name.endsWith('.ip6.arpa')) return undefined
  const digits = labels.slice(0, 32).reverse().join('')
  return digits.replace(/(.{4})(?!$)/g, '$1:')
}

const short = 0

/** What the network itself answers; undefined for what has to be asked elsewhere. */
export function answer(query: Packet, names: Names): Buffer | undefined {
  const [question] = query.questions ?? []
  if (question === undefined || query.questions?.length !== 1) return undefined
  const name = question.name.toLowerCase().replace(/\.$/, '')
  const reply = (answers: Answer[]): Buffer =>
    dnsPacket.encode({
      type: 'response',
      id: query.id ?? 0,
      flags:
        dnsPacket.AUTHORITATIVE_ANSWER |
        dnsPacket.RECURSION_AVAILABLE |
        ((query.flags ?? 0) & dnsPacket.RECURSION_DESIRED),
      questions: [question],
      answers,
    })
  if (question.type === 'PTR') {
    const found = names.nameOf(addressOfPointer(name) ?? '')
    return found === undefined ? undefined : reply([{ type: 'PTR', name: question.name, ttl: short, data: found }])
  }
  const addresses = names.lookUp(name)
  if (addresses === undefined) return undefined
  const { type } = question
  if (type !== 'A' && type !== 'AAAA') return reply([])
  const fitting = addresses.filter((address) => isIPv6(address) === (type === 'AAAA'))
  return reply(fitting.map((data) => ({ type, name: question.name, ttl: short, data })))
}

function failure(query: Packet, code: number): Buffer {
  const flags = dnsPacket.RECURSION_AVAILABLE | code
  return dnsPacket.encode({ type: 'response', id: query.id ?? 0, flags, questions: query.questions ?? [] })
}

const serverFailure = 2
const refused = 5

/** Asks one server; undefined when it does not answer in time. */
function ask(server: string, query: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4')
    let ended = false
    const end = (answered?: Buffer): void => {
      if (ended) return
      ended = true
      clearTimeout(timer)
      socket.close()
      resolve(answered)
    }
    const timer = setTimeout(end, limits.dns.silence)
    socket.on('error', () => end())
    // From the server alone, and to this question.
    const whenConnected = (error?: Error): void => {
      if (error != null) end()
      else if (!ended) socket.send(query, (failed) => failed != null && end())
    }
    socket.connect(53, server, whenConnected)
    socket.on('message', (message) => {
      if (message.byteLength >= 12 && message.readUInt16BE(0) === query.readUInt16BE(0)) end(message)
    })
  })
}

/** As `ask`, over TCP: with the length before the message (RFC 1035, 4.2.2). */
function askLong(server: string, query: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: server, port: 53, timeout: limits.dns.silence })
    const reader = new Messages((message) => {
      resolve(message)
      socket.destroy()
    })
    socket.on('connect', () => socket.write(withLength(query)))
    socket.on('data', (bytes) => reader.push(bytes))
    socket.on('timeout', () => socket.destroy())
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(undefined))
  })
}

function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.byteLength)
  return Buffer.concat([length, message])
}

/** Messages out of a TCP stream. */
class Messages {
  readonly #onMessage: (message: Buffer) => void
  #rest: Buffer = Buffer.alloc(0)

  constructor(onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage
  }

  push(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes])
    while (this.#rest.byteLength >= 2 && this.#rest.byteLength >= 2 + this.#rest.readUInt16BE(0)) {
      const end = 2 + this.#rest.readUInt16BE(0)
      const message = this.#rest.subarray(2, end)
      this.#rest = this.#rest.subarray(end)
      this.#onMessage(message)
    }
  }
}

export class NameServer {
  readonly #names: Names
  readonly #udp: UdpSocket[] = []
  readonly #tcp: Server[] = []
  #asking = 0

  constructor(names: Names) {
    this.#names = names
  }

  /** Listens on port 53 of these addresses. @throws EADDRINUSE where another server has it */
  async listen(addresses: readonly string[]): Promise<void> {
    try {
      for (const address of addresses) {
        const udp = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
        this.#udp.push(udp)
        await new Promise<void>((resolve, reject) => udp.once('error', reject).bind(53, address, resolve))
        udp.on('error', () => undefined)
        udp.on('message', (message, from) => {
          void this.#answer(message, from.address, ask).then((reply) => {
            if (reply !== undefined) udp.send(reply, from.port, from.address, () => undefined)
          })
        })
        const tcp = createServer((socket) => this.#serve(socket))
        tcp.maxConnections = limits.dns.clients
        this.#tcp.push(tcp)
        await new Promise<void>((resolve, reject) => tcp.once('error', reject).listen(53, address, resolve))
        udp.unref()
        tcp.unref()
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  close(): void {
    for (const udp of this.#udp.splice(0)) udp.close()
    for (const tcp of this.#tcp.splice(0)) tcp.close()
  }

  #serve(socket: Socket): void {
    socket.unref()
    socket.setTimeout(limits.dns.idle, () => socket.destroy())
    socket.on('error', () => undefined)
    const reader = new Messages((message) => {
      void this.#answer(message, socket.remoteAddress ?? '', askLong).then((reply) => {
        if (reply !== undefined) socket.write(withLength(reply))
      })
    })
    socket.on('data', (bytes) => reader.push(bytes))
  }

  /** Undefined for what is not worth an answer. */
  async #answer(message: Buffer, from: string, askServer: typeof ask): Promise<Buffer | undefined> {
    if (!this.#names.includes(from)) return undefined
    let query: Packet
    try {
      query = dnsPacket.decode(message)
    } catch {
      return undefined
    }
    if (query.type !== 'query') return undefined
    try {
      const own = answer(query, this.#names)
      if (own !== undefined) return own
    } catch {
      return failure(query, serverFailure) // a question that cannot be put into a message again
    }
    const resolvers = this.#names.resolversFor(from)
    if (resolvers === undefined || this.#asking >= limits.dns.asking) return failure(query, refused)
    this.#asking++
    try {
      for (const server of resolvers) {
        const reply = await askServer(server, message)
        if (reply !== undefined) return reply
      }
      return failure(query, serverFailure)
    } finally {
      this.#asking--
    }
  }
}
