/** Archives of images, as `docker save`, `podman save` and `skopeo copy` write them, become images of the store. The outer
 * archive holds blobs, which are kept by what they are and not by their names; layers are unpacked by native code. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, existsSync, readFileSync, type WriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { posix } from 'node:path'
import type { Transform } from 'node:stream'
import { type Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { extract } from 'tar-stream'
import * as z from 'zod'
import { limits } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Progress } from '../protocol/imageSchemas.ts'
import { familiarName, parseReference } from '../protocol/reference.ts'
import { shortDigest } from './blobs.ts'
import {
  configSchema,
  dockerTypes,
  indexSchema,
  layerTypeOf,
  manifestSchema,
  mediaTypes,
  refName,
  type Descriptor,
} from './formats.ts'
import { nameToGive, type Image } from './image.ts'
import { LayerIntake, unpackBlob, type Received } from './intake.ts'
import { chainIds } from './layerFolders.ts'
import type { ImageStore } from './store.ts'

/** What `docker save` lists its images in. */
const dockerManifestSchema = z
  .array(
    z.object({ Config: z.string(), RepoTags: z.array(z.string()).nullish(), Layers: z.array(z.string()).max(128) }),
  )
  .max(1024)

/** A file of the archive, set aside. */
interface Staged {
  readonly digest: string
  readonly size: number
  readonly path: string
  /** What looks like a layer is unpacked while it is read: what came of it. */
  readonly unpacked: Promise<Received> | undefined
}

type Report = (progress: Progress) => void

function invalid(message: string): BulkheadError {
  return new BulkheadError('ArchiveInvalid', message, {
    hint: 'bulkhead load reads what docker save, podman save or bulkhead save wrote; a root file system goes to bulkhead import.',
  })
}

/** Undoes the compression of the whole archive, which its first bytes tell. */
async function* decompressed(source: Readable): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const first = await chunks.next()
  if (first.done === true) return
  async function* all(): AsyncGenerator<Buffer> {
    for (let next: IteratorResult<Buffer> = first; next.done !== true; next = await chunks.next()) yield next.value
  }
  const decoder = decoderFor(first.value)
  if (decoder === undefined) {
    yield* all()
    return
  }
  const feeding = pipeline(all(), decoder)
  feeding.catch(() => undefined) // reading from it fails, too
  yield* decoder as AsyncIterable<Buffer>
  await feeding
}

function decoderFor(head: Buffer): Transform | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return createGunzip()
  if (head.byteLength >= 4 && head.readUInt32BE(0) === 0x28b52ffd) return createZstdDecompress()
  return undefined
}

/** A compressed file, or a tar archive. */
function looksLikeLayer(head: Buffer): boolean {
  return decoderFor(head) !== undefined || head.toString('latin1', 257, 262) === 'ustar'
}

/** A file that is kept as it is. */
class PlainFile {
  readonly #hash = createHash('sha256')
  readonly #stream: WriteStream

  constructor(path: string) {
    this.#stream = createWriteStream(path, { flags: 'wx', mode: 0o644 })
    this.#stream.on('error', () => undefined) // said by `write` and `end`
  }

