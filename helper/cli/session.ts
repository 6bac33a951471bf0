/** One run of the command line: its connection, its output, its end. */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import type { Writable } from 'node:stream'
import { connect } from '../client/connect.ts'
import { defaultSocket, socketPath } from '../protocol/address.ts'
import type { Client, StreamHandler } from '../client/client.ts'
import { channel } from '../protocol/stream.ts'
import type { EndOfStream } from '../protocol/schemas.ts'
import { BulkheadError } from '../protocol/errors.ts'

export function openClient(): Promise<Client> {
  const host = process.env['BULKHEAD_HOST']
  return connect(host === undefined || host === '' ? defaultSocket : socketPath(host))
}

/** Opens a connection for one piece of work. */
export async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = await openClient()
  try {
    return await work(client)
  } finally {
    client.close()
  }
}

export async function print(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

/** Writes a stream to stdout and stderr; the helper is held back while they are full. `end` resolves after the last byte. */
export function writeStream(client: Client): Promise<EndOfStream> {
  const end = Promise.withResolvers<EndOfStream>()
  const handler: StreamHandler = {
    onBytes: (on, bytes) => {
      const output = on === channel.stderr ? process.stderr : process.stdout
      if (output.write(bytes)) return
      client.hold(true)
      output.once('drain', () => client.hold(false))
    },
    onEnd: end.resolve,
  }
  client.stream = handler
  client.onClose(() =>
    end.reject(new BulkheadError('Unreachable', 'the helper ended meanwhile; the container goes on')),
  )
  // Nobody may be waiting for it when the call itself failed.
  end.promise.catch(() => undefined)
  return end.promise
}

export function report(error: unknown): number {
  const known = error instanceof BulkheadError ? error : undefined
  process.stderr.write(`bulkhead: ${error instanceof Error ? error.message : String(error)}\n`)
  if (known?.hint !== undefined) process.stderr.write(`  ${known.hint}\n`)
  return known?.exitCode ?? 125
}

/** Where an archive goes: a file, or standard output. @throws BulkheadError when that is a terminal */
export function archiveSink(output: string | undefined): Writable {
  if (output !== undefined) return createWriteStream(output)
  if (process.stdout.isTTY)
    throw new BulkheadError('InvalidRequest', 'an archive is not for a terminal', {
      hint: 'Use -o FILE, or redirect the output.',
    })
  return process.stdout
}
