/** A container's log, read back. Its format is told in native/init/log.h: one record a line, newest file `log`. */
import { once } from 'node:events'
import { existsSync, watch, type FSWatcher } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { isErrno } from '../host/errno.ts'
import { channel, type Channel } from '../protocol/stream.ts'
import { defaults } from '../limits.ts'

export interface LogRecord {
  readonly time: string
  readonly on: Channel
  /** With its newline, unless the line goes on in the next record. */
  readonly bytes: Buffer
  readonly endsLine: boolean
}

const space = 0x20
const newline = 0x0a

/** A line without its newline. Undefined for a torn one (the machine went down while it was written): left out. */
export function parseRecord(line: Buffer): LogRecord | undefined {
  const timeEnd = line.indexOf(space)
  const streamEnd = line.indexOf(space, timeEnd + 1)
  const tagEnd = line.indexOf(space, streamEnd + 1)
  if (timeEnd < 0 || streamEnd < 0 || tagEnd !== streamEnd + 2) return undefined
  const stream = line.toString('latin1', timeEnd + 1, streamEnd)
  const tag = line.toString('latin1', streamEnd + 1, tagEnd)
  const time = line.toString('latin1', 0, timeEnd)
  if ((stream !== 'stdout' && stream !== 'stderr') || (tag !== 'F' && tag !== 'P')) return undefined
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/.test(time)) return undefined
  const text = line.subarray(tagEnd + 1)
  const endsLine = tag === 'F'
  return {
    time,
    on: channel[stream],
    bytes: endsLine ? Buffer.concat([text, Buffer.from([newline])]) : Buffer.from(text),
    endsLine,
  }
}

async function openLog(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Reads whole lines from where it stands to the file's present end. */
class LineReader {
  readonly file: FileHandle
  #rest = Buffer.alloc(0)

  constructor(file: FileHandle) {
    this.file = file
  }

  async *records(): AsyncGenerator<LogRecord> {
    const chunk = Buffer.allocUnsafe(256 * 1024)
    while (true) {
      const { bytesRead } = await this.file.read(chunk, 0, chunk.byteLength)
      if (bytesRead === 0) return
      this.#rest = Buffer.concat([this.#rest, chunk.subarray(0, bytesRead)])
      let at = 0
      for (let end = this.#rest.indexOf(newline, at); end >= 0; end = this.#rest.indexOf(newline, at)) {
        const record = parseRecord(this.#rest.subarray(at, end))
        at = end + 1
        if (record !== undefined) yield record
      }
      this.#rest = this.#rest.subarray(at)
    }
  }
}

/** All records that are on disk now, oldest first; afterwards `reader` stands at the end of the newest file. */
async function* past(directory: string, keep: (reader: LineReader) => void): AsyncGenerator<LogRecord> {
  for (let n = defaults.log.maxFiles - 1; n >= 0; n--) {
    const file = await openLog(join(directory, n === 0 ? 'log' : `log.${n}`))
    if (file === undefined) continue
    const reader = new LineReader(file)
    if (n === 0) keep(reader)
    try {
      yield* reader.records()
    } finally {
      if (n !== 0) await file.close()
    }
  }
}

async function lastLines(records: AsyncGenerator<LogRecord>, lines: number): Promise<LogRecord[]> {
  const kept: LogRecord[][] = [[]]
  for await (const record of records) {
    kept.at(-1)!.push(record)
    if (!record.endsLine) continue
    kept.push([])
    if (kept.length > lines + 1) kept.shift()
  }
  if (kept.at(-1)!.length > 0 && kept.length > lines) kept.shift()
  return lines === 0 ? [] : kept.flat()
}

async function isReplaced(path: string, file: FileHandle): Promise<boolean> {
  const now = await openLog(path)
  if (now === undefined) return false
  try {
    return (await now.stat()).ino !== (await file.stat()).ino
  } finally {
    await now.close()
  }
}

export interface ReadOptions {
  /** Lines from the end; -1 for all. */
  readonly tail: number
  /** Go on until this is aborted; what is in the log by then is still read. */
  readonly follow: AbortSignal | undefined
}

export async function* readLog(directory: string, { tail, follow }: ReadOptions): AsyncGenerator<LogRecord> {
  // Watched before the first read, so that no line falls between.
  const watcher = follow === undefined ? undefined : watch(directory)
  let reader: LineReader | undefined
  try {
    const records = past(directory, (newest) => (reader = newest))
    if (tail < 0) yield* records
    else yield* await lastLines(records, tail)
    if (watcher === undefined || follow === undefined) return
    for (let last = false; !last;) {
      last = follow.aborted
      if (!last) await changed(watcher, follow)
      const path = join(directory, 'log')
      if (reader === undefined) {
        const file = existsSync(path) ? await openLog(path) : undefined
        if (file === undefined) continue
        reader = new LineReader(file)
      }
      while (true) {
        yield* reader.records()
        if (!(await isReplaced(path, reader.file))) break
        // Rotated: the old file may have grown since the read above.
        yield* reader.records()
        await reader.file.close()
        const file = await openLog(path)
        if (file === undefined) break
        reader = new LineReader(file)
      }
    }
  } finally {
    watcher?.close()
    await reader?.file.close()
  }
}

async function changed(watcher: FSWatcher, follow: AbortSignal): Promise<void> {
  // A second at most: an event that came while the log was being read is not waited for again.
  const bound = AbortSignal.any([follow, AbortSignal.timeout(1000)])
  await once(watcher, 'change', { signal: bound }).catch(() => undefined)
}
