/** All networks and the containers in them: addresses, published ports, names. What the kernel has of it is made when the
 * first container needs it, found again by a later helper, and put right when somebody removes rules. */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Native } from '../host/native.ts'
import type { Paths } from '../host/paths.ts'
import type { Link } from '../plan/plan.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type {
  CreateNetwork,
  Endpoint,
  EndpointOptions,
  NetworkSummary,
  PublishedPort,
  PublishRequest,
} from '../protocol/networkSchemas.ts'
import { Bridge, type Member } from './bridge.ts'
import { Firewall, type Forwarded } from './firewall.ts'
import { Ports } from './ports.ts'
import { bridgeOf, defaultNetwork, NetworkRecords, type NetworkRecord } from './records.ts'

/** What a container has of networks while it runs. */
export interface Attachment {
  readonly endpoints: readonly Endpoint[]
  readonly ports: readonly PublishedPort[]
}

export interface Wanted {
  readonly network: string
  readonly options: EndpointOptions
}

function forwarded({ endpoints, ports }: Attachment): Forwarded[] {
  const [first] = endpoints
  if (first === undefined) return []
  return ports.flatMap((port) => {
    const to4 = port.hostIp === '' || !port.hostIp.includes(':')
    const to6 = port.hostIp === '' || port.hostIp.includes(':')
    return [
      ...(to4 ? [{ port, address: first.address }] : []),
      ...(to6 && first.address6 !== null ? [{ port, address: first.address6 }] : []),
    ]
  })
}

const none: Attachment = { endpoints: [], ports: [] }

const builtIn = (['host', 'none'] as const).map((name) => ({
  id: createHash('sha256').update(`bulkhead ${name}`).digest('hex'),
  name,
}))

export class Networks {
  readonly #native: Native
  readonly #log: Logger
  readonly #records: NetworkRecords
  readonly #ports: Ports
  readonly #firewall: Firewall
  /** Those that the kernel has, by id. */
  readonly #bridges = new Map<string, Bridge>()
  readonly #settingUp = new Map<string, Promise<Bridge>>()
  readonly #attachments = new Map<string, Attachment>()
  #repair: NodeJS.Timeout | undefined

