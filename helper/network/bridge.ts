/** One network while containers use it: its bridge, who is in it, which addresses are free, and its names. */
import { writeFileSync } from 'node:fs'
import type { Native } from '../host/native.ts'
import { isErrno } from '../host/errno.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Endpoint, EndpointOptions } from '../protocol/networkSchemas.ts'
import { AddressPool, Subnet } from './addresses.ts'
import type { Bridged } from './firewall.ts'
import { hostResolvers, type Names, type NameServer } from './nameServer.ts'
import { bridgeOf, type NetworkRecord } from './records.ts'

/** A container, as far as networks know it. */
export interface Member {
  readonly id: string
  readonly name: string
  readonly hostname: string
  /** Whom it asks for names outside; empty for the host's resolvers. */
  readonly dns: readonly string[]
}

/** `02:42:` and the bytes of the IPv4 address, as Docker does: a neighbour's table stays right. */
export function macOf(address: string): string {
  const bytes = address.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'))
  return ['02', '42', ...bytes].join(':')
}

/** What a network gives a container that did not choose it. */
const hostNames = ['host.docker.internal', 'host.containers.internal', 'gateway.docker.internal']

export class Bridge implements Names {
  readonly record: NetworkRecord
  readonly #native: Native
  readonly #pools: readonly AddressPool[]
  readonly #members = new Map<string, { member: Member; endpoint: Endpoint }>()
  readonly #byName = new Map<string, Set<string>>()
  readonly #byAddress = new Map<string, string>()
  #nameServer: NameServer | undefined

  constructor(native: Native, record: NetworkRecord) {
    this.#native = native
    this.record = record
    this.#pools = record.subnets.map(({ subnet, gateway }) => new AddressPool(new Subnet(subnet), gateway))
  }

  get name(): string {
    return bridgeOf(this.record)
  }
  get bridged(): Bridged {
    const { internal, subnets } = this.record
    return { bridge: this.name, internal, subnets: subnets.map(({ subnet }) => subnet) }
  }
  get gateways(): string[] {
    return this.record.subnets.map(({ gateway }) => gateway)
  }
  get members(): readonly { member: Member; endpoint: Endpoint }[] {
    return [...this.#members.values()]
  }
  get has6(): boolean {
    return this.#pools.some(({ subnet }) => subnet.family === 6)
  }
  /** Where its containers ask for names; undefined where its name server could not listen. */
  get nameServers(): string[] | undefined {
    return this.#nameServer === undefined ? undefined : this.gateways
  }

  /** Makes the link, unless it is there. @throws BulkheadError NetworkFailed */
  setUp(): void {
    const addresses = this.record.subnets.map(({ subnet, gateway }) => `${gateway}/${subnet.split('/')[1]}`)
    try {
      this.#native.addon.ensureBridge({ name: this.name, mac: macOf(this.gateways[0]!), addresses })
      // So that the host reaches published ports at 127.0.0.1: SECURITY.md tells what keeps containers from doing so.
      writeFileSync(`/proc/sys/net/ipv4/conf/${this.name}/route_localnet`, '1')
    } catch (error) {
      if (!isErrno(error, 'EOPNOTSUPP', 'ENOENT', 'EPERM', 'EROFS')) throw error
      throw new BulkheadError(
        'NetworkFailed',
        `the bridge of network ${this.record.name} cannot be made: ${String(error)}`,
        {
          hint: 'Does this kernel have bridges (CONFIG_BRIDGE, CONFIG_VETH)? Without a network: --network none',
          cause: error,
        },
      )
    }
  }

  /** Takes the bridge away. */
  remove(): void {
    this.#nameServer?.close()
    this.#nameServer = undefined
    this.#native.addon.removeLink(this.name)
  }

  /** @throws EADDRINUSE where somebody else serves names on all addresses of this machine */
  async serveNames(): Promise<void> {
    const { NameServer } = await import('./nameServer.ts')
    const server = new NameServer(this)
    await server.listen(this.gateways)
    this.#nameServer = server
  }

  close(): void {
    this.#nameServer?.close()
  }

  /** A place for a container. @throws BulkheadError for an address that is not free or not of here */
  add(member: Member, options: EndpointOptions, links: { link: string; name: string }): Endpoint {
    if (this.#members.has(member.id))
      throw new BulkheadError('WrongState', `container ${member.name} is in network ${this.record.name} already`)
    const taken: string[] = []
    try {
      const [address, address6] = this.#pools.map((pool) => {
        const wanted = pool.subnet.family === 4 ? options.address : options.address6
        const got = pool.take(wanted)
        taken.push(got)
        return got
      })
      if (options.address6 !== undefined && address6 === undefined)
        throw new BulkheadError('InvalidRequest', `network ${this.record.name} has no IPv6`, {
          hint: 'Make one that has: bulkhead network create --ipv6 NAME',
        })
      const endpoint: Endpoint = {
        network: this.record.id,
        networkName: this.record.name,
        ...links,
        mac: options.mac ?? macOf(address!),
        address: address!,
        address6: address6 ?? null,
        aliases: options.aliases,
      }
      this.#enter(member, endpoint)
      return endpoint
    } catch (error) {
      this.#giveBack(taken)
      throw error
    }
  }

