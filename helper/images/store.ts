/** Images on disk: an OCI image layout that other tools read as it is, and one unpacked folder a layer. What is used is
 * told from index.json and the containers alone: there is no count that could drift. */
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Paths } from '../host/paths.ts'
import { limits } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { ImageSummary } from '../protocol/imageSchemas.ts'
import { familiarName, parseReference } from '../protocol/reference.ts'
import { Blobs, writeDurably } from './blobs.ts'
import {
  configSchema,
  indexSchema,
  manifestSchema,
  mediaTypes,
  originalManifest,
  refName,
  repoDigests,
  type Descriptor,
  type ImageConfig,
  type Index,
  type Manifest,
} from './formats.ts'
import { hostImage, hostName, labelOf, nameToGive, storedImage, type Image } from './image.ts'
import type { Places } from './intake.ts'
import { LayerFolders } from './layerFolders.ts'

type Entry = Index['manifests'][number]

export interface NewImage {
  readonly manifest: Descriptor
  /** As people write it; without one it has none. */
  readonly name?: string | undefined
  readonly repoDigest?: string | undefined
  /** Digest of the manifest that the registry has, where it is another one. */
  readonly original?: string | undefined
}

export class ImageStore implements Places {
  readonly blobs: Blobs
  readonly layers: LayerFolders
  readonly unpack: string
  readonly #indexPath: string
  readonly #documents = new Map<string, { manifest: Manifest; document: ImageConfig }>()
  #images: Image[] = []
  /** Work that puts things in place before index.json names them. */
  #atWork = 0
  #usedLayers: () => ReadonlySet<string> = () => new Set()
  #collecting: Promise<void> = Promise.resolve()

