/** A connection's byte stream as one of Node's: an archive that comes in, or one that goes out. */
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { BulkheadError } from '../protocol/errors.ts'
import type { Progress } from '../protocol/imageSchemas.ts'
import { channel } from '../protocol/stream.ts'
import type { Session } from './session.ts'

const noExit = { exitCode: null, oomKilled: false }

/** Hands what the client sends to `work`, and ends the stream with it. */
export async function receive<T>(session: Session, work: (source: Readable) => Promise<T>): Promise<T> {
  const source = new Readable({ read: () => session.holdInput(false), highWaterMark: 1 << 20 })
  source.on('error', () => undefined) // said by `work`
  const onGone = (): void => {
    source.destroy(new BulkheadError('ArchiveInvalid', 'the client closed the connection before the archive’s end'))
  }
  session.closed.addEventListener('abort', onGone)
  session.openStream()
  session.takeInput((bytes) => {
    if (bytes.byteLength === 0) source.push(null)
    else if (!source.push(Buffer.from(bytes))) session.holdInput(true)
  })
  try {
    return await work(source)
  } finally {
    session.closed.removeEventListener('abort', onGone)
    source.destroy()
    session.holdInput(false)
    session.endStream(noExit)
  }
}

/** As `receive`, or from a file that the client has open. */
export async function receiveOrRead<T>(
  session: Session,
  descriptor: number | undefined,
  work: (source: Readable) => Promise<T>,
): Promise<T> {
  if (descriptor === undefined) return await receive(session, work)
  const source = createReadStream('', { fd: session.openFile(descriptor), start: 0, highWaterMark: 1 << 20 })
  const onGone = (): void => {
    source.destroy(new BulkheadError('Cancelled', 'the client closed the connection'))
  }
  source.on('error', () => undefined) // said by `work`
  session.closed.addEventListener('abort', onGone)
  try {
    return await work(source)
  } finally {
    session.closed.removeEventListener('abort', onGone)
    source.destroy()
  }
}

/** Sends all bytes. An error on the way is the call's; the stream has ended when the call answers. */
export async function send(session: Session, source: Readable): Promise<void> {
  session.openStream()
  session.takeInput(() => undefined)
  const onGone = (): void => {
    source.destroy()
  }
  session.closed.addEventListener('abort', onGone)
  try {
    for await (const chunk of source) {
      if (session.closed.aborted) return
      await session.sendBytes(channel.stdout, chunk as Buffer)
    }
  } finally {
    session.closed.removeEventListener('abort', onGone)
    source.destroy()
    session.endStream(noExit)
  }
}

const moving: readonly string[] = ['downloading', 'uploading', 'working']

/** A function that tells the client of progress: each item at most ten times a second, and always its last word. */
export function reporter(session: Session): (progress: Progress) => void {
  const last = new Map<string, number>()
  return (progress) => {
    const { item, status, current, total } = progress
    const now = performance.now()
    const isMoving = moving.includes(status) && current < total
    if (isMoving && now - (last.get(item) ?? -Infinity) < 100) return
    last.set(item, now)
    session.sendProgress(progress)
  }
}