  /** One that is there already, of an earlier helper. */
  adopt(member: Member, endpoint: Endpoint): void {
    for (const pool of this.#pools)
      pool.take((pool.subnet.family === 4 ? endpoint.address : endpoint.address6) ?? undefined)
    this.#enter(member, endpoint)
  }

  leave(id: string): void {
    const found = this.#members.get(id)
    if (found === undefined) return
    this.#members.delete(id)
    const addresses = addressesOf(found.endpoint)
    this.#giveBack(addresses)
    for (const name of namesOf(found.member, found.endpoint)) {
      const all = this.#byName.get(name)
      for (const address of addresses) all?.delete(address)
      if (all?.size === 0) this.#byName.delete(name)
    }
    for (const address of addresses) this.#byAddress.delete(address)
  }

  /** The same container under another name. */
  rename(member: Member): void {
    const found = this.#members.get(member.id)
    if (found === undefined) return
    this.leave(member.id)
    this.adopt(member, found.endpoint)
  }

  // What the name server asks.

  lookUp(name: string): readonly string[] | undefined {
    if (hostNames.includes(name)) return this.gateways
    const found = this.#byName.get(name)
    return found === undefined ? undefined : [...found]
  }
  nameOf(address: string): string | undefined {
    return this.#byAddress.get(new Subnet(`${address}/${address.includes(':') ? 128 : 32}`).address(0n))
  }
  includes(address: string): boolean {
    return this.#pools.some(({ subnet }) => subnet.numberOf(address) !== undefined)
  }
  resolversFor(address: string): readonly string[] | undefined {
    if (this.record.internal) return undefined
    const asking = this.members.find(({ endpoint }) => addressesOf(endpoint).includes(address))
    if (asking !== undefined && asking.member.dns.length > 0) return asking.member.dns
    return hostResolvers().filter((resolver) => !this.gateways.includes(resolver))
  }

  #enter(member: Member, endpoint: Endpoint): void {
    this.#members.set(member.id, { member, endpoint })
    const addresses = addressesOf(endpoint)
    for (const name of namesOf(member, endpoint)) {
      const all = this.#byName.get(name) ?? new Set()
      for (const address of addresses) all.add(address)
      this.#byName.set(name, all)
    }
    for (const address of addresses) this.#byAddress.set(address, `${member.name}.${this.record.name}`)
  }

  #giveBack(addresses: readonly string[]): void {
    for (const pool of this.#pools) for (const address of addresses) pool.giveBack(address)
  }
}

function addressesOf({ address, address6 }: Endpoint): string[] {
  return [address, ...(address6 === null ? [] : [address6])]
}

/** As Docker: name, alias, the short id; and each with the network's name after it. */
function namesOf(member: Member, endpoint: Endpoint): string[] {
  const short = [member.name, member.hostname, member.id.slice(0, 12), ...endpoint.aliases]
  return short.flatMap((name) => [name.toLowerCase(), `${name}.${endpoint.networkName}`.toLowerCase()])
}
