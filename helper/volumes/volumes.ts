/** Volumes: folders that outlive containers, `<state>/volumes/<name>/_data`, with the owners that their files have inside. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import type { Native } from '../host/native.ts'
import type { Paths } from '../host/paths.ts'
import { Unpacker } from '../images/unpack.ts'
import { pack } from '../layers/pack.ts'
import type { RootPlace, Roots } from '../layers/roots.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { volumeName, type VolumeSummary } from '../protocol/volumeSchemas.ts'

const recordSchema = z.object({
  name: z.string(),
  isAnonymous: z.boolean(),
  labels: z.record(z.string(), z.string()),
  createdAt: z.number(),
  /** An image's files have been copied in, or it was decided that they will not be. */
  isFilled: z.boolean(),
})
type VolumeRecord = z.infer<typeof recordSchema>

/** Names of containers that have a volume. */
export type UsersOf = (volume: string) => readonly string[]

export class Volumes {
  readonly #directory: string
  readonly #native: Native
  readonly #roots: Roots
  readonly #records = new Map<string, VolumeRecord>()
  /** Volumes that are being filled, by name. */
  readonly #filling = new Map<string, Promise<void>>()
  usersOf: UsersOf = () => []

  constructor({ paths, native, roots }: { paths: Paths; native: Native; roots: Roots }) {
    this.#directory = paths.volumes
    this.#native = native
    this.#roots = roots
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
  }

  /** Finds the volumes that earlier helpers made; removes what was half made or half removed. */
  async recover(): Promise<void> {
    for (const name of readdirSync(this.#directory)) {
      const path = join(this.#directory, name, 'volume.json')
      if (volumeName.safeParse(name).success && existsSync(path) && existsSync(this.data(name)))
        this.#records.set(name, recordSchema.parse(JSON.parse(readFileSync(path, 'utf8'))))
      else await this.#native.addon.removeTree(join(this.#directory, name))
    }
    for (const name of this.#records.keys())
      for (const entry of readdirSync(join(this.#directory, name)))
        if (entry.startsWith('.partial-')) await this.#native.addon.removeTree(join(this.#directory, name, entry))
  }

  /** Where the files of a volume lie. */
  data(name: string): string {
    return join(this.#directory, name, '_data')
  }

  list(): VolumeSummary[] {
    return [...this.#records.values()].map((record) => this.#summary(record)).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** @throws BulkheadError VolumeNotFound */
  get(name: string): VolumeSummary {
    return this.#summary(this.#require(name))
  }

  has(name: string): boolean {
    return this.#records.has(name)
  }

  /** One of this name that is there is answered as it is. Without a name it goes with its container. */
  create(options: { name?: string | undefined; labels?: Readonly<Record<string, string>> }): VolumeSummary {
    const { name = randomBytes(32).toString('hex'), labels = {} } = options
    const found = this.#records.get(name)
    if (found !== undefined) return this.#summary(found)
    const isAnonymous = options.name === undefined
    const record = { name, isAnonymous, labels, createdAt: Date.now(), isFilled: false }
    const partial = join(this.#directory, `.partial-${name.slice(0, 240)}`)
    rmSync(partial, { recursive: true, force: true })
    mkdirSync(join(partial, '_data'), { recursive: true, mode: 0o755 })
    writeFileSync(join(partial, 'volume.json'), JSON.stringify(record), { mode: 0o600 })
    renameSync(partial, join(this.#directory, name))
    this.#records.set(name, record)
    return this.#summary(record)
  }

  /** @throws BulkheadError VolumeNotFound, VolumeInUse */
  async remove(name: string): Promise<void> {
    this.#require(name)
    const users = this.usersOf(name)
    if (users.length > 0)
      throw new BulkheadError('VolumeInUse', `volume ${name} is used by ${users.join(', ')}`, {
        hint: 'Remove those containers first.',
      })
    this.#records.delete(name)
    const removed = join(this.#directory, `.removed-${name.slice(0, 240)}`)
    await this.#native.addon.removeTree(removed)
    renameSync(join(this.#directory, name), removed) // from here on it is a leftover
    await this.#native.addon.removeTree(removed)
  }

  /** Of these, what nobody named and no container has any more. */
  async removeUnnamed(names: readonly string[]): Promise<void> {
    for (const name of names.filter((one) => this.has(one))) {
      const { isAnonymous, usedBy } = this.get(name)
      if (isAnonymous && usedBy.length === 0) await this.remove(name)
    }
  }

  /** Those that no container has: without a name, or all. Answers their names and bytes. */
  async prune(all: boolean): Promise<{ volumes: string[]; reclaimed: number }> {
    const volumes: string[] = []
    let reclaimed = 0
    for (const { name, isAnonymous, usedBy } of this.list()) {
      if (usedBy.length > 0 || !(all || isAnonymous)) continue
      const size = await this.size(name)
      await this.remove(name)
      volumes.push(name)
      reclaimed += size
    }
    return { volumes, reclaimed }
  }

  /** Bytes of its files. */
  async size(name: string): Promise<number> {
    const { sizes } = await this.#native.addon.scanLayer(this.data(name), -1, false)
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  /** A volume that is new gets what the image has in its place: owner, mode and files, all at once. */
  async fill(name: string, image: RootPlace, path: string): Promise<void> {
    const filling = this.#filling.get(name) ?? this.#fill(name, image, path)
    this.#filling.set(name, filling)
    try {
      await filling
    } finally {
      this.#filling.delete(name)
    }
  }

  async #fill(name: string, image: RootPlace, path: string): Promise<void> {
    const record = this.#require(name)
    if (record.isFilled) return
    if (readdirSync(this.data(name)).length === 0 && (await this.#isDirectory(image, path)))
      await this.#copy(name, image, path)
    const filled = { ...record, isFilled: true }
    const file = join(this.#directory, name, 'volume.json')
    writeFileSync(`${file}.partial`, JSON.stringify(filled), { mode: 0o600 })
    renameSync(`${file}.partial`, file)
    this.#records.set(name, filled)
  }

  async #isDirectory(image: RootPlace, path: string): Promise<boolean> {
    try {
      return (await this.#roots.stat(image, path)).type === 'directory'
    } catch (error) {
      if (error instanceof BulkheadError && error.reason === 'PathNotFound') return false
      throw error
    }
  }

  async #copy(name: string, image: RootPlace, path: string): Promise<void> {
    const partial = join(this.#directory, name, `.partial-${randomBytes(6).toString('hex')}`)
    mkdirSync(partial, { mode: 0o700 })
    try {
      const archive = pack(this.#native.pack, await this.#roots.open(image), { path })
      const unpacker = new Unpacker(this.#native.unpack, partial, { isLayer: false })
      archive.on('error', () => unpacker.kill())
      archive.pipe(unpacker.input!)
      await unpacker.done.catch((error: unknown) => {
        throw archive.errored ?? error
      })
      // The archive has the folder under its own name. In its place or not at all.
      const [copied] = readdirSync(partial)
      if (copied !== undefined) renameSync(join(partial, copied), this.data(name))
    } finally {
      await this.#native.addon.removeTree(partial)
    }
  }

  #require(name: string): VolumeRecord {
    const record = this.#records.get(name)
    if (record !== undefined) return record
    throw new BulkheadError('VolumeNotFound', `no volume ${name}`, { hint: 'bulkhead volume ls lists all there are.' })
  }

  #summary({ name, isAnonymous, labels, createdAt }: VolumeRecord): VolumeSummary {
    return { name, isAnonymous, mountpoint: this.data(name), labels, createdAt, usedBy: [...this.usersOf(name)] }
  }
}
