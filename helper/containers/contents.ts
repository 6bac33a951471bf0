/** The files of containers: seen, compared, taken out, put in, and made into images. */
import { closeSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Native } from '../host/native.ts'
import { Unpacker } from '../images/unpack.ts'
import type { Image } from '../images/image.ts'
import type { ImageStore } from '../images/store.ts'
import { scan, type LayerPlace } from '../layers/changes.ts'
import { commit } from '../layers/commit.ts'
import type { MinimizeInput } from '../layers/minimize.ts'
import { pack, type PackOptions } from '../layers/pack.ts'
import type { PrivacyLayer } from '../layers/privacy.ts'
import type { RootPlace, Roots } from '../layers/roots.ts'
import { defaults } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Change } from '../protocol/imageSchemas.ts'
import type { Container } from './container.ts'
import { firstIdOf } from './names.ts'

interface Parts {
  readonly native: Native
  readonly store: ImageStore
  readonly privacy: PrivacyLayer
  readonly roots: Roots
}

export class Contents {
  readonly #parts: Parts
  /** Files are being put into a container that does not run. */
  readonly #writing = new Set<string>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Layers of an image or a container, uppermost first, as a root shows them: with what hides secrets of this machine. */
  async layersOf(layers: readonly string[]): Promise<readonly string[]> {
    if (!layers.includes('/')) return layers
    await this.#parts.privacy.sync()
    return layers.flatMap((layer) => (layer === '/' ? [this.#parts.privacy.directory, '/'] : [layer]))
  }

  /** `withMounts`: what is mounted in a running one is seen, too. */
  async root(container: Container, withMounts: boolean): Promise<RootPlace> {
    const { pid } = container.summary()
    if (container.runs && pid > 0) return { pid, cgroup: container.id, withMounts }
    return { directories: [container.folder.upper, ...(await this.layersOf(container.record.layers))] }
  }

  async writable(container: Container): Promise<LayerPlace> {
    return { directory: container.folder.upper, below: await this.layersOf(container.record.layers) }
  }

  async diff(container: Container): Promise<Change[]> {
    const changes = await scan(this.#parts.native, await this.writable(container))
    return withoutMountPoints(changes).sort((a, b) => (a.path < b.path ? -1 : 1))
  }

  async export(container: Container): Promise<Readable> {
    const { native, roots } = this.#parts
    return pack(native.pack, await roots.open(await this.root(container, false)), { shift: shiftOf(container) })
  }

  /** @throws BulkheadError PathNotFound, at once */
  async copyFrom(container: Container, path: string): Promise<Readable> {
    const { native, roots } = this.#parts
    const place = await this.root(container, true)
    await roots.stat(place, path)
    return pack(native.pack, await roots.open(place), { shift: shiftOf(container), path })
  }

  /** Unpacks an archive into a directory of the container. */
  async copyTo(container: Container, source: Readable, options: { path: string; keepOwners: boolean }): Promise<void> {
    const { roots } = this.#parts
    const place = await this.root(container, true)
    const { type, target } = await roots.stat(place, options.path)
    if (type !== 'directory' && target !== 'directory')
      throw new BulkheadError('InvalidRequest', `${options.path} in ${container.label} is not a directory`)
    if (container.runs) return await this.#unpackInto(await roots.open(place), container, source, options)
    if (this.#writing.has(container.id))
      throw new BulkheadError('Busy', `files are being copied into ${container.label} already`)
    this.#writing.add(container.id)
    try {
      const { upper, work } = container.folder
      const root = this.#parts.native.addon.openWritable(await this.layersOf(container.record.layers), upper, work)
      await this.#unpackInto(root, container, source, options)
    } finally {
      this.#writing.delete(container.id)
    }
  }

  /** Whether it must not be started just now. */
  isBeingWritten(id: string): boolean {
    return this.#writing.has(id)
  }

  async #unpackInto(
    root: number,
    container: Container,
    source: Readable,
    options: { path: string; keepOwners: boolean },
  ): Promise<void> {
    const first = firstIdOf(container.record.idRange)
    const unpacker = new Unpacker(this.#parts.native.unpack, root, {
      isLayer: false,
      squashOwners: !options.keepOwners,
      into: options.path,
      ...(first !== undefined && { shift: first }),
    })
    closeSync(root)
    source.on('error', () => unpacker.kill())
    source.pipe(unpacker.input!)
    try {
      await unpacker.done
    } catch (error) {
      throw source.errored ?? error
    }
  }

  async commit(
    container: Container,
    options: { name: string | undefined; message: string; author: string; changes: readonly string[]; pause: boolean },
  ): Promise<Image> {
    const { native, store } = this.#parts
    const { record, folder } = container
    const base = store.find(record.imageId) ?? store.get(record.image)
    const freeze = options.pause && container.state === 'running'
    if (freeze) await container.pause()
    try {
      const { name, message, author, changes } = options
      const { command } = record
      return await commit(
        { native, store },
        { upper: folder.upper, shift: shiftOf(container), base, command, name, message, author, changes },
      )
    } finally {
      // It may have been stopped or thawed by somebody meanwhile.
      if (freeze) await container.unpause().catch(() => undefined)
    }
  }

  /** Bytes that it has written. */
  async size(container: Container): Promise<number> {
    const changes = await scan(this.#parts.native, { directory: container.folder.upper, below: [] })
    return changes.reduce((sum, { size }) => sum + size, 0)
  }

  /** @throws BulkheadError WrongState when nobody kept a list of what it opened */
  opened(container: Container, keep: readonly string[]): MinimizeInput {
    const { store } = this.#parts
    const { record, folder } = container
    const image = store.getStored(store.find(record.imageId)?.summary.id ?? record.image)
    const list = join(folder.path, 'opens')
    if (!record.request.recordOpens || !existsSync(list))
      throw new BulkheadError('WrongState', `nobody kept a list of what ${container.label} opens`, {
        hint: 'Run one with --record-opens, have it do all that it is to do, and minimize then.',
      })
    return { image, opened: [...new Set(readFileSync(list, 'utf8').split('\0'))].filter((path) => path !== ''), keep }
  }
}

export function shiftOf({ record }: Container): PackOptions['shift'] {
  const first = firstIdOf(record.idRange)
  return first === undefined ? undefined : { first, count: defaults.idRanges.size }
}

/** Where the engine mounts: empty directories and files that nobody but it has made. */
const mountPoints = new Set([
  'dev',
  'dev/console',
  'dev/mqueue',
  'dev/pts',
  'dev/shm',
  'proc',
  'sys',
  'etc/hosts',
  'etc/hostname',
  'etc/resolv.conf',
])

function withoutMountPoints(changes: readonly Change[]): Change[] {
  const kept = changes.filter(({ path, kind, size }) => !(mountPoints.has(path) && kind === 'added' && size === 0))
  // A directory that only holds them has not been changed by anybody either.
  const hadOnlyThose = (path: string): boolean =>
    changes.some((change) => change.path.startsWith(`${path}/`)) &&
    !kept.some((change) => change.path.startsWith(`${path}/`))
  return kept.filter(({ path, kind, type }) => !(kind === 'changed' && type === 'directory' && hadOnlyThose(path)))
}
