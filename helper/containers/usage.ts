/** What takes space, with whom it is shared, and what nobody needs. */
import { historyOf, labelOf, timeOf, type Image } from '../images/image.ts'
import type { ImageStore } from '../images/store.ts'
import type { LayerSummary, Sharing, Usage } from '../protocol/imageSchemas.ts'
import type { Container } from './container.ts'
import type { Containers } from './containers.ts'
import type { Contents } from './contents.ts'

interface Parts {
  readonly store: ImageStore
  readonly containers: Containers
  readonly contents: Contents
}

export class UsageOf {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Layers of an image, lowest first. */
  layers(image: Image): LayerSummary[] {
    const { store } = this.#parts
    const steps = new Map(historyOf(image, store.layers).map((step) => [step.chainId, step]))
    if (image.stored === undefined)
      return [
        {
          chainId: 'host',
          diffId: 'host',
          createdBy: '',
          createdAt: null,
          comment: '',
          size: 0,
          compressedSize: null,
          sharedWith: [],
        },
      ]
    const { document, manifest } = image.stored
    return image.chainIds.map((chainId, at) => ({
      chainId,
      diffId: document.rootfs.diff_ids[at]!,
      createdBy: steps.get(chainId)?.createdBy ?? '',
      createdAt: steps.get(chainId)?.createdAt ?? timeOf(document.created),
      comment: steps.get(chainId)?.comment ?? '',
      size: store.layers.info(chainId).bytes,
      compressedSize: manifest.layers[at]?.size ?? null,
      sharedWith: this.#imagesOn(chainId, image),
    }))
  }

  imageSharing(image: Image): Sharing {
    const { containers } = this.#parts
    const parts = this.layers(image).map(({ createdBy, chainId, size, sharedWith }) => ({
      what: createdBy,
      chainId,
      size,
      with: [...sharedWith, ...containers.usersOfImage(image.summary).map((name) => `container ${name}`)],
    }))
    const isShared = ({ with: others }: { with: string[] }): boolean =>
      others.some((name) => !name.startsWith('container '))
    const sum = (which: boolean): number =>
      parts.filter((part) => isShared(part) === which).reduce((total, { size }) => total + size, 0)
    return { name: labelOf(image.summary), own: sum(false), shared: sum(true), parts }
  }

  /** A container owns what it has written; everything else it shares. */
  async containerSharing(container: Container): Promise<Sharing> {
    const { store, containers, contents } = this.#parts
    const { record } = container
    const image = store.find(record.imageId) ?? store.find(record.image)
    const own = await contents.size(container)
    const below = image === undefined ? [] : this.layers(image)
    const others =
      image === undefined ? [] : containers.usersOfImage(image.summary).filter((name) => name !== record.name)
    return {
      name: record.name,
      own,
      shared: below.reduce((total, { size }) => total + size, 0),
      parts: [
        ...below.map(({ createdBy, chainId, size, sharedWith }) => ({
          what: createdBy,
          chainId,
          size,
          with: [
            `image ${record.image}`,
            ...sharedWith.map((name) => `image ${name}`),
            ...others.map((name) => `container ${name}`),
          ],
        })),
        { what: 'writable layer', chainId: null, size: own, with: [] },
      ],
    }
  }

