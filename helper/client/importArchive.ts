/** Sends a root file system archive as the stream of a connection of its own. */
import type { Readable } from 'node:stream'
import type { ImageSummary } from '../protocol/schemas.ts'
import type { Client } from './client.ts'

/** `source` is read with the caller's own rights. @throws BulkheadError when the helper refuses the archive; the error of
 * `source` when it cannot be read */
export async function importArchive(client: Client, source: Readable, name: string): Promise<ImageSummary> {
  // The helper ends the stream when it has seen enough: what is not sent by then need not be read.
  client.stream = { onBytes: () => undefined, onEnd: () => source.destroy() }
  const answer = client.call('images/import', { name })
  const unreadable = new Promise<never>((_resolve, reject) => source.once('error', reject))
  const send = async (): Promise<void> => {
    for await (const chunk of source) await client.send(chunk as Buffer)
    client.endInput()
  }
  send().catch(() => undefined) // either of the two promises says why
  return await Promise.race([answer, unreadable])
}
