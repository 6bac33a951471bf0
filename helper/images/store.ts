/** Images on disk: an OCI image layout that other tools read as it is, and one unpacked folder a layer. */
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { isErrno } from '../host/errno.ts'
import type { Paths } from '../host/paths.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { ImageSummary } from '../protocol/schemas.ts'
import { Blobs, writeDurably } from './blobs.ts'
import {
  configSchema,
  indexSchema,
  manifestSchema,
  mediaTypes,
  refName,
  unpackedSize,
  type ImageConfig,
  type Index,
} from './formats.ts'
import { importArchive, type ImportedLayer } from './importArchive.ts'

export interface Image {
  readonly summary: ImageSummary
  readonly config: ImageConfig['config']
  /** Unpacked layers, uppermost first. */
  readonly layers: readonly string[]
}

/** OCI image-spec, "Layer ChainID": the name of a stack of layers. */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = []
  for (const diffId of diffIds) {
    const below = chain.at(-1)
    chain.push(
      below === undefined ? diffId : `sha256:${createHash('sha256').update(`${below} ${diffId}`).digest('hex')}`,
    )
  }
  return chain
}

export function withTag(name: string): string {
  return /:[^/]*$/.test(name) ? name : `${name}:latest`
}

const hostName = 'host'

function entries(directory: string): string[] {
  return readdirSync(directory).map((name) => join(directory, name))
}

/** The machine's own root file system: no layer of its own, and nothing to store. */
function hostImage(): Image {
  const shell = existsSync('/bin/bash') ? '/bin/bash' : '/bin/sh'
  return {
    summary: { name: hostName, id: hostName, createdAt: null, size: null, layers: 1 },
    config: { Cmd: [shell] },
    layers: ['/'],
  }
}

export class ImageStore {
  readonly #paths: Paths
  readonly #unpack: string
  readonly #blobs: Blobs
  #images = new Map<string, Image>()

  constructor(paths: Paths, unpack: string) {
    this.#paths = paths
    this.#unpack = unpack
    mkdirSync(paths.layers, { recursive: true, mode: 0o700 })
    mkdirSync(paths.images, { recursive: true, mode: 0o700 })
    this.#blobs = new Blobs(paths.images)
    if (!existsSync(this.#indexPath)) {
      writeFileSync(join(paths.images, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
      this.#writeIndex({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] })
    }
    this.#load()
  }

  /** Removes what neither an image nor a container uses. `leftovers`: also what an interrupted import left behind. */
  async collect(usedLayers: ReadonlySet<string>, options: { leftovers: boolean }): Promise<void> {
    const layers = new Set([...[...this.#images.values()].flatMap((image) => image.layers), ...usedLayers])
    const blobs = join(this.#paths.images, 'blobs/sha256')
    const named = new Set(this.#namedBlobs().map((digest) => this.#blobs.path(digest)))
    const unused = [
      ...entries(this.#paths.layers).filter((path) => !layers.has(path)),
      ...entries(blobs).filter((path) => !named.has(path)),
    ].filter((path) => options.leftovers || !basename(path).startsWith('.'))
    // Moved aside at once, so that an import of the same content meanwhile never finds half a layer.
    const doomed = unused.map((path) => {
      const aside = join(dirname(path), `.removed-${randomUUID()}`)
      renameSync(path, aside)
      return aside
    })
    await Promise.all(doomed.map((path) => rm(path, { recursive: true, force: true })))
  }

  list(): ImageSummary[] {
    return [hostImage().summary, ...[...this.#images.values()].map((image) => image.summary)]
  }

  /** @throws BulkheadError ImageNotFound */
  get(name: string): Image {
    if (name === hostName) return hostImage()
    const image = this.#images.get(withTag(name))
    if (image !== undefined) return image
    throw new BulkheadError('ImageNotFound', `no image ${name}`, {
      hint: 'Import a root file system archive with bulkhead import, or use image host, this machine’s own root file system.',
    })
  }

  async import(source: Readable, name: string): Promise<ImageSummary> {
    const reference = withTag(name)
    if (reference === withTag(hostName))
      throw new BulkheadError('InvalidRequest', 'the name host is this machine’s own root file system', {
        hint: 'Choose another name.',
      })
    const places = { blobs: this.#blobs, layers: this.#paths.layers, unpack: this.#unpack }
    await importArchive(source, places, (layer) => this.#commit(layer, reference))
    return this.get(reference).summary
  }

  /** Takes the name away; `collect` frees what nobody uses any more. */
  remove(name: string): void {
    if (name === hostName)
      throw new BulkheadError(
        'InvalidRequest',
        'image host is this machine’s own root file system: there is nothing to remove',
      )
    this.get(name)
    const reference = withTag(name)
    const index = this.#readIndex()
    this.#writeIndex({
      ...index,
      manifests: index.manifests.filter((entry) => entry.annotations?.[refName] !== reference),
    })
    this.#load()
  }

  /** Without a pause from the first file to the last, so that `collect` sees all of it or nothing. */
  #commit(layer: ImportedLayer, reference: string): void {
    this.#blobs.adopt(layer.blob, layer.descriptor.digest)
    try {
      renameSync(layer.directory, this.#layerPath(layer.diffId))
    } catch (error) {
      if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error // there already: the same content has the same name
    }
    const created = new Date().toISOString()
    const config = this.#blobs.writeJson(mediaTypes.config, {
      created,
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      history: [{ created, created_by: 'bulkhead import', comment: 'imported from a root file system archive' }],
    })
    const manifest = this.#blobs.writeJson(mediaTypes.manifest, {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config,
      layers: [layer.descriptor],
    })
    const others = this.#readIndex().manifests.filter((entry) => entry.annotations?.[refName] !== reference)
    this.#writeIndex({
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: [...others, { ...manifest, annotations: { [refName]: reference } }],
    })
    this.#load()
  }

  #layerPath(chainId: string): string {
    return join(this.#paths.layers, chainId.slice('sha256:'.length))
  }

  get #indexPath(): string {
    return join(this.#paths.images, 'index.json')
  }

  #readIndex(): Index {
    return indexSchema.parse(JSON.parse(readFileSync(this.#indexPath, 'utf8')))
  }

  #writeIndex(index: Index): void {
    writeDurably(this.#indexPath, JSON.stringify(index))
  }

  #load(): void {
    this.#images = new Map()
    for (const entry of this.#readIndex().manifests) {
      const name = entry.annotations?.[refName]
      if (name === undefined || entry.mediaType !== mediaTypes.manifest) continue
      const manifest = manifestSchema.parse(this.#blobs.readJson(entry))
      const config = configSchema.parse(this.#blobs.readJson(manifest.config))
      const layers = chainIds(config.rootfs.diff_ids).map((chainId) => this.#layerPath(chainId))
      const size = manifest.layers.reduce(
        (sum, layer) => sum + Number(layer.annotations?.[unpackedSize] ?? layer.size),
        0,
      )
      this.#images.set(name, {
        summary: {
          name,
          id: manifest.config.digest,
          createdAt: config.created === undefined ? null : Date.parse(config.created),
          size,
          layers: layers.length,
        },
        config: config.config,
        layers: layers.toReversed(),
      })
    }
  }

  #namedBlobs(): string[] {
    return this.#readIndex().manifests.flatMap((entry) => {
      const manifest = manifestSchema.parse(this.#blobs.readJson(entry))
      return [entry, manifest.config, ...manifest.layers].map(({ digest }) => digest)
    })
  }
}
