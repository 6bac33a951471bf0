/** Images from registries and to them. */
import { limits } from '../limits.ts'
import { digestOf, shortDigest } from '../images/blobs.ts'
import { configSchema, manifestSchema, mediaTypes, type Descriptor, type ImageConfig } from '../images/formats.ts'
import type { Image } from '../images/image.ts'
import { chainIds } from '../images/layerFolders.ts'
import type { ImageStore } from '../images/store.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Credentials, Referrer } from '../protocol/imageSchemas.ts'
import { parseReference, type Reference } from '../protocol/reference.ts'
import { readLimited } from './body.ts'
import { Repository } from './client.ts'
import { placeLayer, type Report, type WantedLayer } from './layers.ts'
import { asOci, fetchIndex, fetchManifest, type Fetched } from './manifests.ts'
import { pushBlob } from './push.ts'
import type { Endpoint, RegistriesFile } from './settings.ts'

export interface Transfer {
  readonly name: string
  readonly credentials: Credentials | undefined
  readonly signal: AbortSignal
  readonly report: Report
}

/** Does `work` for all, some at a time; the first that fails stops the others. */
async function some<T>(items: readonly T[], parallel: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items]
  let failed = false
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined && !failed; item = rest.shift())
      await work(item).catch((error: unknown) => {
        failed = true
        throw error
      })
  }
  const results = await Promise.allSettled(Array.from({ length: parallel }, worker))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

function referenceOf(name: string): Reference {
  const reference = parseReference(name)
  if (reference === undefined) throw new BulkheadError('InvalidRequest', `${name} is no name of an image`)
  return reference
}

export class Registries {
  readonly #store: ImageStore
  readonly #file: RegistriesFile
  /** Blobs on their way, by digest. */
  readonly #coming = new Map<string, Promise<void>>()
  /** Layers that this helper has put in place, compared with their blobs: chain id and digest. */
  readonly #placed = new Set<string>()

  constructor(store: ImageStore, file: RegistriesFile) {
    this.#store = store
    this.#file = file
  }

