/** Containers and networks: what a container asks for, gets at its start, and gives back at its end. */
import type { Image } from '../images/image.ts'
import type { Member } from '../network/bridge.ts'
import type { Attachment, Networks, Wanted } from '../network/networks.ts'
import type { Placement } from '../plan/plan.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { EndpointOptions } from '../protocol/networkSchemas.ts'
import type { RunRequest } from '../protocol/schemas.ts'
import type { Container } from './container.ts'
import type { ContainerRecord } from './record.ts'
import { publishedBy } from './settings.ts'
import { sharesNetwork } from './specification.ts'

export function memberOf({ id, name, request }: ContainerRecord): Member {
  return { id, name, hostname: request.hostname ?? id.slice(0, 12), dns: request.dns }
}

export class NetworkPlaces {
  readonly #networks: Networks
  readonly #find: (reference: string) => Container

  constructor(networks: Networks, find: (reference: string) => Container) {
    this.#networks = networks
    this.#find = find
  }

  /** With the names of networks, however they were called. @throws BulkheadError NetworkNotFound, ContainerNotFound */
  resolved(request: RunRequest): RunRequest {
    const { network } = request
    if (network.startsWith('container:')) this.#find(network.slice('container:'.length))
    const name = sharesNetwork(request) ? network : this.#networks.nameOf(network)
    const connect = request.connect.map((one) => ({ ...one, network: this.#networks.nameOf(one.network) }))
    return { ...request, network: name, connect }
  }

  /** Gets it addresses and ports; undefined for one that has no network of ours. */
  async enter(container: Container, image: Image): Promise<Attachment | undefined> {
    const { request } = container.record
    const wanted = wantedBy(container.record)
    if (wanted.length === 0) return undefined
    this.leave(container) // it may have ended just now
    return await this.#networks.attach(memberOf(container.record), wanted, publishedBy(request, image.config))
  }

  leave(container: Container): void {
    this.#networks.detach(container.id)
  }

  /** When whoever waits for its end has been told. */
  leaveSoon(container: Container): void {
    const before = this.#networks.attachmentOf(container.id)
    setImmediate(() => {
      if (this.#networks.attachmentOf(container.id) === before) this.leave(container)
    })
  }

  /** One that an earlier helper started. */
  adopt(container: Container): void {
    const attachment = container.folder.readAttachment()
    if (attachment !== undefined && wantedBy(container.record).length > 0)
      this.#networks.adopt(memberOf(container.record), attachment)
  }

  /** The container whose network it has. @throws BulkheadError WrongState when that one does not run */
  joined({ request }: ContainerRecord): Placement['joinNetwork'] {
    if (!request.network.startsWith('container:')) return undefined
    const other = this.#find(request.network.slice('container:'.length))
    const { pid } = other.summary()
    if (!other.runs || pid === 0)
      throw new BulkheadError('WrongState', `${other.label}, whose network was asked for, does not run`, {
        hint: 'Start it first.',
      })
    return { pid, cgroup: other.id }
  }

  async connect(container: Container, network: string, options: EndpointOptions): Promise<void> {
    const { record } = container
    const name = this.#networks.nameOf(network)
    requireBridged(container)
    if (wantedBy(record).some((one) => one.network === name))
      throw new BulkheadError('WrongState', `${container.label} is in network ${name} already`)
    const { pid } = container.summary()
    if (container.runs) {
      await this.#networks.connect(memberOf(record), pid, { network, options })
      container.folder.writeAttachment(this.#networks.attachmentOf(record.id))
    }
    // One that is in no network has this one first: its ports lead there.
    const { request } = record
    container.change({
      request:
        request.network === 'none'
          ? { ...request, network: name, endpoint: options }
          : { ...request, connect: [...request.connect, { ...options, network: name }] },
    })
    container.publish('connect', { network: name })
  }

  disconnect(container: Container, network: string): void {
    const { record } = container
    const name = this.#networks.nameOf(network)
    if (!wantedBy(record).some((one) => one.network === name))
      throw new BulkheadError('NetworkNotFound', `${container.label} is not in network ${name}`)
    if (container.runs) {
      this.#networks.disconnect(memberOf(record), network)
      container.folder.writeAttachment(this.#networks.attachmentOf(record.id))
    }
    const { request } = record
    if (request.network !== name)
      container.change({ request: { ...request, connect: request.connect.filter((one) => one.network !== name) } })
    else {
      const [next, ...rest] = request.connect
      const { network: first = 'none', ...endpoint } = next ?? { aliases: [] }
      container.change({ request: { ...request, network: first, endpoint, connect: rest } })
    }
    container.publish('disconnect', { network: name })
  }
}

function wantedBy({ request }: ContainerRecord): Wanted[] {
  if (request.network === 'none' || sharesNetwork(request)) return []
  const further = request.connect.map(({ network, ...options }): Wanted => ({ network, options }))
  return [{ network: request.network, options: request.endpoint }, ...further]
}

function requireBridged({ record, label }: Container): void {
  if (sharesNetwork(record.request))
    throw new BulkheadError('WrongState', `${label} has network ${record.request.network}: it cannot have another`)
}
