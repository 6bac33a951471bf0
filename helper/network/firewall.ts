/**
 * One nftables table of ours. Its rules never change: what comes and goes are elements of its sets and maps, so that a
 * published port costs the same however many there are. Other tables are left alone.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Native } from '../host/native.ts'
import { isErrno } from '../host/errno.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { PublishedPort } from '../protocol/networkSchemas.ts'

export interface Bridged {
  readonly bridge: string
  readonly internal: boolean
  readonly subnets: readonly string[]
}

/** A port of the host that leads to a container's address. */
export interface Forwarded {
  readonly port: PublishedPort
  /** Of the container, of either family. */
  readonly address: string
}

const is6 = (address: string): boolean => address.includes(':')

/** The element of a port, and the map that it belongs to. */
function element({ port, address }: Forwarded): { map: string; key: string; value: string } {
  const family = is6(address) ? 6 : 4
  const service = `${port.protocol} . ${port.hostPort}`
  return {
    map: port.hostIp === '' ? `ports${family}` : `ports${family}_at`,
    key: port.hostIp === '' ? service : `${port.hostIp} . ${service}`,
    value: `${address} . ${port.containerPort}`,
  }
}

function elements(values: readonly string[]): string {
  return values.length === 0 ? '' : `elements = { ${values.join(', ')} }`
}

/** The whole table. `closesForward`: nothing else of this machine is forwarded either, since it was not before us. */
export function ruleset(
  table: string,
  networks: readonly Bridged[],
  ports: readonly Forwarded[],
  options: { closesForward: boolean },
): string {
  const bridges = networks.map(({ bridge }) => `"${bridge}"`)
  const internal = networks.filter((network) => network.internal).map(({ bridge }) => `"${bridge}"`)
  const within = networks.map(({ bridge }) => `"${bridge}" . "${bridge}"`)
  const subnets = networks.flatMap((network) => network.subnets)
  const all = ports.map(element)
  const map = (name: string): string =>
    elements(all.filter((one) => one.map === name).map(({ key, value }) => `${key} : ${value}`))
  const publish = ['4', '6'].flatMap((family) => {
    const ip = family === '4' ? 'ip' : 'ip6'
    return [
      `fib daddr type local dnat ${ip} to ${ip} daddr . meta l4proto . th dport map @ports${family}_at`,
      `fib daddr type local dnat ${ip} to meta l4proto . th dport map @ports${family}`,
    ]
  })
  return `add table inet ${table}
delete table inet ${table}
table inet ${table} {
  set bridges { type ifname; ${elements(bridges)} }
  set internal { type ifname; ${elements(internal)} }
  set within { type ifname . ifname; ${elements(within)} }
  set subnets4 { type ipv4_addr; flags interval; ${elements(subnets.filter((subnet) => !is6(subnet)))} }
  set subnets6 { type ipv6_addr; flags interval; ${elements(subnets.filter(is6))} }
  map ports4 { type inet_proto . inet_service : ipv4_addr . inet_service; ${map('ports4')} }
  map ports4_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; ${map('ports4_at')} }
  map ports6 { type inet_proto . inet_service : ipv6_addr . inet_service; ${map('ports6')} }
  map ports6_at { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; ${map('ports6_at')} }

  # The bridges route 127.0.0.0/8 for the host's own sake: not for containers (CVE-2020-8558).
  chain guard {
    type filter hook prerouting priority -300;
    ip daddr 127.0.0.0/8 iifname @bridges drop
  }
  chain prerouting {
    type nat hook prerouting priority -100;
    ${publish.join('\n    ')}
  }
  chain output {
    type nat hook output priority -100;
    ${publish.join('\n    ')}
  }
  chain postrouting {
    type nat hook postrouting priority 100;
    ip saddr @subnets4 oifname != @bridges masquerade
    ip6 saddr @subnets6 oifname != @bridges masquerade
    # A container that reaches another by way of the host, and the host itself by way of 127.0.0.1.
    oifname @bridges ct status dnat ip saddr @subnets4 masquerade
    oifname @bridges ct status dnat ip6 saddr @subnets6 masquerade
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
  }
  chain forward {
    type filter hook forward priority 0;
    # What has begun goes on: most packets pass one rule alone.
    ct state established,related accept
    iifname . oifname @within accept
    iifname @internal drop
    oifname @internal drop
    oifname @bridges ct status dnat accept
    oifname @bridges drop
    iifname @bridges accept
    ${options.closesForward ? 'drop' : ''}
  }
}
`
}

const forwarding = '/proc/sys/net/ipv4/ip_forward'
const forwarding6 = '/proc/sys/net/ipv6/conf/all/forwarding'

export class Firewall {
  readonly #native: Native
  readonly #table: string
  readonly #onRemoved: () => void
  /** A file that is there when it was us who made this machine forward; helpers come and go. */
  readonly #mark: string
  #unwatch: (() => void) | undefined

  /** `onRemoved`: somebody else removed rules of ours. */
  constructor(native: Native, options: { table: string; mark: string; onRemoved: () => void }) {
    this.#native = native
    this.#table = options.table
    this.#mark = options.mark
    this.#onRemoved = options.onRemoved
  }

  /** Puts the whole table in place of the one that is there, in one transaction. */
  install(networks: readonly Bridged[], ports: readonly Forwarded[]): void {
    this.#forward(networks)
    this.#run(ruleset(this.#table, networks, ports, { closesForward: existsSync(this.#mark) }))
    this.#unwatch ??= this.#native.addon.watchFirewall(this.#table, this.#onRemoved)
  }

  publish(ports: readonly Forwarded[]): void {
    this.#run(
      ports
        .map(element)
        .map(({ map, key, value }) => `add element inet ${this.#table} ${map} { ${key} : ${value} }\n`)
        .join(''),
    )
  }

  /** What somebody has removed already is fine. */
  unpublish(ports: readonly Forwarded[]): void {
    for (const { map, key } of ports.map(element))
      try {
        this.#run(`delete element inet ${this.#table} ${map} { ${key} }`)
      } catch (error) {
        if (!(error instanceof BulkheadError) || !error.message.includes('No such file')) throw error
      }
  }

  remove(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
    this.#run(`add table inet ${this.#table}\ndelete table inet ${this.#table}`)
    if (existsSync(this.#mark)) writeFileSync(forwarding, '0')
    rmSync(this.#mark, { force: true })
  }

  #forward(networks: readonly Bridged[]): void {
    if (readFileSync(forwarding, 'utf8').trim() === '0') {
      writeFileSync(this.#mark, '')
      writeFileSync(forwarding, '1')
    }
    const has6 = networks.some(({ subnets }) => subnets.some(is6))
    if (has6 && readFileSync(forwarding6, 'utf8').trim() === '0') writeFileSync(forwarding6, '1')
  }

  #run(commands: string): void {
    if (commands === '') return
    try {
      this.#native.addon.nft(commands)
    } catch (error) {
      if (isErrno(error, 'ENOENT'))
        throw new BulkheadError('NetworkFailed', 'networks need the library libnftables.so.1, which is not installed', {
          hint: 'Install it: sudo apt-get install libnftables1. Or run without a network: --network none',
          cause: error,
        })
      throw new BulkheadError('NetworkFailed', error instanceof Error ? error.message.trim() : String(error), {
        hint: 'Does this kernel have nftables with NAT (nf_tables, nft_nat)? Without a network: --network none',
        cause: error,
      })
    }
  }
}
