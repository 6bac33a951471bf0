/** Gives each container its folder; one is kept ready, since a disk takes its time to make directories. */
import { chownSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { newId } from './names.ts'
import { ContainerFolder } from './record.ts'

export class Folders {
  readonly #directory: string
  #spare: ContainerFolder | undefined

  constructor(directory: string) {
    this.#directory = directory
  }

  /** `owner`: the host id of the container's root. */
  create(id: string, owner: number): ContainerFolder {
    const spare = this.#spare ?? this.#make()
    this.#spare = undefined
    const folder = new ContainerFolder(join(this.#directory, id))
    chownSync(spare.upper, owner, owner)
    chownSync(spare.work, owner, owner)
    renameSync(spare.path, folder.path)
    return folder
  }

  /** Makes the next one ready, when there is time. A disk that is full is the next container's to report. */
  prepare(): void {
    if (this.#spare !== undefined) return
    try {
      this.#spare = this.#make()
    } catch {
      this.#spare = undefined
    }
  }

  /** Its name begins with a dot, so that a later helper knows it for a leftover. */
  #make(): ContainerFolder {
    const folder = new ContainerFolder(join(this.#directory, `.spare-${newId().slice(0, 16)}`))
    folder.create()
    return folder
  }
}
