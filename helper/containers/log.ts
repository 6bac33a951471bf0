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
/** Of `2026-01-31T12:00:00.000000000Z stdout F text`: both streams have names of six letters. */
const places = { time: 30, stream: 31, tag: 38, text: 40 }
const letters = { e: 0x65, o: 0x6f, F: 0x46, P: 0x50 }

/** The line `from` to `end`, where its newline is. Undefined for a torn one (the machine went down while it was written):
 * left out. */
export function parseRecord(log: Buffer, from: number, end: number): LogRecord | undefined {
  const at = (place: number): number | undefined => log[from + place]
  if (end - from < places.text || at(places.time) !== space || at(places.tag - 1) !== space) return undefined
  const stream = log.toString('latin1', from + places.stream, from + places.tag - 1)
  const tag = at(places.tag)
  if ((stream !== 'stdout' && stream !== 'stderr') || (tag !== letters.F && tag !== letters.P)) return undefined
  if (at(places.time - 1) !== 0x5a || at(10) !== 0x54) return undefined
  const endsLine = tag === letters.F
  return {
    time: log.toString('latin1', from, from + places.time),
    on: channel[stream],
    bytes: log.subarray(from + places.text, endsLine ? end + 1 : end),
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

  async *records(): AsyncGenerator<LogRecord[]> {
    const chunk = Buffer.allocUnsafe(256 * 1024)
    while (true) {
      const { bytesRead } = await this.file.read(chunk, 0, chunk.byteLength)
      if (bytesRead === 0) return
      this.#rest = Buffer.concat([this.#rest, chunk.subarray(0, bytesRead)])
      const records: LogRecord[] = []
      let at = 0
      for (let end = this.#rest.indexOf(newline, at); end >= 0; end = this.#rest.indexOf(newline, at)) {
        const record = parseRecord(this.#rest, at, end)
        at = end + 1
        if (record !== undefined) records.push(record)
      }
      this.#rest = this.#rest.subarray(at)
      yield records
    }
  }
}

/** All records that are on disk now, oldest first; afterwards `reader` stands at the end of the newest file. */
async function* past(directory: string, keep: (reader: LineReader) => void): AsyncGenerator<LogRecord[]> {
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

async function lastLines(records: AsyncGenerator<LogRecord[]>, lines: number): Promise<LogRecord[]> {
  const kept: LogRecord[][] = [[]]
  for await (const batch of records)
    for (const record of batch) {
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
  /** Of this time or later, and of this time or earlier: milliseconds since 1970. */
  readonly since?: number | undefined
  readonly until?: number | undefined
}

/** A time as records have it, to be compared as text. */
function stamp(time: number, nanoseconds: string): string {
  return `${new Date(time).toISOString().slice(0, -1)}${nanoseconds}Z`
}

/** What a log has, and with `follow` what comes, in batches as they are read. */
export async function* readLog(directory: string, options: ReadOptions): AsyncGenerator<LogRecord[]> {
  const { since, until } = options
  const from = since === undefined ? undefined : stamp(since, '000000')
  const to = until === undefined ? undefined : stamp(until, '999999')
  if (from === undefined && to === undefined) {
    yield* readAll(directory, options)
    return
  }
  const isWanted = ({ time }: LogRecord): boolean =>
    (from === undefined || time >= from) && (to === undefined || time <= to)
  for await (const batch of readAll(directory, options, isWanted)) {
    yield batch.filter(isWanted)
    if (to !== undefined && batch.some(({ time }) => time > to)) return
  }
}

async function* filtered(
  batches: AsyncGenerator<LogRecord[]>,
  isWanted: (record: LogRecord) => boolean,
): AsyncGenerator<LogRecord[]> {
  for await (const batch of batches) yield batch.filter(isWanted)
}

async function* readAll(
  directory: string,
  { tail, follow }: ReadOptions,
  isWanted: (record: LogRecord) => boolean = () => true,
): AsyncGenerator<LogRecord[]> {
  // Watched before the first read, so that no line falls between.
  const watcher = follow === undefined ? undefined : watch(directory)
  let reader: LineReader | undefined
  try {
    const records = past(directory, (newest) => (reader = newest))
    if (tail < 0) yield* records
    else yield await lastLines(filtered(records, isWanted), tail)
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
