/** A root file system archive becomes an image of one layer. */
import type { Readable } from 'node:stream'
import { BulkheadError } from '../protocol/errors.ts'
import { layerTypeOf, machinePlatform, type Descriptor, type ImageSettings } from './formats.ts'
import { nameToGive, type Image } from './image.ts'
import { LayerIntake, type Received } from './intake.ts'
import type { ImageStore } from './store.ts'

export interface StoredLayer {
  readonly descriptor: Descriptor
  readonly diffId: string
}

/** Takes a layer in, and puts it in its place: `below` is the chain that it goes on. Call it within `store.during`. */
export async function storeLayer(
  store: ImageStore,
  source: AsyncIterable<Buffer>,
  chainOf: (diffId: string) => string,
  check: (received: Received) => void = () => undefined,
): Promise<StoredLayer> {
  const blob = store.blobs.partial()
  const intake = await LayerIntake.begin(store, blob)
  try {
    for await (const chunk of source) await intake.write(chunk)
    const received = await intake.finish()
    check(received)
    await store.blobs.adopt(blob, received.digest)
    store.layers.adopt(received.directory, chainOf(received.diffId), received)
    return {
      descriptor: { mediaType: layerTypeOf(received.compression), digest: received.digest, size: received.size },
      diffId: received.diffId,
    }
  } finally {
    await intake.abort({ keepBlob: false })
  }
}

/** Makes an image of one layer. @throws BulkheadError ArchiveInvalid, DiskFull, and what `source` throws */
export async function importImage(
  store: ImageStore,
  source: Readable,
  options: { name: string; settings: ImageSettings; createdBy: string; message: string },
): Promise<Image> {
  const name = nameToGive(options.name)
  return await store.during(async () => {
    const layer = await storeLayer(
      store,
      source,
      (diffId) => diffId,
      ({ entries }) => {
        if (entries === 0) throw new BulkheadError('ArchiveInvalid', 'the archive is empty')
      },
    )
    const created = new Date().toISOString()
    const manifest = store.compose([layer.descriptor], {
      created,
      ...machinePlatform(),
      config: options.settings,
      rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      history: [{ created, created_by: options.createdBy, comment: options.message }],
    })
    return store.add({ manifest, name })
  })
}
