/** A directory's files become a layer of a new image. */
import { createGzip } from 'node:zlib'
import type { Readable } from 'node:stream'
import type { Native } from '../host/native.ts'
import { machinePlatform, type Descriptor, type ImageConfig, type ImageSettings } from '../images/formats.ts'
import { nameToGive, type Image } from '../images/image.ts'
import { storeLayer } from '../images/import.ts'
import { chainIds } from '../images/layerFolders.ts'
import type { ImageStore } from '../images/store.ts'

export interface Parts {
  readonly native: Native
  readonly store: ImageStore
}

export interface NewLayer {
  /** The layer as a tar archive. */
  readonly archive: Readable
  /** What it goes on; nothing for a first layer. */
  readonly below: { readonly descriptors: readonly Descriptor[]; readonly diffIds: readonly string[] }
  /** The configuration that the new one is made of. */
  readonly document: Partial<ImageConfig>
  /** Steps before this one. */
  readonly history: readonly object[]
  readonly settings: ImageSettings
  readonly name: string | undefined
  readonly createdBy: string
  readonly message: string
  readonly author: string
}

/** Little compression is nearly as small, and several times as fast. */
const gzipLevel = 3

/** @throws BulkheadError when the archive cannot be made to its end; nothing remains then */
export async function makeImage({ store }: Pick<Parts, 'store'>, layer: NewLayer): Promise<Image> {
  const { below, document, settings, author } = layer
  const name = layer.name === undefined ? undefined : nameToGive(layer.name)
  return await store.during(async () => {
    const compressed = layer.archive.pipe(createGzip({ level: gzipLevel, chunkSize: 1 << 18 }))
    layer.archive.on('error', (error) => compressed.destroy(error))
    const stored = await storeLayer(store, compressed, (diffId) => chainIds([...below.diffIds, diffId]).at(-1)!)
    const created = new Date().toISOString()
    const step = { created, created_by: layer.createdBy, comment: layer.message, ...(author !== '' && { author }) }
    const manifest = store.compose([...below.descriptors, stored.descriptor], {
      ...machinePlatform(),
      ...document,
      created,
      ...(author !== '' && { author }),
      config: settings,
      rootfs: { type: 'layers', diff_ids: [...below.diffIds, stored.diffId] },
      history: [...layer.history, step],
    })
    return store.add({ manifest, name })
  })
}
