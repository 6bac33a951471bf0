/** Published ports as people write them, known to both sides. */
import type { Protocol, PublishedPort, PublishRequest } from './networkSchemas.ts'

function range(text: string): [number, number] | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const from = Number(match[1])
  const to = Number(match[2] ?? match[1])
  return from <= to && to <= 65_535 ? [from, to] : undefined
}

/** `[IP:][HOST[-HOST]:]CONTAINER[-CONTAINER][/tcp|/udp]`, as Docker reads it. Undefined for anything else. */
export function parsePublish(text: string): PublishRequest[] | undefined {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|(\d+(?:\.\d+){3})):)?(?:([\d-]*):)?([\d-]+)(?:\/(tcp|udp))?$/.exec(text)
  if (match === null) return undefined
  const [, ip6, ip4, host = '', container = '', protocol = 'tcp'] = match
  const address = ip6 ?? ip4 ?? ''
  const inside = range(container)
  const outside = host === '' ? undefined : range(host)
  if (inside === undefined || inside[0] < 1 || (host !== '' && outside === undefined)) return undefined
  const count = inside[1] - inside[0] + 1
  if (outside !== undefined && outside[1] - outside[0] + 1 !== count) return undefined
  return Array.from({ length: count }, (_, n) => ({
    hostIp: address,
    hostPort: outside === undefined ? 0 : outside[0] + n,
    containerPort: inside[0] + n,
    protocol: protocol as Protocol,
  }))
}

/** `0.0.0.0:8080->80/tcp`, as Docker lists it. */
export function formatPort({ hostIp, hostPort, containerPort, protocol }: PublishedPort): string {
  const address = hostIp === '' ? '0.0.0.0' : hostIp.includes(':') ? `[${hostIp}]` : hostIp
  return `${address}:${hostPort}->${containerPort}/${protocol}`
}
