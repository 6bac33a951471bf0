/** Sockets that wait for somebody, in a network namespace (proc_pid_net(5): tcp, udp). */
import { readFileSync } from 'node:fs'
import { endianness } from 'node:os'
import ipaddr from 'ipaddr.js'
import { ofProcess } from '../host/processes.ts'

const protocols = ['tcp', 'tcp6', 'udp', 'udp6'] as const

export interface ListeningSocket {
  readonly protocol: (typeof protocols)[number]
  readonly address: string
  readonly port: number
  readonly inode: number
}

/** TCP_LISTEN; a UDP socket that nobody is connected to is TCP_CLOSE. */
const waiting = { tcp: '0A', tcp6: '0A', udp: '07', udp6: '07' }

/** `0100007F` is 127.0.0.1: words of four bytes in the machine's own order. */
export function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  if (endianness() === 'LE') bytes.swap32()
  const address = ipaddr.fromByteArray([...bytes])
  return address.kind() === 'ipv6' ? (address as ipaddr.IPv6).toRFC5952String() : address.toString()
}

/** `pid`: any process in it. */
export function listeningSockets(pid: number): ListeningSocket[] {
  return protocols.flatMap((protocol) => {
    const text = ofProcess(pid, (folder) => readFileSync(`${folder}/net/${protocol}`, 'utf8')) ?? ''
    return text
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
        const [address, port] = local.split(':')
        if (state !== waiting[protocol] || address === undefined || port === undefined) return []
        return { protocol, address: addressOf(address), port: Number.parseInt(port, 16), inode: Number(inode) }
      })
  })
}
