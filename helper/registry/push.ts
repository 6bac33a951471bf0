/** Sends one blob, unless the registry has it. */
import { createReadStream } from 'node:fs'
import { pipeline, Transform } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { shortDigest } from '../images/blobs.ts'
import type { Descriptor } from '../images/formats.ts'
import type { ImageStore } from '../images/store.ts'
import { limits } from '../limits.ts'
import type { BulkheadError } from '../protocol/errors.ts'
import type { Answer, Repository } from './client.ts'
import type { Report } from './layers.ts'

const actions = 'pull,push'

/** `from`: repositories of the same registry that may have it, to mount it from (distribution-spec, "Mounting a blob"). */
export async function pushBlob(
  repository: Repository,
  store: ImageStore,
  { digest, size }: Descriptor,
  from: readonly string[],
  report: Report,
): Promise<void> {
  const item = shortDigest(digest)
  const there = await repository.ask({ method: 'HEAD', path: `blobs/${digest}`, accept: [200, 404], actions })
  there.body.resume()
  if (there.status === 200) return report({ item, status: 'exists', current: size, total: size })
  for (let tries = 1; ; tries++) {
    const upload = await begin(repository, digest, from)
    if (upload.status === 201) return report({ item, status: 'mounted', current: size, total: size })
    try {
      await send(repository, upload, store.blobs.path(digest), { digest, size }, (current) =>
        report({ item, status: 'uploading', current, total: size }),
      )
      return report({ item, status: 'done', current: size, total: size })
    } catch (error) {
      // An upload that broke off is begun anew: what the registry has of it is not known.
      const { reason, message } = error as BulkheadError
      const mayPass = reason === 'RegistryUnreachable' || reason === 'RegistryFailed' || reason === 'NotInRegistry'
      if (!mayPass || tries >= limits.registry.tries || repository.options.signal.aborted) throw error
      report({ item, status: 'retrying', current: 0, total: size, message })
      await sleep(limits.registry.pause * 2 ** (tries - 1))
    }
  }
}

async function send(
  repository: Repository,
  upload: Answer,
  path: string,
  { digest, size }: { digest: string; size: number },
  onBytes: (current: number) => void,
): Promise<void> {
  const location = new URL(upload.headers['location'] ?? '', upload.url)
  location.searchParams.set('digest', digest)
  const done = await repository.ask({
    method: 'PUT',
    path: location.href,
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(size) },
    body: () => {
      let current = 0
      const counter = new Transform({
        transform(chunk: Buffer, _encoding, next) {
          current += chunk.byteLength
          onBytes(current)
          next(null, chunk)
        },
      })
      return pipeline(createReadStream(path, { highWaterMark: 1 << 18 }), counter, () => undefined)
    },
    accept: [201],
    actions,
    once: true,
  })
  done.body.resume()
}

async function begin(repository: Repository, digest: string, from: readonly string[]): Promise<Answer> {
  for (const other of from) {
    repository.alsoPull(other)
    const query = new URLSearchParams({ mount: digest, from: other })
    const answer = await repository.ask({
      method: 'POST',
      path: `blobs/uploads/?${query.toString()}`,
      accept: [201, 202],
      actions,
    })
    answer.body.resume()
    return answer
  }
  const answer = await repository.ask({ method: 'POST', path: 'blobs/uploads/', accept: [202], actions })
  answer.body.resume()
  return answer
}
