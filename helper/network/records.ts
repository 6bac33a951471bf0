/** The networks that there are, kept on disk: one file each. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { defaults, limits } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { CreateNetwork } from '../protocol/networkSchemas.ts'
import { chooseSubnet, occupied, Subnet } from './addresses.ts'

const recordSchema = z.object({
  id: z.string(),
  name: z.string(),
  subnets: z.array(z.object({ subnet: z.string(), gateway: z.string() })),
  internal: z.boolean(),
  labels: z.record(z.string(), z.string()),
  createdAt: z.number(),
})
export type NetworkRecord = z.infer<typeof recordSchema>

export const defaultNetwork = 'bridge'
const reserved = ['host', 'none', 'container', 'default', defaultNetwork]

/** Of a network's bridge: at most 15 characters. */
export function bridgeOf({ id }: Pick<NetworkRecord, 'id'>): string {
  return `bh-${id.slice(0, 12)}`
}

function* choices(): Generator<string> {
  const whole = new Subnet(defaults.subnets.first)
  const { prefix } = defaults.subnets
  const step = 1n << BigInt(32 - prefix)
  for (let at = 0n; at < whole.size; at += step) yield `${whole.address(at)}/${prefix}`
}

function* choices6(): Generator<string> {
  for (let tries = 0; tries < 16; tries++) {
    const random = randomBytes(7).toString('hex')
    yield `fd${random.slice(0, 2)}:${random.slice(2, 6)}:${random.slice(6, 10)}:${random.slice(10, 14)}::/64`
  }
}

export class NetworkRecords {
  readonly #directory: string
  readonly #records = new Map<string, NetworkRecord>()

  constructor(directory: string) {
    this.#directory = directory
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    for (const file of readdirSync(directory)) {
      const path = join(directory, file)
      if (!file.endsWith('.json')) {
        rmSync(path, { force: true }) // half written
        continue
      }
      const record = recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
      this.#records.set(record.id, record)
    }
  }

  all(): NetworkRecord[] {
    return [...this.#records.values()]
  }

  /** By name, id, or the beginning of an id. @throws BulkheadError NetworkNotFound */
  get(reference: string): NetworkRecord {
    const all = this.all()
    const found = this.#records.get(reference) ?? all.find(({ name }) => name === reference)
    if (found !== undefined) return found
    if (reference === defaultNetwork)
      return this.create({ name: defaultNetwork, subnets: [], gateways: [], ipv6: false, internal: false, labels: {} })
    const matches = /^[0-9a-f]{4,}$/.test(reference) ? all.filter(({ id }) => id.startsWith(reference)) : []
    if (matches.length === 1) return matches[0]!
    throw new BulkheadError('NetworkNotFound', `no network ${reference}`, {
      hint: 'bulkhead network ls lists all there are; bulkhead network create makes one.',
    })
  }

  /** A name that only the engine may use is refused. */
  requireFree(name: string): void {
    if (reserved.includes(name) || this.all().some((record) => record.name === name))
      throw new BulkheadError('NameInUse', `there is a network ${name} already`, { hint: 'Choose another name.' })
  }

  create(request: CreateNetwork): NetworkRecord {
    if (this.#records.size >= limits.networks)
      throw new BulkheadError('Busy', `there are ${limits.networks} networks already`, { hint: 'Remove some.' })
    const record: NetworkRecord = {
      id: randomBytes(32).toString('hex'),
      name: request.name,
      subnets: this.#subnets(request),
      internal: request.internal,
      labels: request.labels,
      createdAt: Date.now(),
    }
    const path = join(this.#directory, `${record.id}.json`)
    writeFileSync(`${path}.partial`, JSON.stringify(record), { mode: 0o600 })
    renameSync(`${path}.partial`, path)
    this.#records.set(record.id, record)
    return record
  }

  remove({ id }: NetworkRecord): void {
    rmSync(join(this.#directory, `${id}.json`), { force: true })
    this.#records.delete(id)
  }

  #subnets({ subnets, gateways, ipv6 }: CreateNetwork): NetworkRecord['subnets'] {
    const asked = subnets.map((subnet) => new Subnet(subnet))
    const taken = [
      ...this.all().flatMap((record) => record.subnets.map(({ subnet }) => new Subnet(subnet))),
      ...occupied(),
    ]
    for (const subnet of asked) {
      const other = taken.find((one) => one.overlaps(subnet))
      if (other !== undefined)
        throw new BulkheadError(
          'AddressInUse',
          `the subnet ${subnet.text} overlaps ${other.text}, which this machine uses already`,
          {
            hint: 'Choose another subnet, or leave it out.',
          },
        )
      if (subnet.size < 4n)
        throw new BulkheadError('InvalidRequest', `the subnet ${subnet.text} has no room for a gateway and a container`)
    }
    const fours = asked.filter(({ family }) => family === 4)
    const sixes = asked.filter(({ family }) => family === 6)
    if (fours.length > 1 || sixes.length > 1)
      throw new BulkheadError('InvalidRequest', 'a network has at most one subnet of each family')
    const all = [
      fours[0] ?? chooseSubnet(choices(), taken),
      ...(sixes[0] !== undefined ? sixes : ipv6 ? [chooseSubnet(choices6(), taken)] : []),
    ]
    const left = new Set(gateways)
    const result = all.map((subnet) => {
      const wanted = gateways.find((gateway) => (subnet.numberOf(gateway) ?? 0n) > 0n)
      if (wanted !== undefined) left.delete(wanted)
      return { subnet: subnet.text, gateway: wanted ?? subnet.address(1n) }
    })
    const [stray] = left
    if (stray !== undefined)
      throw new BulkheadError('InvalidRequest', `the gateway ${stray} is in none of the network's subnets`)
    return result
  }
}
