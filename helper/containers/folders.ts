/** Gives each container its id, its range of user ids, and its folder, which belongs to the first of those; some are kept
 * ready, since a disk takes its time to make directories. */
import { chownSync } from 'node:fs'
import { join } from 'node:path'
import { limits } from '../limits.ts'
import { firstIdOf, newId } from './names.ts'
import { Pool } from './pool.ts'
import { ContainerFolder } from './record.ts'

export interface Place {
  readonly id: string
  /** Number of its range of host ids; null when it has the host's own. */
  readonly idRange: number | null
  readonly folder: ContainerFolder
}

/** Ranges that nobody has; whoever takes one gives it back. */
interface Ranges {
  take(): number
  giveBack(range: number): void
}

export class Folders {
  readonly #directory: string
  readonly #ranges: Ranges
  readonly #spares: Pool<Place & { readonly idRange: number }>

  constructor(directory: string, ranges: Ranges) {
    this.#directory = directory
    this.#ranges = ranges
    this.#spares = new Pool(() => this.#make(), limits.spares)
  }

  prepare(): void {
    this.#spares.prepare()
  }

  /** `hasOwnIds`: it gets a range of host ids. One that stays without a record is a leftover to a later helper. */
  create(hasOwnIds: boolean): Place {
    const spare = this.#spares.take()
    if (hasOwnIds) return spare
    this.#ranges.giveBack(spare.idRange)
    for (const path of [spare.folder.upper, spare.folder.work]) chownSync(path, 0, 0)
    return { ...spare, idRange: null }
  }

  #make(): Place & { readonly idRange: number } {
    const id = newId()
    const idRange = this.#ranges.take()
    const folder = new ContainerFolder(join(this.#directory, id))
    try {
      folder.create()
      const owner = firstIdOf(idRange)!
      for (const path of [folder.upper, folder.work]) chownSync(path, owner, owner)
      return { id, idRange, folder }
    } catch (error) {
      this.#ranges.giveBack(idRange)
      throw error
    }
  }
}
