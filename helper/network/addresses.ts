/** Subnets and the addresses in them, of either family: what is free, and what a new network may have. */
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import ipaddr from 'ipaddr.js'
import { BulkheadError } from '../protocol/errors.ts'

function toNumber(bytes: readonly number[]): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

/** `10.208.0.0/20`, `fd00::/64`. */
export class Subnet {
  readonly family: 4 | 6
  readonly prefix: number
  readonly #first: bigint
  readonly #bits: number

  /** @throws BulkheadError InvalidRequest */
  constructor(cidr: string) {
    if (!ipaddr.isValidCIDR(cidr)) throw new BulkheadError('InvalidRequest', `${cidr} is not a subnet`)
    const [address, prefix] = ipaddr.parseCIDR(cidr)
    this.family = address.kind() === 'ipv4' ? 4 : 6
    this.#bits = this.family === 4 ? 32 : 128
    this.prefix = prefix
    this.#first = toNumber(address.toByteArray()) & ~(this.size - 1n)
  }

  get size(): bigint {
    return 1n << BigInt(this.#bits - this.prefix)
  }

  /** The address with this number; 0 is that of the subnet itself. */
  address(number: bigint): string {
    const whole = this.#first + number
    const bytes = Array.from({ length: this.#bits / 8 }, (_, at) =>
      Number((whole >> BigInt(this.#bits - 8 - 8 * at)) & 255n),
    )
    return ipaddr.fromByteArray(bytes).toString()
  }

  /** Undefined for an address of elsewhere. */
  numberOf(address: string): bigint | undefined {
    if (!ipaddr.isValid(address)) return undefined
    const bytes = ipaddr.parse(address).toByteArray()
    if (bytes.length * 8 !== this.#bits) return undefined
    const number = toNumber(bytes) - this.#first
    return number >= 0n && number < this.size ? number : undefined
  }

  overlaps(other: Subnet): boolean {
    if (other.family !== this.family) return false
    return this.numberOf(other.address(0n)) !== undefined || other.numberOf(this.address(0n)) !== undefined
  }

  get text(): string {
    return `${this.address(0n)}/${this.prefix}`
  }
}

/** The addresses of one subnet that nobody has. Each is given out as late as possible after it was given back. */
export class AddressPool {
  readonly subnet: Subnet
  readonly #taken = new Set<bigint>()
  #next = 1n

  constructor(subnet: Subnet, gateway: string) {
    this.subnet = subnet
    this.#taken.add(subnet.numberOf(gateway)!)
  }

  /** @throws BulkheadError AddressInUse, Busy when all are taken, InvalidRequest for one of elsewhere */
  take(wanted?: string): string {
    if (wanted !== undefined) return this.#takeThis(wanted)
    const last = this.subnet.family === 4 ? this.subnet.size - 1n : this.subnet.size // the last of IPv4 is for broadcasts
    for (let tries = 1n; tries < last && tries < 1_048_576n; tries++) {
      const number = this.#next
      this.#next = number + 1n < last ? number + 1n : 1n
      if (this.#taken.has(number)) continue
      this.#taken.add(number)
      return this.subnet.address(number)
    }
    throw new BulkheadError('Busy', `all addresses of ${this.subnet.text} are taken`, {
      hint: 'Remove containers, or make a network with a larger subnet.',
    })
  }

  giveBack(address: string): void {
    const number = this.subnet.numberOf(address)
    if (number !== undefined) this.#taken.delete(number)
  }

  #takeThis(wanted: string): string {
    const number = this.subnet.numberOf(wanted)
    if (number === undefined || number === 0n)
      throw new BulkheadError(
        'InvalidRequest',
        `the address ${wanted} is not in the network's subnet ${this.subnet.text}`,
      )
    if (this.#taken.has(number))
      throw new BulkheadError('AddressInUse', `the address ${wanted} is in use in the network`, {
        hint: 'Leave it out to get one that is free.',
      })
    this.#taken.add(number)
    return this.subnet.address(number)
  }
}

/** Where this machine can go already: its interfaces, and its routes but for the default one (/proc/net/route). */
export function occupied(): Subnet[] {
  const own = Object.values(networkInterfaces())
    .flat()
    .flatMap((entry) => (entry?.cidr == null ? [] : [new Subnet(entry.cidr)]))
  const routes = readFileSync('/proc/net/route', 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.split('\t')
      const [destination, mask] = [fields[1]!, fields[7]!].map((hex) => Buffer.from(hex, 'hex').reverse())
      const prefix = [...mask!].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0)
      return prefix === 0 ? [] : [new Subnet(`${destination!.join('.')}/${prefix}`)]
    })
  return [...own, ...routes]
}

/** @throws BulkheadError Busy when all that we choose from are taken */
export function chooseSubnet(choices: Iterable<string>, taken: readonly Subnet[]): Subnet {
  for (const choice of choices) {
    const subnet = new Subnet(choice)
    if (!taken.some((other) => other.overlaps(subnet))) return subnet
  }
  throw new BulkheadError('Busy', 'there is no subnet left that this machine does not use already', {
    hint: 'Give one: bulkhead network create --subnet 192.168.99.0/24 NAME',
  })
}
