/** What a container has alone: its name, its range of user ids; and what one that is being made is about to have. */
import { defaults } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Container } from './container.ts'
import { newName } from './names.ts'

export class Claims {
  readonly #containers: () => readonly Container[]
  /** Names of those that are being made, and who is about to have a volume. */
  readonly #names = new Set<string>()
  readonly #volumes = new Map<string, string>()
  readonly #ranges = new Set<number>()

  constructor(containers: () => readonly Container[]) {
    this.#containers = containers
  }

  /** The name, or one that nobody has; until `release`. @throws BulkheadError NameInUse */
  name(wanted: string | undefined): string {
    const isTaken = (name: string): boolean =>
      this.#names.has(name) || this.#containers().some(({ record }) => record.name === name)
    const name = wanted ?? newName(isTaken)
    if (isTaken(name))
      throw new BulkheadError('NameInUse', `the name ${name} is in use by another container`, {
        hint: 'Remove or rename that container, or choose another name.',
      })
    this.#names.add(name)
    return name
  }

  volume(volume: string, container: string): void {
    this.#volumes.set(volume, container)
  }

  /** Name of the container that is being made and is about to have it. */
  makerOf(volume: string): string | undefined {
    return this.#volumes.get(volume)
  }

  /** A range of user ids, until it is given back. */
  take(): number {
    for (let range = 0; range < defaults.idRanges.count; range++) {
      if (this.#ranges.has(range)) continue
      this.#ranges.add(range)
      return range
    }
    throw new BulkheadError('Busy', 'all ranges of user ids are in use', { hint: 'Remove containers.' })
  }

  giveBack(range: number): void {
    this.#ranges.delete(range)
  }

  /** Those of containers that an earlier helper made. */
  adoptRanges(): void {
    for (const { record } of this.#containers()) if (record.idRange !== null) this.#ranges.add(record.idRange)
  }

  /** The container is there, or will not be. */
  release(name: string): void {
    this.#names.delete(name)
    for (const [volume, container] of this.#volumes) if (container === name) this.#volumes.delete(volume)
  }
}