  /** @throws BulkheadError; what was fetched until then serves the next try */
  async pull(transfer: Transfer & { platform: string | undefined }): Promise<Image> {
    const reference = referenceOf(transfer.name)
    return await this.#store.during(() =>
      this.#withRepository(reference, transfer, async (repository) => {
        const wanted = reference.digest ?? reference.tag!
        const fetched = await fetchManifest(repository, wanted, transfer.platform)
        return await this.#take(repository, fetched, transfer)
      }),
    )
  }

  async push(transfer: Transfer): Promise<string> {
    const reference = referenceOf(transfer.name)
    const image = this.#store.getStored(transfer.name)
    const [endpoint] = this.#file.endpoints(reference.registry).slice(-1)
    const repository = this.#open(reference, endpoint!, transfer)
    try {
      const original = this.#store.originalOf(image.summary)
      const manifest = this.#store.blobs.read(this.#store.blobs.has(original) ? original : image.summary.digest)
      const { config, layers, mediaType } = manifestSchema.parse(JSON.parse(manifest.toString('utf8')))
      await some([...layers, config], limits.registry.parallel, (blob) =>
        pushBlob(repository, this.#store, blob, this.#repositoriesWith(blob, reference), transfer.report),
      )
      const digest = digestOf(manifest)
      const answer = await repository.ask({
        method: 'PUT',
        path: `manifests/${reference.tag ?? digest}`,
        headers: { 'content-type': mediaType ?? mediaTypes.manifest },
        body: () => manifest,
        accept: [201],
        actions: 'pull,push',
      })
      answer.body.resume()
      this.#store.noteRepoDigest(image.summary, `${reference.registry}/${reference.repository}@${digest}`)
      return digest
    } finally {
      await repository.close()
    }
  }

  async referrers(transfer: Transfer): Promise<Referrer[]> {
    const reference = referenceOf(transfer.name)
    return await this.#withRepository(reference, transfer, async (repository) => {
      const digest = reference.digest ?? (await fetchManifest(repository, reference.tag!, undefined)).digest
      // Registries that do not know the question keep an index under a tag (distribution-spec, "Referrers Tag Schema").
      const index =
        (await fetchIndex(repository, `referrers/${digest}`)) ??
        (await fetchIndex(repository, `manifests/${digest.replace(':', '-')}`))
      return (index?.manifests ?? []).map((entry) => ({
        digest: entry.digest,
        mediaType: entry.mediaType,
        artifactType: entry.artifactType ?? '',
        size: entry.size,
        annotations: entry.annotations ?? {},
      }))
    })
  }

  /** Mirrors first; what the registry itself says is the last word. */
  async #withRepository<T>(
    reference: Reference,
    transfer: Transfer,
    work: (repository: Repository) => Promise<T>,
  ): Promise<T> {
    const endpoints = this.#file.endpoints(reference.registry)
    for (const [at, endpoint] of endpoints.entries()) {
      const repository = this.#open(reference, endpoint, transfer)
      try {
        return await work(repository)
      } catch (error) {
        const isLast = at === endpoints.length - 1
        if (isLast || (error instanceof BulkheadError && error.reason === 'Cancelled')) throw error
        transfer.report({
          item: endpoint.origin,
          status: 'retrying',
          current: 0,
          total: 0,
          message: (error as Error).message,
        })
      } finally {
        await repository.close()
      }
    }
    throw new BulkheadError('Internal', 'no endpoint')
  }

  #open(reference: Reference, endpoint: Endpoint, { credentials, signal, report }: Transfer): Repository {
    const { registry, repository } = reference
    return new Repository({
      endpoint,
      registry,
      repository,
      // A mirror is somebody else: it gets no password.
      credentials: endpoint.isMirror ? undefined : credentials,
      signal,
      onRetry: (message) => report({ item: registry, status: 'retrying', current: 0, total: 0, message }),
    })
  }

  async #take(repository: Repository, fetched: Fetched, { name, report }: Transfer): Promise<Image> {
    const { layers, bytes, isOriginal } = asOci(fetched, repository.label)
    const { config } = fetched.manifest
    const document = await this.#fetchConfig(repository, config)
    const diffIds = document.rootfs.diff_ids
    if (diffIds.length !== layers.length)
      throw new BulkheadError(
        'ContentInvalid',
        `${repository.label}: the image has ${layers.length} layers, but its configuration names ${diffIds.length}`,
      )
    const chain = chainIds(diffIds)
    const wanted = layers.map((descriptor, at): WantedLayer => ({
      descriptor,
      diffId: diffIds[at]!,
      chainId: chain[at]!,
    }))
    for (const { descriptor } of wanted)
      report({ item: shortDigest(descriptor.digest), status: 'waiting', current: 0, total: descriptor.size })
    await some(wanted, limits.registry.parallel, (layer) => this.#fetchOnce(repository, layer, report))
    const manifest = this.#store.blobs.write(mediaTypes.manifest, bytes)
    const original = isOriginal ? undefined : this.#store.blobs.write(fetched.mediaType, fetched.bytes).digest
    const { registry, repository: path } = repository.options
    return this.#store.add({ manifest, name, repoDigest: `${registry}/${path}@${fetched.digest}`, original })
  }

  /** One at a time for each blob: an image may have the same layer twice, and two pulls the same one. */
  async #fetchOnce(repository: Repository, layer: WantedLayer, report: Report): Promise<void> {
    const { digest, size } = layer.descriptor
    const key = `${layer.chainId} ${digest}`
    const item = shortDigest(digest)
    for (let other = this.#coming.get(digest); other !== undefined; other = this.#coming.get(digest)) {
      report({ item, status: 'waiting', current: 0, total: size, message: 'it is being fetched already' })
      await other.catch(() => undefined) // when that one fails, this one does it
    }
    const { layers, blobs } = this.#store
    if (this.#placed.has(key) && layers.has(layer.chainId) && blobs.has(digest))
      return report({ item, status: 'exists', current: size, total: size })
    const coming = placeLayer(repository, this.#store, layer, report)
    this.#coming.set(digest, coming)
    try {
      await coming
      this.#placed.add(key)
    } finally {
      this.#coming.delete(digest)
    }
  }

  async #fetchConfig(repository: Repository, { digest, size }: Descriptor): Promise<ImageConfig> {
    if (size > limits.document)
      throw new BulkheadError('ContentInvalid', `${repository.label}: a configuration of ${size} bytes is refused`)
    const blobs = this.#store.blobs
    if (!blobs.has(digest)) {
      const answer = await repository.ask({ method: 'GET', path: `blobs/${digest}`, accept: [200] })
      const bytes = await readLimited(answer.body, size)
      if (digestOf(bytes) !== digest)
        throw new BulkheadError(
          'ContentInvalid',
          `${repository.label}: the configuration has digest ${digestOf(bytes)}, not ${digest}`,
        )
      blobs.write(mediaTypes.config, bytes)
    }
    const parsed = configSchema.safeParse(blobs.readJson(digest))
    if (parsed.success && parsed.data.os === 'linux') return parsed.data
    throw new BulkheadError(
      'ContentInvalid',
      `${repository.label}: ${parsed.success ? `the image is for ${parsed.data.os}, not for Linux` : 'the configuration is not valid'}`,
    )
  }

  /** Where the same registry has a blob already. */
  #repositoriesWith({ digest }: Descriptor, { registry, repository }: Reference): string[] {
    const all = this.#store.all().flatMap(({ summary, stored }) => {
      if (stored?.manifest.layers.some((layer) => layer.digest === digest) !== true) return []
      return summary.repoDigests.flatMap((known) => {
        const [place] = known.split('@')
        return place!.startsWith(`${registry}/`) ? [place!.slice(registry.length + 1)] : []
      })
    })
    return [...new Set(all)].filter((other) => other !== repository)
  }
}
