/** Files of /etc that are the container's own, whatever its image says: bound over the image's. */
import { readFileSync } from 'node:fs'
import { isErrno } from '../host/errno.ts'
import type { RunRequest } from '../protocol/schemas.ts'

function hostFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return ''
    throw error
  }
}

export interface Surroundings {
  /** Its own, in its networks. */
  readonly addresses: readonly string[]
  /** Of its network; undefined where there is none. */
  readonly nameServers: readonly string[] | undefined
  /** The host, as it sees it. */
  readonly gateway: string | undefined
}

function hosts(request: RunRequest, hostname: string, { addresses, gateway }: Surroundings): string {
  // Its own name is its address in its network: a server that binds to it is reached by others.
  const own = addresses.length === 0 ? ` ${hostname}` : ''
  const lines = [
    `127.0.0.1\tlocalhost${own}`,
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...addresses.map((address) => `${address}\t${hostname}`),
    ...request.addHosts.map(
      ({ name, address }) => `${address === 'host-gateway' ? (gateway ?? '127.0.0.1') : address}\t${name}`,
    ),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** The host's own lines, but for those that the request replaces. */
function resolvers(request: RunRequest, nameServers: readonly string[] | undefined): string {
  const { dns, dnsSearch, dnsOptions } = request
  const host = hostFile('/etc/resolv.conf')
  const servers = nameServers ?? (dns.length > 0 ? dns : undefined)
  const kept = host.split('\n').filter((line) => {
    if (/^\s*nameserver\s/.test(line)) return servers === undefined
    if (/^\s*(?:search|domain)\s/.test(line)) return dnsSearch.length === 0
    if (/^\s*options\s/.test(line)) return dnsOptions.length === 0
    return false
  })
  const lines = [
    ...(servers ?? []).map((server) => `nameserver ${server}`),
    ...(dnsSearch.length > 0 ? [`search ${dnsSearch.join(' ')}`] : []),
    ...(dnsOptions.length > 0 ? [`options ${dnsOptions.join(' ')}`] : []),
  ]
  return [...lines, ...kept].map((line) => `${line}\n`).join('')
}

export function etcFiles(
  request: RunRequest,
  hostname: string,
  surroundings: Surroundings,
): { target: string; content: string; mode: number }[] {
  const files = [
    { target: '/etc/hostname', content: `${hostname}\n`, mode: 0o644 },
    { target: '/etc/hosts', content: hosts(request, hostname, surroundings), mode: 0o644 },
  ]
  // Without a network there is nobody to ask.
  if (request.network !== 'none')
    files.push({ target: '/etc/resolv.conf', content: resolvers(request, surroundings.nameServers), mode: 0o644 })
  return files
}