  constructor(paths: Paths, options: { unpack: string; removeTree: (path: string) => Promise<void> }) {
    this.unpack = options.unpack
    mkdirSync(paths.images, { recursive: true, mode: 0o700 })
    this.layers = new LayerFolders(paths.layers, options.removeTree)
    this.blobs = new Blobs(paths.images)
    this.#indexPath = join(paths.images, 'index.json')
    if (!existsSync(this.#indexPath)) {
      writeFileSync(join(paths.images, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
      this.#writeEntries([])
    }
    this.#load()
  }

  /** Who else uses layers: folders that `collect` must leave. */
  set usedLayers(used: () => ReadonlySet<string>) {
    this.#usedLayers = used
  }

  /** Those that are stored. */
  all(): readonly Image[] {
    return this.#images
  }

  list(): ImageSummary[] {
    return [hostImage().summary, ...this.#images.map(({ summary }) => summary)]
  }

  /** By name, by digest, by id, or by the beginning of an id. */
  find(reference: string): Image | undefined {
    if (reference === hostName) return hostImage()
    const parsed = parseReference(reference)
    const name = parsed === undefined ? undefined : familiarName(parsed)
    const named = this.#images.find(({ summary }) => summary.name === name)
    if (named !== undefined) return named
    if (parsed?.digest !== undefined) {
      const { registry, repository, digest } = parsed
      const wanted = `${registry}/${repository}@${digest}`
      return this.#images.find(({ summary }) => summary.repoDigests.includes(wanted))
    }
    const hex = /^(?:sha256:)?([0-9a-f]{4,64})$/.exec(reference)?.[1]
    if (hex === undefined) return undefined
    const found = this.#images.filter(({ summary }) => summary.id.startsWith(`sha256:${hex}`))
    return new Set(found.map(({ summary }) => summary.id)).size === 1 ? found[0] : undefined
  }

  /** @throws BulkheadError ImageNotFound */
  get(reference: string): Image {
    const image = this.find(reference)
    if (image !== undefined) return image
    throw new BulkheadError('ImageNotFound', `no image ${reference}`, {
      hint: `Get it with bulkhead pull ${reference}, or use image host, this machine’s own root file system.`,
    })
  }

  /** As `get`, for what has to be done to a stored image. */
  getStored(reference: string): Image & { stored: NonNullable<Image['stored']> } {
    const image = this.get(reference)
    if (image.stored !== undefined) return { ...image, stored: image.stored }
    throw new BulkheadError('InvalidRequest', 'image host is this machine’s own root file system: it is not stored', {
      hint: 'bulkhead image host --name NAME PATHS… makes an image of files of this machine.',
    })
  }

  /** All names of an image. */
  namesOf(id: string): string[] {
    return this.#images.flatMap(({ summary }) => (summary.id === id && summary.name !== null ? [summary.name] : []))
  }

  /** The blob of a layer that is in place, where an image here says that the two belong together. */
  knownLayer(chainId: string, digest: string): Descriptor | undefined {
    if (!this.layers.has(chainId)) return undefined
    for (const { chainIds, stored } of this.#images) {
      const layer = stored?.manifest.layers[chainIds.indexOf(chainId)]
      if (layer?.digest === digest) return layer
    }
    return undefined
  }

  /** The manifest that registries know an image by. */
  originalOf({ digest }: ImageSummary): string {
    const entry = this.#entries().find(
      (each) => each.digest === digest && each.annotations?.[originalManifest] !== undefined,
    )
    return entry?.annotations?.[originalManifest] ?? digest
  }

  /** Puts an image, whose blobs and layers are in place, into the index. An image that had the name loses it. */
  add({ manifest, name, repoDigest, original }: NewImage): Image {
    const reference = name === undefined ? undefined : parseReference(name)
    const given =
      reference?.digest !== undefined ? familiarName(reference) : name === undefined ? null : nameToGive(name)
    this.#change((entries) => {
      const same = entries.filter(({ digest }) => digest === manifest.digest)
      const digests = new Set(same.flatMap(({ annotations }) => annotations?.[repoDigests]?.split(' ') ?? []))
      if (repoDigest !== undefined) digests.add(repoDigest)
      const shared = {
        ...(digests.size > 0 && { [repoDigests]: [...digests].join(' ') }),
        ...(original !== undefined && { [originalManifest]: original }),
      }
      const others = withoutName(entries, given, manifest.digest).map((entry) =>
        entry.digest === manifest.digest ? { ...entry, annotations: { ...entry.annotations, ...shared } } : entry,
      )
      const isThere = others.some(({ digest }) => digest === manifest.digest)
      if (given === null && isThere) return others
      return [...others, { ...manifest, annotations: { ...(given !== null && { [refName]: given }), ...shared } }]
    })
    return this.#images.find(({ summary }) => summary.digest === manifest.digest && summary.name === given)!
  }

  /** Writes manifest and configuration of a new image. Its layers are in place. */
  compose(layers: readonly Descriptor[], document: unknown): Descriptor {
    const config = this.blobs.writeJson(mediaTypes.config, document)
    const plain = layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size }))
    return this.blobs.writeJson(mediaTypes.manifest, {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config,
      layers: plain,
    })
  }

  noteRepoDigest(image: ImageSummary, repoDigest: string): void {
    const entry = this.#entries().find(({ digest }) => digest === image.digest)
    if (entry !== undefined) this.add({ manifest: entry, repoDigest, ...(image.name !== null && { name: image.name }) })
  }

  tag(reference: string, target: string): Image {
    const { summary } = this.getStored(reference)
    const manifest = this.#entries().find(({ digest }) => digest === summary.digest)!
    return this.add({
      manifest: { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size },
      name: target,
    })
  }

  /** Takes the name away; by id, all of them. `collect` frees what nobody uses any more.
   * @throws BulkheadError ImageInUse when the last name would go of an image that somebody uses, or by id without `force`
   * when it has several */
  remove(
    reference: string,
    options: { force: boolean; users: readonly string[] },
  ): { untagged: string[]; deleted: string[] } {
    const { summary } = this.getStored(reference)
    const names = this.namesOf(summary.id)
    const parsed = parseReference(reference)
    const byName = parsed !== undefined && familiarName(parsed) === summary.name
    if (!byName && names.length > 1 && !options.force)
      throw new BulkheadError('ImageInUse', `image ${reference} has several names: ${names.join(', ')}`, {
        hint: 'Remove it by name, or with force to remove all of them.',
      })
    const isLast = !byName || names.length <= 1
    if (isLast && options.users.length > 0)
      throw new BulkheadError('ImageInUse', `image ${labelOf(summary)} is in use by ${options.users.join(', ')}`, {
        hint: 'Remove those containers first.',
      })
    const gone = (image: Image): boolean =>
      byName ? image.summary.name === summary.name : image.summary.id === summary.id
    const leaving = this.#images.filter(gone)
    this.#change((entries) =>
      entries.filter(
        (entry) =>
          !leaving.some(
            (image) =>
              image.summary.digest === entry.digest &&
              (image.summary.name ?? undefined) === entry.annotations?.[refName],
          ),
      ),
    )
    const untagged = leaving.flatMap(({ summary: { name } }) => (name === null ? [] : [name]))
    return { untagged, deleted: this.#images.some((image) => image.summary.id === summary.id) ? [] : [summary.id] }
  }

  /** While `work` goes on, nothing is collected: it puts things in place before the index names them. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    await this.#collecting
    this.#atWork++
    try {
      return await work()
    } finally {
      this.#atWork--
      if (this.#atWork === 0) await this.collect({ leftovers: false })
    }
  }

  /** Removes what neither an image nor a container uses; later, when something is being put in place. `leftovers`: also what
   * an interrupted helper left behind. */
  async collect(options: { leftovers: boolean }): Promise<void> {
    if (this.#atWork > 0) return
    const used = new Set([...this.#images.flatMap((image) => image.layers), ...this.#usedLayers()])
    const blobs = new Set(this.#namedBlobs().map((digest) => this.blobs.path(digest)))
    const unused = [
      ...entriesOf(this.layers.directory).filter((path) => !used.has(path.replace(/\.json$/, ''))),
      ...entriesOf(this.blobs.directory).filter((path) => !blobs.has(path)),
    ].filter((path) => options.leftovers || !basename(path).startsWith('.') || isStale(path))
    // Moved aside at once, so that whoever brings the same content meanwhile never finds half a layer.
    const doomed = unused.map((path) => {
      const aside = join(dirname(path), `.removed-${randomUUID()}`)
      renameSync(path, aside)
      return aside
    })
    this.#collecting = Promise.all(
      doomed.map((path) =>
        path.startsWith(this.layers.directory) ? this.layers.remove(path) : rm(path, { force: true }),
      ),
    ).then(() => undefined)
    await this.#collecting
  }

  #change(change: (entries: Entry[]) => Entry[]): void {
    this.#writeEntries(change(this.#entries()))
    this.#load()
  }

  #entries(): Entry[] {
    return indexSchema.parse(JSON.parse(readFileSync(this.#indexPath, 'utf8'))).manifests
  }

  #writeEntries(manifests: readonly Entry[]): void {
    writeDurably(this.#indexPath, JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }))
  }

  #load(): void {
    const before = new Map(this.#documents)
    this.#documents.clear()
    this.#images = this.#entries().flatMap((entry) => {
      if (entry.mediaType !== mediaTypes.manifest || !this.blobs.has(entry.digest)) return []
      const known = before.get(entry.digest) ?? this.#read(entry.digest)
      this.#documents.set(entry.digest, known)
      const names = {
        name: entry.annotations?.[refName] ?? null,
        repoDigests: entry.annotations?.[repoDigests]?.split(' ') ?? [],
      }
      return [storedImage(entry, names, known, this.layers)]
    })
  }

  #read(digest: string): { manifest: Manifest; document: ImageConfig } {
    const manifest = manifestSchema.parse(this.blobs.readJson(digest))
    return { manifest, document: configSchema.parse(this.blobs.readJson(manifest.config.digest)) }
  }

  #namedBlobs(): string[] {
    const originals = this.#entries().flatMap(({ annotations }) => annotations?.[originalManifest] ?? [])
    const stored = [...this.#documents].flatMap(([digest, { manifest }]) => [
      digest,
      manifest.config.digest,
      ...manifest.layers.map((layer) => layer.digest),
    ])
    return [...originals, ...stored]
  }
}

/** Whoever has the name loses it; the image stays, without one, unless it has others or is the one that gets the name. */
function withoutName(entries: readonly Entry[], name: string | null, digest: string): Entry[] {
  return entries.flatMap((entry) => {
    const isUnnamedTwin = entry.digest === digest && entry.annotations?.[refName] === undefined
    if (isUnnamedTwin && name !== null) return []
    if (name === null || entry.annotations?.[refName] !== name) return [entry]
    const hasOthers = entries.some((other) => other !== entry && other.digest === entry.digest)
    if (entry.digest === digest || hasOthers) return []
    const { [refName]: _lost, ...annotations } = entry.annotations
    return [{ ...entry, annotations }]
  })
}

/** A download that was given up, and that nobody went on with. */
function isStale(path: string): boolean {
  return basename(path).startsWith('.download-') && Date.now() - statSync(path).mtimeMs > limits.keepDownloads
}

function entriesOf(directory: string): string[] {
  return readdirSync(directory).map((name) => join(directory, name))
}
