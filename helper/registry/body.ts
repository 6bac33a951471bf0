/** Answers that must be small. */
import type { Readable } from 'node:stream'
import { BulkheadError } from '../protocol/errors.ts'

/** @throws BulkheadError ContentInvalid when there is more than `limit` bytes */
export async function readLimited(body: Readable, limit: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    size += (chunk as Buffer).byteLength
    if (size > limit) {
      body.destroy()
      throw new BulkheadError('ContentInvalid', `the registry sends a document of more than ${limit} bytes`)
    }
    parts.push(chunk as Buffer)
  }
  return Buffer.concat(parts)
}
