/** Fetches one layer: unpacked as it comes, gone on with where it broke off. */
import { rmSync } from 'node:fs'
import type { Descriptor } from '../images/formats.ts'
import { LayerIntake, unpackBlob } from '../images/intake.ts'
import type { ImageStore } from '../images/store.ts'
import { shortDigest } from '../images/blobs.ts'
import { limits } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Progress } from '../protocol/imageSchemas.ts'
import { cancelled, isPassing, unreachable, type Repository } from './client.ts'

export interface WantedLayer {
  readonly descriptor: Descriptor
  readonly diffId: string
  readonly chainId: string
}

export type Report = (progress: Progress) => void

/** Puts a layer in its place. Call it within `store.during`. */
export async function placeLayer(
  repository: Repository,
  store: ImageStore,
  wanted: WantedLayer,
  report: Report,
): Promise<void> {
  const { descriptor, chainId } = wanted
  const item = shortDigest(descriptor.digest)
  const total = descriptor.size
  if (store.knownLayer(chainId, descriptor.digest) !== undefined && store.blobs.has(descriptor.digest))
    return report({ item, status: 'exists', current: total, total })
  if (store.blobs.has(descriptor.digest)) {
    report({ item, status: 'unpacking', current: 0, total })
    const { directory, ...unpacked } = await unpackBlob(store, store.blobs.path(descriptor.digest))
    try {
      checkDiffId(repository, wanted, unpacked.diffId)
      store.layers.adopt(directory, chainId, unpacked)
    } finally {
      await store.layers.remove(directory)
    }
  } else await fetchLayer(repository, store, wanted, report)
  report({ item, status: 'done', current: total, total })
}

function checkDiffId({ label }: Repository, { diffId, descriptor }: WantedLayer, found: string): void {
  if (found !== diffId)
    throw new BulkheadError(
      'ContentInvalid',
      `${label}: layer ${shortDigest(descriptor.digest)} is not the one that the configuration names`,
    )
}

async function fetchLayer(
  repository: Repository,
  store: ImageStore,
  wanted: WantedLayer,
  report: Report,
): Promise<void> {
  const { digest } = wanted.descriptor
  const path = store.blobs.download(digest)
  const intake = await LayerIntake.begin(store, path)
  let keepBlob = false
  try {
    await fetchBytes(repository, intake, wanted.descriptor, report)
    report({ item: shortDigest(digest), status: 'unpacking', current: intake.size, total: wanted.descriptor.size })
    const received = await intake.finish()
    if (received.digest !== digest)
      throw new BulkheadError(
        'ContentInvalid',
        `${repository.label}: layer ${shortDigest(digest)} has digest ${received.digest}, not ${digest}`,
        {
          hint: 'What came is not what was asked for: try again; if it stays so, do not trust that registry.',
        },
      )
    checkDiffId(repository, wanted, received.diffId)
    await store.blobs.adopt(path, digest)
    store.layers.adopt(received.directory, wanted.chainId, received)
  } catch (error) {
    const { reason } = error as { reason?: string }
    // What is whole so far serves the next try.
    keepBlob = reason === 'Cancelled' || reason === 'RegistryUnreachable' || reason === 'RegistryFailed'
    if (reason === 'ArchiveInvalid')
      throw new BulkheadError(
        'ContentInvalid',
        `${repository.label}: layer ${shortDigest(digest)} is refused: ${(error as Error).message}`,
        { cause: error },
      )
    throw error
  } finally {
    await intake.abort({ keepBlob })
    if (!keepBlob) rmSync(path, { force: true })
  }
}

async function fetchBytes(
  repository: Repository,
  intake: LayerIntake,
  { digest, size }: Descriptor,
  report: Report,
): Promise<void> {
  const item = shortDigest(digest)
  for (let tries = 0; intake.size < size;) {
    const before = intake.size
    let why = 'it sends fewer bytes than promised'
    try {
      await fetchRest(repository, intake, { digest, size }, (current) =>
        report({ item, status: 'downloading', current, total: size }),
      )
    } catch (error) {
      if (repository.options.signal.aborted) throw cancelled(error)
      if (!isPassing(error)) throw error
      why = (error as Error).message
      if (tries + 1 >= limits.registry.tries) throw unreachable(repository.options.registry, error)
    }
    if (intake.size >= size) return
    tries = intake.size > before ? 1 : tries + 1
    if (tries >= limits.registry.tries)
      throw new BulkheadError(
        'RegistryFailed',
        `${repository.label}: layer ${item}: ${why} (${intake.size} of ${size})`,
      )
    report({ item, status: 'retrying', current: intake.size, total: size, message: why })
    await new Promise((resolve) => setTimeout(resolve, limits.registry.pause * tries))
  }
}

/** From where the intake stands to the end, or to where the connection breaks. */
async function fetchRest(
  repository: Repository,
  intake: LayerIntake,
  { digest, size }: { digest: string; size: number },
  onBytes: (current: number) => void,
): Promise<void> {
  const from = intake.size
  const answer = await repository.ask({
    method: 'GET',
    path: `blobs/${digest}`,
    headers: { 'accept-encoding': 'identity', ...(from > 0 && { range: `bytes=${from}-${size - 1}` }) },
    accept: [200, 206],
  })
  // Who does not know ranges sends all of it again.
  let skip = answer.status === 200 ? from : 0
  for await (const chunk of answer.body) {
    let bytes = chunk as Buffer
    if (skip > 0) {
      const skipped = Math.min(skip, bytes.byteLength)
      skip -= skipped
      bytes = bytes.subarray(skipped)
    }
    if (intake.size + bytes.byteLength > size) {
      answer.body.destroy()
      throw new BulkheadError(
        'ContentInvalid',
        `${repository.label}: layer ${shortDigest(digest)} has more bytes than the ${size} promised`,
      )
    }
    if (bytes.byteLength > 0) await intake.write(bytes)
    onBytes(intake.size)
  }
}
