/** A root file system archive becomes a blob and an unpacked layer, in one pass over its bytes. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { closeSync, constants as flags, createWriteStream, mkdirSync, openSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable, type Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants as zlib, createGunzip, createZstdDecompress } from 'node:zlib'
import { constants } from 'node:os'
import * as z from 'zod'
import { limits } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { isErrno } from '../host/errno.ts'
import { Digester, type Blobs, type Descriptor } from './blobs.ts'
import { mediaTypes, unpackedSize } from './formats.ts'

const compressions = [
  { name: 'gzip', magic: [0x1f, 0x8b], mediaType: mediaTypes.layerGzip },
  { name: 'zstd', magic: [0x28, 0xb5, 0x2f, 0xfd], mediaType: mediaTypes.layerZstd },
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a] },
  { name: 'bzip2', magic: [0x42, 0x5a, 0x68] },
] as const

const plain = { name: 'tar', mediaType: mediaTypes.layer } as const

function compressionOf(head: Buffer): (typeof compressions)[number] | typeof plain {
  return compressions.find(({ magic }) => magic.every((byte, at) => head[at] === byte)) ?? plain
}

function decompressor(head: Buffer): { mediaType: string; stream: Duplex } {
  const compression = compressionOf(head)
  switch (compression.name) {
    case 'gzip':
      return { mediaType: compression.mediaType, stream: createGunzip() }
    case 'zstd':
      return {
        mediaType: compression.mediaType,
        // Archives made with --long need a window of up to 128 MiB.
        stream: createZstdDecompress({ params: { [zlib.ZSTD_d_windowLogMax]: 27 } }),
      }
    case 'tar':
      return { mediaType: compression.mediaType, stream: new PassThrough() }
    case 'xz':
    case 'bzip2':
      throw new BulkheadError('ArchiveInvalid', `the archive is compressed with ${compression.name}`, {
        hint: `Recompress it with gzip or zstd: ${compression.name} -dc FILE | zstd > FILE.tar.zst`,
      })
  }
}

/** The first bytes, and a stream that still has them. */
async function peek(source: Readable): Promise<{ head: Buffer; rest: Readable }> {
  const parts: Buffer[] = []
  let size = 0
  const iterator = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  while (size < 8) {
    const next = await iterator.next()
    if (next.done === true) break
    parts.push(next.value)
    size += next.value.byteLength
  }
  async function* all(): AsyncGenerator<Buffer> {
    yield* parts
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value
  }
  return { head: Buffer.concat(parts), rest: Readable.from(all(), { objectMode: false }) }
}

const unpackedSchema = z.object({ entries: z.number(), bytes: z.number() })

interface Unpacker {
  readonly input: NodeJS.WritableStream
  /** How many bytes were unpacked. @throws BulkheadError when the archive was refused. */
  readonly done: Promise<number>
}

function startUnpacker(executable: string, directory: string): Unpacker {
  const fd = openSync(directory, flags.O_RDONLY | flags.O_DIRECTORY)
  const args = [String(limits.archive.entries), String(limits.archive.bytes)]
  const child = spawn(executable, args, { stdio: ['pipe', 'pipe', 'pipe', fd], env: {} })
  closeSync(fd)
  let output = ''
  let problem = ''
  const { stdin, stdout, stderr } = child
  if (stdin === null || stdout === null || stderr === null) throw new Error('the reader of archives has no pipes')
  stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  stderr.setEncoding('utf8').on('data', (text: string) => (problem += text))
  const done = new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(unpackedSchema.parse(JSON.parse(output)).bytes)
      const why = problem.trim() || `the reader of archives ended with ${signal ?? `code ${code}`}`
      if (code === constants.errno.ENOSPC)
        return reject(
          new BulkheadError('DiskFull', `the disk is full: ${why}`, { hint: 'Free space below the state folder.' }),
        )
      reject(new BulkheadError('ArchiveInvalid', why))
    })
  })
  done.catch(() => undefined)
  return { input: stdin, done }
}

export interface ImportedLayer {
  readonly descriptor: Descriptor
  readonly diffId: string
  /** Where the layer and its blob lie until the caller moves them to their place. */
  readonly directory: string
  readonly blob: string
}

/** Calls `commit` when all has been read and is whole; what it does not move away is removed again. */
export async function importArchive(
  source: Readable,
  places: { blobs: Blobs; layers: string; unpack: string },
  commit: (layer: ImportedLayer) => void,
): Promise<void> {
  const directory = join(places.layers, `.partial-${randomUUID()}`)
  const blob = places.blobs.partial()
  mkdirSync(directory, { mode: 0o755 })
  try {
    const { head, rest } = await peek(source)
    const { mediaType, stream } = decompressor(head)
    const raw = new Digester()
    const unpacked = new Digester()
    const unpacker = startUnpacker(places.unpack, directory)
    const file = createWriteStream(blob, { flags: 'wx', mode: 0o644 })
    // A full disk must stop the whole, not leave the other branch waiting.
    const abort = new AbortController()
    const branches = [
      pipeline(rest, raw, { signal: abort.signal }),
      pipeline(raw, file, { signal: abort.signal }),
      pipeline(raw, stream, unpacked, unpacker.input, { signal: abort.signal }),
    ]
    for (const branch of branches) branch.catch(() => abort.abort())
    const results = await Promise.allSettled(branches)
    const bytes = await explain(unpacker.done, results)
    const descriptor = { mediaType, digest: raw.digest, size: raw.size, annotations: { [unpackedSize]: String(bytes) } }
    commit({ descriptor, diffId: unpacked.digest, directory, blob })
  } finally {
    await Promise.all([rm(directory, { recursive: true, force: true }), rm(blob, { force: true })])
  }
}

/** Of all that failed because one thing did, the one that says why. */
async function explain(unpacked: Promise<number>, results: readonly PromiseSettledResult<void>[]): Promise<number> {
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
  const full = failures.find((failure) => isErrno(failure, 'ENOSPC', 'EDQUOT'))
  if (full !== undefined) throw full
  const damaged = failures.find(
    (failure) => failure instanceof Error && 'code' in failure && /^(?:Z_|ZSTD_|ERR_ZSTD)/.test(String(failure.code)),
  )
  if (damaged !== undefined)
    throw new BulkheadError('ArchiveInvalid', `the archive is damaged or cut off: ${(damaged as Error).message}`, {
      cause: damaged,
    })
  const bytes = await unpacked
  const other = failures.find((failure) => !isErrno(failure, 'EPIPE', 'ABORT_ERR'))
  if (other !== undefined) throw other
  return bytes
}
