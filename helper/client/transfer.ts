/** Archives over a connection of their own: sent from any source, or written to any sink. */
import { once } from 'node:events'
import { closeSync, createReadStream, openSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { BulkheadError } from '../protocol/errors.ts'
import type { Progress } from '../protocol/imageSchemas.ts'
import type { Method, Params, Result } from '../protocol/methods.ts'
import type { Client } from './client.ts'

/** Sends `source` as the call's stream. It is read with the caller's own rights.
 * @throws BulkheadError when the helper refuses it; the error of `source` when it cannot be read */
export async function sendTo<M extends Method>(
  client: Client,
  method: M,
  params: Params<M>,
  source: Readable,
): Promise<Result<M>> {
  // The helper ends the stream when it has seen enough: what is not sent by then need not be read.
  client.stream = { onBytes: () => undefined, onEnd: () => source.destroy() }
  const answer = client.invoke(method, params)
  const unreadable = new Promise<never>((_resolve, reject) => source.once('error', reject))
  const send = async (): Promise<void> => {
    for await (const chunk of source) await client.send(chunk as Buffer)
    client.endInput()
  }
  send().catch(() => undefined) // either of the two promises says why
  return await Promise.race([answer, unreadable])
}

/** As `sendTo`, for an archive in a file: the open file is handed over where the kernel can, and its bytes are sent
 * where it cannot. */
export async function sendFile<M extends 'images/load' | 'images/import'>(
  open: () => Promise<Client>,
  method: M,
  params: Params<M>,
  path: string | number,
  options: { onProgress?: (progress: Progress) => void; onClient?: (client: Client) => void } = {},
): Promise<Result<M>> {
  const file = typeof path === 'number' ? path : openSync(path, 'r')
  const attempt = async (work: (client: Client) => Promise<Result<M>>): Promise<Result<M>> => {
    const client = await open()
    options.onClient?.(client)
    if (options.onProgress !== undefined) client.onProgress(options.onProgress)
    try {
      return await work(client)
    } finally {
      client.close()
    }
  }
  // A stream closes its file itself, whenever it is destroyed.
  let source: Readable | undefined
  try {
    return await attempt((client) => client.invoke(method, { ...params, descriptor: file }))
  } catch (error) {
    if (!(error instanceof BulkheadError) || error.reason !== 'Unsupported') throw error
    const bytes = createReadStream('', { fd: file, highWaterMark: 1 << 20 })
    source = bytes
    return await attempt((client) => sendTo(client, method, params, bytes))
  } finally {
    if (source !== undefined) source.destroy()
    else if (typeof path !== 'number') closeSync(file)
  }
}

/** Writes the call's stream to `sink`, and ends it when all was sent.
 * @throws BulkheadError of the call; the error of `sink` when it cannot be written to */
export async function receiveFrom<M extends Method>(
  client: Client,
  method: M,
  params: Params<M>,
  sink: Writable,
): Promise<Result<M>> {
  const ended = Promise.withResolvers<void>()
  client.stream = {
    onBytes: (_on, bytes) => {
      if (sink.write(bytes)) return
      client.hold(true)
      sink.once('drain', () => client.hold(false))
    },
    onEnd: () => ended.resolve(),
  }
  const unwritable = new Promise<never>((_resolve, reject) => sink.once('error', reject))
  unwritable.catch(() => undefined)
  const answer = await Promise.race([client.invoke(method, params), unwritable])
  await Promise.race([ended.promise, unwritable])
  if (sink !== process.stdout) {
    sink.end()
    if (!sink.writableFinished) await Promise.race([once(sink, 'finish'), unwritable])
  }
  return answer
}