  async usage(): Promise<Usage> {
    const { store, containers, contents } = this.#parts
    const images = [...new Map(store.all().map((image) => [image.summary.id, image])).values()]
    const rows = images.map(({ summary, chainIds }) => {
      const isOthers = (chainId: string): boolean =>
        images.some((other) => other.summary.id !== summary.id && other.chainIds.includes(chainId))
      const size = summary.size ?? 0
      const shared = chainIds.filter(isOthers).reduce((total, chainId) => total + store.layers.info(chainId).bytes, 0)
      const { name, id, createdAt } = summary
      return {
        name,
        id,
        createdAt,
        size,
        shared,
        unique: size - shared,
        containers: containers.usersOfImage(summary).length,
      }
    })
    const ended = containers.all().filter(({ runs }) => !runs)
    const containerRows = await Promise.all(
      containers.all().map(async (container) => {
        const { id, name, image, createdAt, state } = container.summary()
        return { id, name, image, state, createdAt, size: await contents.size(container) }
      }),
    )
    const chains = new Set(images.flatMap((image) => image.chainIds))
    const blobs = new Set(images.flatMap(({ stored }) => stored!.manifest.layers.map(({ digest }) => digest)))
    return {
      images: rows,
      containers: containerRows,
      layers: {
        count: chains.size,
        size: [...chains].reduce((total, chainId) => total + store.layers.info(chainId).bytes, 0),
        blobs: [...blobs].reduce(
          (total, digest) => total + (store.blobs.has(digest) ? store.blobs.size(digest) : 0),
          0,
        ),
      },
      reclaimable: {
        images: this.#freed(images.filter((image) => containers.usersOfImage(image.summary).length === 0)),
        danglingImages: this.#freed(this.dangling()),
        containers: containerRows
          .filter(({ id }) => ended.some((container) => container.id === id))
          .reduce((total, { size }) => total + size, 0),
      },
    }
  }

  /** Without a name, and used by nobody. */
  dangling(): Image[] {
    return this.#parts.store
      .all()
      .filter(({ summary }) => summary.name === null && this.#parts.containers.usersOfImage(summary).length === 0)
  }

  async prune(options: {
    images: 'none' | 'dangling' | 'all'
    containers: boolean
    dryRun: boolean
  }): Promise<{ images: string[]; containers: string[]; reclaimed: number }> {
    const { store, containers, contents } = this.#parts
    const ended = options.containers
      ? containers.all().filter(({ state }) => state === 'created' || state === 'exited')
      : []
    const endedNames = new Set(ended.map(({ record }) => record.name))
    const isUnused = ({ summary }: Image): boolean =>
      containers.usersOfImage(summary).every((name) => endedNames.has(name))
    const doomed = store.all().filter((image) => {
      if (options.images === 'none') return false
      return isUnused(image) && (options.images === 'all' || image.summary.name === null)
    })
    const sizes = await Promise.all(ended.map((container) => contents.size(container)))
    let reclaimed = sizes.reduce((total, size) => total + size, 0)
    const names = ended.map(({ record }) => record.name)
    if (!options.dryRun)
      for (const container of ended) await containers.remove(container.id, { force: false, volumes: false })
    const images = [...new Set(doomed.map(({ summary }) => labelOf(summary)))]
    reclaimed += this.#freed(doomed, ended)
    if (!options.dryRun) {
      for (const id of new Set(doomed.map(({ summary }) => summary.id))) store.remove(id, { force: true, users: [] })
      await store.collect({ leftovers: false })
    }
    return { images, containers: names, reclaimed }
  }

  /** Bytes of layers that would go with these images and containers. */
  #freed(doomed: readonly Image[], ended: readonly Container[] = []): number {
    const { store, containers } = this.#parts
    const ids = new Set(doomed.map(({ summary }) => summary.id))
    const gone = new Set(ended.map(({ id }) => id))
    const staying = new Set([
      ...store
        .all()
        .filter(({ summary }) => !ids.has(summary.id))
        .flatMap((image) => image.chainIds),
      ...containers
        .all()
        .filter(({ id }) => !gone.has(id))
        .flatMap(({ record }) => record.layers.map((path) => store.layers.chainIdOf(path))),
    ])
    const going = new Set(doomed.flatMap((image) => image.chainIds).filter((chainId) => !staying.has(chainId)))
    return [...going].reduce((total, chainId) => total + store.layers.info(chainId).bytes, 0)
  }

  #imagesOn(chainId: string, image: Image): string[] {
    const others = this.#parts.store
      .all()
      .filter((other) => other.summary.id !== image.summary.id && other.chainIds.includes(chainId))
    return [...new Set(others.map(({ summary }) => labelOf(summary)))]
  }
}