  constructor({ native, paths, log }: { native: Native; paths: Paths; log: Logger }) {
    this.#native = native
    this.#log = log
    this.#records = new NetworkRecords(paths.networks)
    this.#ports = new Ports(native)
    this.#firewall = new Firewall(native, {
      table: paths.kernelName,
      mark: join(paths.run, 'forwards'),
      onRemoved: () => this.#repairSoon(),
    })
  }

  list(): NetworkSummary[] {
    this.#records.get(defaultNetwork)
    const ours = this.#records.all().map((record) => this.#summary(record))
    const others = builtIn.map(({ id, name }): NetworkSummary => ({
      ...{ id, name, driver: name, subnets: [], internal: false, labels: {}, createdAt: 0, bridge: '', containers: [] },
    }))
    return [...ours, ...others]
  }

  /** @throws BulkheadError NetworkNotFound */
  get(reference: string): NetworkSummary {
    const found = builtIn.find(({ id, name }) => name === reference || id === reference)
    return found !== undefined
      ? this.list().find(({ id }) => id === found.id)!
      : this.#summary(this.#records.get(reference))
  }

  /** However it was called. @throws BulkheadError NetworkNotFound */
  nameOf(reference: string): string {
    return (
      builtIn.find(({ id, name }) => name === reference || id === reference)?.name ?? this.#records.get(reference).name
    )
  }

  create(request: CreateNetwork): NetworkSummary {
    this.#records.requireFree(request.name)
    return this.#summary(this.#records.create(request))
  }

  /** `users`: names of containers that are to have it when they start. @throws BulkheadError NetworkInUse */
  remove(reference: string, users: (name: string) => readonly string[]): NetworkSummary {
    const summary = this.get(reference)
    if (summary.driver !== 'bridge' || summary.name === defaultNetwork)
      throw new BulkheadError('InvalidRequest', `network ${summary.name} is always there`)
    const all = [...new Set([...summary.containers.map(({ name }) => name), ...users(summary.name)])]
    if (all.length > 0)
      throw new BulkheadError('NetworkInUse', `network ${summary.name} is used by ${all.join(', ')}`, {
        hint: 'Disconnect or remove those first.',
      })
    const bridge = this.#bridges.get(summary.id)
    this.#records.remove(this.#records.get(summary.id))
    if (bridge !== undefined) {
      this.#bridges.delete(summary.id)
      bridge.remove()
      this.#install()
    }
    return summary
  }

  /** Gives a container that is about to start its addresses, and keeps its ports for it; all, or nothing.
   * @throws BulkheadError that says which network, address or port it cannot have */
  async attach(member: Member, wanted: readonly Wanted[], publish: readonly PublishRequest[]): Promise<Attachment> {
    const records = wanted.map(({ network }) => this.#records.get(network))
    const bridges: Bridge[] = []
    for (const record of records) bridges.push(await this.#bridge(record))
    const endpoints: Endpoint[] = []
    try {
      for (const [at, bridge] of bridges.entries()) {
        const links = { link: newLinkName(), name: `eth${at}` }
        endpoints.push(bridge.add(member, wanted[at]!.options, links))
      }
      const ports = this.#ports.reserve(member.id, publish, bridges[0]?.has6 ?? false)
      const attachment = { endpoints, ports }
      this.#attachments.set(member.id, attachment)
      return attachment
    } catch (error) {
      this.detach(member.id)
      for (const bridge of bridges) bridge.leave(member.id)
      throw error
    }
  }

  /** Leads the ports that a container has got to it: while it is being started. */
  publish(id: string): void {
    this.#firewall.publish(forwarded(this.attachmentOf(id)))
  }

  /** The container has ended: the kernel has removed its links. */
  detach(id: string): void {
    const attachment = this.#attachments.get(id)
    if (attachment === undefined) return
    this.#attachments.delete(id)
    this.#firewall.unpublish(forwarded(attachment))
    this.#ports.release(id)
    for (const { network } of attachment.endpoints) this.#bridges.get(network)?.leave(id)
  }

  /** One that an earlier helper attached, and that runs. */
  adopt(member: Member, attachment: Attachment): void {
    for (const endpoint of attachment.endpoints) {
      const record = this.#records.all().find(({ id }) => id === endpoint.network)
      if (record === undefined) continue
      const bridge = this.#bridges.get(record.id) ?? new Bridge(this.#native, record)
      this.#bridges.set(record.id, bridge)
      bridge.adopt(member, endpoint)
    }
    this.#attachments.set(member.id, attachment)
    try {
      const with6 = attachment.endpoints.some(({ address6 }) => address6 !== null)
      this.#ports.reserve(member.id, attachment.ports, with6)
    } catch (error) {
      // Somebody took it while no helper held it: packets go to the container all the same.
      this.#log.warn({ err: error, container: member.id }, 'a published port is in use by somebody else, too')
    }
  }

  /** After `adopt` of all that run: what the kernel should have of them, and nothing of what others left. */
  async restore(): Promise<void> {
    const strays = this.#records.all().filter(({ id }) => !this.#bridges.has(id))
    const links = readFileSync('/proc/net/dev', 'utf8')
    const stale = strays.filter((record) => links.includes(bridgeOf(record)))
    for (const record of stale) this.#native.addon.removeLink(bridgeOf(record))
    if (this.#bridges.size > 0) {
      for (const bridge of this.#bridges.values()) await this.#setUp(bridge)
      this.#install()
    } else if (stale.length > 0) this.#firewall.remove()
  }

  /** A further network for a container that runs. */
  async connect(member: Member, pid: number, { network, options }: Wanted): Promise<Endpoint> {
    const bridge = await this.#bridge(this.#records.get(network))
    const before = this.#attachments.get(member.id) ?? { endpoints: [], ports: [] }
    const taken = new Set(before.endpoints.map(({ name }) => name))
    const name = Array.from({ length: taken.size + 1 }, (_, n) => `eth${n}`).find((one) => !taken.has(one))!
    const endpoint = bridge.add(member, options, { link: newLinkName(), name })
    try {
      this.#native.addon.connectContainer({ pid, ...this.links([endpoint])[0]! })
    } catch (error) {
      bridge.leave(member.id)
      throw error
    }
    this.#attachments.set(member.id, { ...before, endpoints: [...before.endpoints, endpoint] })
    return endpoint
  }

  /** Takes a running container out of a network. @throws BulkheadError NetworkNotFound when it is not in it */
  disconnect(member: Member, reference: string): Endpoint {
    const { id, name } = this.#records.get(reference)
    const before = this.#attachments.get(member.id)
    const endpoint = before?.endpoints.find(({ network }) => network === id)
    if (before === undefined || endpoint === undefined)
      throw new BulkheadError('NetworkNotFound', `container ${member.name} is not in network ${name}`)
    const carriesPorts = before.endpoints[0] === endpoint
    if (carriesPorts) this.#firewall.unpublish(forwarded(before))
    this.#native.addon.removeLink(endpoint.link)
    this.#bridges.get(id)?.leave(member.id)
    const after = { ...before, endpoints: before.endpoints.filter((one) => one !== endpoint) }
    this.#attachments.set(member.id, after)
    if (carriesPorts) this.#firewall.publish(forwarded(after))
    return endpoint
  }

  rename(member: Member): void {
    for (const bridge of this.#bridges.values()) bridge.rename(member)
  }

  attachmentOf(id: string): Attachment {
    return this.#attachments.get(id) ?? none
  }

  links(endpoints: readonly Endpoint[]): Link[] {
    let routed = false
    return endpoints.map(({ network, link, name, mac, address, address6 }) => {
      const bridge = this.#bridges.get(network)!
      const { record } = bridge
      const prefixes = record.subnets.map(({ subnet }) => subnet.split('/')[1])
      const addresses = [address, ...(address6 === null ? [] : [address6])].map((one, at) => `${one}/${prefixes[at]}`)
      const leads = !routed && !record.internal
      routed ||= leads
      return { bridge: bridge.name, link, name, mac, addresses, gateways: leads ? bridge.gateways : [] }
    })
  }

  /** Whom a container asks for names; undefined where it has no network of ours that answers. */
  nameServersFor(endpoints: readonly Endpoint[]): string[] | undefined {
    const [first] = endpoints
    return first === undefined ? undefined : this.#bridges.get(first.network)?.nameServers
  }

  /** The host, as a container sees it. */
  gatewayFor(endpoints: readonly Endpoint[]): string | undefined {
    const [first] = endpoints
    return first === undefined ? undefined : this.#bridges.get(first.network)?.gateways[0]
  }

  /** The helper ends: what containers use stays. */
  close(): void {
    clearTimeout(this.#repair)
    if (this.#bridges.size === 0) return
    for (const bridge of this.#bridges.values())
      if (bridge.members.length === 0) bridge.remove()
      else bridge.close()
    if (this.#attachments.size === 0) this.#firewall.remove()
  }

  #summary(record: NetworkRecord): NetworkSummary {
    const members = this.#bridges.get(record.id)?.members ?? []
    return {
      ...record,
      driver: 'bridge',
      bridge: bridgeOf(record),
      containers: members.map(({ member, endpoint }) => ({ id: member.id, name: member.name, endpoint })),
    }
  }

  /** The network as the kernel has it: made when it is needed for the first time. */
  async #bridge(record: NetworkRecord): Promise<Bridge> {
    const found = this.#bridges.get(record.id)
    if (found !== undefined) return found
    const settingUp = this.#settingUp.get(record.id) ?? this.#make(record)
    this.#settingUp.set(record.id, settingUp)
    try {
      return await settingUp
    } finally {
      this.#settingUp.delete(record.id)
    }
  }

  async #make(record: NetworkRecord): Promise<Bridge> {
    const bridge = new Bridge(this.#native, record)
    try {
      await this.#setUp(bridge)
      this.#bridges.set(record.id, bridge)
      this.#install()
      return bridge
    } catch (error) {
      this.#bridges.delete(record.id)
      bridge.remove()
      throw error
    }
  }

  async #setUp(bridge: Bridge): Promise<void> {
    bridge.setUp()
    try {
      await bridge.serveNames()
    } catch (error) {
      this.#log.warn(
        { err: error, network: bridge.record.name },
        'names cannot be served: containers ask the host’s resolvers',
      )
    }
  }

  #install(): void {
    const networks = [...this.#bridges.values()].map(({ bridged }) => bridged)
    this.#firewall.install(networks, [...this.#attachments.values()].flatMap(forwarded))
  }

  /** One flush tells of every rule. */
  #repairSoon(): void {
    this.#repair ??= setTimeout(() => {
      this.#repair = undefined
      this.#log.warn('somebody removed rules of the firewall: put back')
      try {
        this.#install()
      } catch (error) {
        this.#log.error({ err: error }, 'the rules of the firewall cannot be put back')
      }
    }, 20)
  }
}

/** At most 15 characters. New for each start: the kernel takes its time to remove an old one. */
function newLinkName(): string {
  return `bv${randomBytes(6).toString('hex')}`
}
