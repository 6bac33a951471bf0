/** Images as one archive: an OCI image layout with Docker's manifest.json beside it, so that either kind of reader finds
 * what it looks for. */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pack, type Pack } from 'tar-stream'
import { familiarName, parseReference } from '../protocol/reference.ts'
import { mediaTypes, refName, type Descriptor } from './formats.ts'
import type { Image } from './image.ts'
import type { ImageStore } from './store.ts'

function blobPath(digest: string): string {
  return `blobs/sha256/${digest.slice('sha256:'.length)}`
}

/** Each file has the time of its image: the same image makes the same archive. */
const time = new Date(0)

function addFile(archive: Pack, name: string, content: string): void {
  archive.entry({ name, mtime: time, mode: 0o644 }, content)
}

async function addBlob(archive: Pack, store: ImageStore, digest: string): Promise<void> {
  const size = store.blobs.size(digest)
  const entry = archive.entry({ name: blobPath(digest), size, mtime: time, mode: 0o644 })
  await pipeline(createReadStream(store.blobs.path(digest), { highWaterMark: 1 << 20 }), entry)
}

function fullName(name: string): string {
  return familiarName(parseReference(name)!)
}

async function write(archive: Pack, store: ImageStore, images: readonly Image[]): Promise<void> {
  const stored = [...new Map(images.map((image) => [image.summary.digest, image])).values()]
  const namesOf = (image: Image): string[] => [
    ...new Set(
      images.flatMap(({ summary }) =>
        summary.digest === image.summary.digest && summary.name !== null ? [summary.name] : [],
      ),
    ),
  ]
  addFile(archive, 'oci-layout', '{"imageLayoutVersion":"1.0.0"}')
  const written = new Set<string>()
  for (const { summary, stored: documents } of stored) {
    const blobs = [
      summary.digest,
      documents!.manifest.config.digest,
      ...documents!.manifest.layers.map(({ digest }) => digest),
    ]
    for (const digest of blobs) if (!written.has(digest)) await addBlob(archive, store, digest)
    for (const digest of blobs) written.add(digest)
  }
  const manifests = stored.flatMap((image) => {
    const descriptor: Descriptor = {
      mediaType: mediaTypes.manifest,
      digest: image.summary.digest,
      size: store.blobs.size(image.summary.digest),
    }
    const names = namesOf(image)
    if (names.length === 0) return [descriptor]
    return names.map((name) => ({
      ...descriptor,
      // containerd and Docker read the whole name from the one, skopeo and podman from the other.
      annotations: { 'io.containerd.image.name': fullName(name), [refName]: name },
    }))
  })
  addFile(archive, 'index.json', JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }))
  addFile(
    archive,
    'manifest.json',
    JSON.stringify(
      stored.map((image) => ({
        Config: blobPath(image.summary.id),
        RepoTags: namesOf(image),
        Layers: image.stored!.manifest.layers.map(({ digest }) => blobPath(digest)),
      })),
    ),
  )
  archive.finalize()
}

/** The archive's bytes. */
export function saveImages(store: ImageStore, references: readonly string[]): Readable {
  const images = references.map((reference) => store.getStored(reference))
  const archive = pack()
  write(archive, store, images).catch((error: unknown) => archive.destroy(error as Error))
  return archive as unknown as Readable
}