  async write(chunk: Buffer): Promise<void> {
    this.#hash.update(chunk)
    if (!this.#stream.write(chunk)) await once(this.#stream, 'drain')
    if (this.#stream.errored !== null) throw this.#stream.errored
  }

  async end(): Promise<{ digest: string; unpacked: undefined }> {
    this.#stream.end()
    await finished(this.#stream)
    return { digest: `sha256:${this.#hash.digest('hex')}`, unpacked: undefined }
  }
}

/** A file that is unpacked while it is written. That goes on when all has been written. */
class UnpackedFile {
  readonly #intake: LayerIntake
  readonly #ended = Promise.withResolvers<undefined>()
  isDone = false

  private constructor(intake: LayerIntake) {
    this.#intake = intake
  }

  static async begin(store: ImageStore, path: string): Promise<UnpackedFile> {
    return new UnpackedFile(await LayerIntake.begin(store, path))
  }

  get done(): Promise<undefined> {
    return this.#ended.promise
  }

  async write(chunk: Buffer): Promise<void> {
    await this.#intake.write(chunk)
  }

  async end(): Promise<{ digest: string; unpacked: Promise<Received> }> {
    const { digest, received } = await this.#intake.close()
    received.catch(() => undefined) // said to whoever needs it
    const settle = (): void => {
      this.isDone = true
      this.#ended.resolve(undefined)
    }
    received.then(settle, settle)
    return { digest, unpacked: received }
  }

  async abort(): Promise<void> {
    await this.#intake.abort({ keepBlob: true })
    this.#ended.resolve(undefined)
  }
}

class Staging {
  readonly #store: ImageStore
  readonly #files = new Map<string, Staged>()
  readonly #links = new Map<string, string>()
  readonly #paths: string[] = []
  readonly #unpacked: UnpackedFile[] = []

  constructor(store: ImageStore) {
    this.#store = store
  }

  /** Reads the archive to its end. */
  async fill(source: Readable, report: Report): Promise<void> {
    const reader = extract()
    const feeding = pipeline(decompressed(source), reader)
    feeding.catch(() => undefined)
    try {
      for await (const entry of reader) {
        const { name, type, size, linkname } = entry.header
        const path = posix.normalize(name).replace(/^\/+/, '')
        if (this.#files.size >= limits.archive.blobs) throw invalid(`it has more than ${limits.archive.blobs} files`)
        if (type === 'symlink' || type === 'link')
          this.#links.set(path, type === 'link' ? linkname : posix.join(posix.dirname(path), linkname))
        if (type === 'file' || type === 'contiguous-file')
          await this.#take(path, entry as unknown as AsyncIterable<Buffer>, size ?? 0, report)
        else entry.resume()
      }
      await feeding
    } catch (error) {
      if (error instanceof BulkheadError || source.errored != null) throw source.errored ?? error
      throw error instanceof Error && 'code' in error && !/^(?:Z_|ERR_)/.test(String(error.code))
        ? error
        : invalid(`this is not an archive of images, or it is damaged: ${(error as Error).message}`)
    }
  }

  async #take(name: string, source: AsyncIterable<Buffer>, total: number, report: Report): Promise<void> {
    const path = this.#store.blobs.partial()
    this.#paths.push(path)
    const item = posix.basename(name).slice(0, 12)
    const claimed = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1]
    const chunks = source[Symbol.asyncIterator]()
    const first = await chunks.next()
    const head = first.done === true ? Buffer.alloc(0) : first.value
    const isHere = claimed !== undefined && this.#store.blobs.has(`sha256:${claimed}`)
    const sink = looksLikeLayer(head) && !isHere ? await this.#unpacking(path) : new PlainFile(path)
    let size = 0
    for (let next = first; next.done !== true; next = await chunks.next()) {
      await sink.write(next.value)
      size += next.value.byteLength
      if (total > limits.document) report({ item, status: 'working', current: size, total })
    }
    const { digest, unpacked } = await sink.end()
    if (claimed !== undefined && digest !== `sha256:${claimed}`)
      throw new BulkheadError(
        'ContentInvalid',
        `blob ${claimed.slice(0, 12)} of the archive is damaged: its content has digest ${digest}`,
      )
    this.#files.set(name, { digest, size, path, unpacked })
  }

  /** Two at a time: each keeps two processes busy. */
  async #unpacking(path: string): Promise<UnpackedFile> {
    const running = this.#unpacked.filter(({ isDone }) => !isDone)
    if (running.length >= 2) await running[0]!.done
    const file = await UnpackedFile.begin(this.#store, path)
    this.#unpacked.push(file)
    return file
  }

  find(name: string): Staged | undefined {
    let path = posix.normalize(name).replace(/^\/+/, '')
    for (let hops = 0; hops < 8 && !this.#files.has(path) && this.#links.has(path); hops++)
      path = this.#links.get(path)!
    return this.#files.get(path)
  }

  /** @throws BulkheadError when it is not there */
  get(name: string): Staged {
    const found = this.find(name)
    if (found === undefined) throw invalid(`${name} is missing in the archive`)
    return found
  }

  byDigest(digest: string): Staged {
    return this.get(`blobs/sha256/${digest.slice('sha256:'.length)}`)
  }

  json(staged: Staged): unknown {
    if (staged.size > limits.document) throw invalid('a manifest or configuration in it is larger than 8 MB')
    try {
      return JSON.parse(
        readFileSync(existsSync(staged.path) ? staged.path : this.#store.blobs.path(staged.digest), 'utf8'),
      )
    } catch (error) {
      throw new BulkheadError('ArchiveInvalid', 'a manifest or configuration in the archive is not JSON', {
        cause: error,
      })
    }
  }

  async removeAll(): Promise<void> {
    await Promise.all(this.#unpacked.map((file) => file.abort()))
    await Promise.all(this.#paths.map((path) => rm(path, { force: true })))
  }
}

/** One image as the archive describes it. */
interface Described {
  readonly names: readonly string[]
  readonly config: Staged
  readonly layers: readonly Staged[]
}

function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw invalid(`${what} of the archive is not valid: ${z.prettifyError(parsed.error)}`)
}

function fromDocker(staging: Staging, manifest: Staged): Described[] {
  return parse(dockerManifestSchema, staging.json(manifest), 'manifest.json').map(({ Config, RepoTags, Layers }) => ({
    names: RepoTags ?? [],
    config: staging.get(Config),
    layers: Layers.map((name) => staging.get(name)),
  }))
}

function usableName(text: string | undefined): string[] {
  const reference = text === undefined ? undefined : parseReference(text)
  return reference === undefined || reference.digest !== undefined ? [] : [familiarName(reference)]
}

function fromLayout(staging: Staging, index: Staged): Described[] {
  const { manifests } = parse(indexSchema, staging.json(index), 'index.json')
  return manifests.flatMap((entry): Described[] => {
    const isIndex = entry.mediaType === mediaTypes.index || entry.mediaType === dockerTypes.index
    if (isIndex) return fromLayout(staging, staging.byDigest(entry.digest))
    if (entry.mediaType !== mediaTypes.manifest && entry.mediaType !== dockerTypes.manifest) return []
    const { platform } = entry
    if (platform?.os === 'unknown') return [] // a builder's attestation
    const manifest = parse(manifestSchema, staging.json(staging.byDigest(entry.digest)), 'a manifest')
    const { annotations = {} } = entry
    const [name] = [...usableName(annotations['io.containerd.image.name']), ...usableName(annotations[refName])]
    return [
      {
        names: name === undefined ? [] : [name],
        config: staging.byDigest(manifest.config.digest),
        layers: manifest.layers.map(({ digest }) => staging.byDigest(digest)),
      },
    ]
  })
}

/** Puts the layers in place that are not there, each checked against the configuration. */
async function placeLayers(
  store: ImageStore,
  described: Described,
  diffIds: readonly string[],
  report: Report,
): Promise<Descriptor[]> {
  const chain = chainIds(diffIds)
  const place = async ({ path, digest, size, unpacked }: Staged, at: number): Promise<Descriptor> => {
    const item = shortDigest(diffIds[at]!)
    const known = store.knownLayer(chain[at]!, digest)
    if (known !== undefined) {
      report({ item, status: 'exists', current: size, total: size })
      return known
    }
    report({ item, status: 'unpacking', current: 0, total: size })
    // An earlier image of this archive may have taken it.
    const received = await (unpacked ?? unpackBlob(store, existsSync(path) ? path : store.blobs.path(digest)))
    try {
      if (received.diffId !== diffIds[at])
        throw new BulkheadError(
          'ContentInvalid',
          `layer ${at + 1} is not the one that the configuration names: it has digest ${received.diffId}`,
        )
      if (existsSync(received.directory)) store.layers.adopt(received.directory, chain[at]!, received)
      else if (!store.layers.has(chain[at]!)) return await place({ path, digest, size, unpacked: undefined }, at)
    } finally {
      if (unpacked === undefined) await store.layers.remove(received.directory)
    }
    report({ item, status: 'done', current: size, total: size })
    return { mediaType: layerTypeOf(received.compression), digest, size }
  }
  // Two at a time: each keeps two processes busy.
  const descriptors: Descriptor[] = []
  for (let at = 0; at < described.layers.length; at += 2)
    descriptors.push(...(await Promise.all(described.layers.slice(at, at + 2).map((layer, n) => place(layer, at + n)))))
  return descriptors
}

async function storeOne(store: ImageStore, staging: Staging, described: Described, report: Report): Promise<Image[]> {
  const document = parse(configSchema, staging.json(described.config), 'a configuration')
  const diffIds = document.rootfs.diff_ids
  if (diffIds.length !== described.layers.length)
    throw invalid(`an image has ${described.layers.length} layers, but its configuration names ${diffIds.length}`)
  const layers = await placeLayers(store, described, diffIds, report)
  for (const { path, digest } of [described.config, ...described.layers])
    if (existsSync(path)) await store.blobs.adopt(path, digest)
  const manifest = store.blobs.writeJson(mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: described.config.digest, size: described.config.size },
    layers,
  })
  if (described.names.length === 0) return [store.add({ manifest })]
  return described.names.map((name) => store.add({ manifest, name: nameToGive(name) }))
}

/** @throws BulkheadError ArchiveInvalid, ContentInvalid, DiskFull; what was whole until then is in the store, unnamed */
export async function loadImages(store: ImageStore, source: Readable, report: Report): Promise<Image[]> {
  return await store.during(async () => {
    const staging = new Staging(store)
    try {
      await staging.fill(source, report)
      const docker = staging.find('manifest.json')
      const layout = staging.find('index.json')
      // Docker's list names every tag; the layout is for those that have no such list.
      const described =
        docker !== undefined
          ? fromDocker(staging, docker)
          : layout === undefined
            ? undefined
            : fromLayout(staging, layout)
      if (described === undefined || described.length === 0)
        throw invalid('the archive holds no image: neither manifest.json nor index.json')
      const images: Image[] = []
      for (const each of described) images.push(...(await storeOne(store, staging, each, report)))
      return images
    } finally {
      await staging.removeAll()
    }
  })
}
