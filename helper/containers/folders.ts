/** Gives each container its folder; some are kept ready, since a disk takes its time to make directories. */
import { chownSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { limits } from '../limits.ts'
import { newId } from './names.ts'
import { Pool } from './pool.ts'
import { ContainerFolder } from './record.ts'

export class Folders {
  readonly #directory: string
  readonly #spares: Pool<ContainerFolder>

  constructor(directory: string) {
    this.#directory = directory
    this.#spares = new Pool(() => this.#make(), limits.spares)
  }

  prepare(): void {
    this.#spares.prepare()
  }

  /** `owner`: the host id of the container's root. */
  create(id: string, owner: number): ContainerFolder {
    const spare = this.#spares.take()
    const folder = new ContainerFolder(join(this.#directory, id))
    chownSync(spare.upper, owner, owner)
    chownSync(spare.work, owner, owner)
    renameSync(spare.path, folder.path)
    return folder
  }

  /** Its name begins with a dot, so that a later helper knows it for a leftover. */
  #make(): ContainerFolder {
    const folder = new ContainerFolder(join(this.#directory, `.spare-${newId().slice(0, 16)}`))
    folder.create()
    return folder
  }
}
