/** Frames between watcher and helper; the format is told in native/init/frames.h. */

export const frameType = {
  started: 1,
  failed: 2,
  stdout: 3,
  stderr: 4,
  exited: 5,
  signal: 16,
  stdin: 17,
  stdinEnd: 18,
  resize: 19,
  attach: 20,
} as const

/** One operation as it was carried out: nanoseconds since the watcher began. */
export interface StepRecord {
  readonly operation: number
  readonly start: number
  readonly end: number
}

export type WatcherFrame =
  | {
      readonly type: 'started'
      readonly pid: number
      /** Decodes them: nobody waits for that at a start. */
      readonly records: () => readonly StepRecord[]
    }
  | {
      readonly type: 'failed'
      readonly operation: number
      readonly errno: number
      readonly records: readonly StepRecord[]
      readonly on: string
    }
  | { readonly type: 'stdout' | 'stderr'; readonly bytes: Buffer }
  | {
      readonly type: 'exited'
      readonly exitCode: number
      readonly signal: number
      readonly oomKills: number
      /** Milliseconds since 1970. */
      readonly finishedAt: number
    }

const header = 5
const recordSize = 24
/** Payload bytes that the watcher accepts in one frame. */
export const maxOutgoing = 16 * 1024

export function makeFrame(type: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const whole = Buffer.allocUnsafe(header + payload.byteLength)
  whole.writeUInt32LE(payload.byteLength, 0)
  whole.writeUInt8(type, 4)
  whole.set(payload, header)
  return whole
}

export function signalFrame(signal: number): Buffer {
  const payload = Buffer.allocUnsafe(4)
  payload.writeUInt32LE(signal)
  return makeFrame(frameType.signal, payload)
}

export function resizeFrame(rows: number, columns: number): Buffer {
  const payload = Buffer.allocUnsafe(4)
  payload.writeUInt16LE(rows, 0)
  payload.writeUInt16LE(columns, 2)
  return makeFrame(frameType.resize, payload)
}

function readRecords(payload: Buffer, at: number, count: number): StepRecord[] {
  return Array.from({ length: count }, (_, n) => {
    const start = at + n * recordSize
    return {
      operation: payload.readUInt32LE(start),
      start: Number(payload.readBigUInt64LE(start + 8)),
      end: Number(payload.readBigUInt64LE(start + 16)),
    }
  })
}

function decode(type: number, payload: Buffer): WatcherFrame {
  switch (type) {
    case frameType.started: {
      const count = payload.readUInt32LE(4)
      return { type: 'started', pid: payload.readUInt32LE(0), records: () => readRecords(payload, 8, count) }
    }
    case frameType.failed: {
      const count = payload.readUInt32LE(8)
      return {
        type: 'failed',
        operation: payload.readUInt32LE(0),
        errno: payload.readInt32LE(4),
        records: readRecords(payload, 12, count),
        on: payload.toString('utf8', 12 + count * recordSize),
      }
    }
    case frameType.stdout:
      return { type: 'stdout', bytes: payload }
    case frameType.stderr:
      return { type: 'stderr', bytes: payload }
    case frameType.exited:
      return {
        type: 'exited',
        exitCode: payload.readUInt32LE(0),
        signal: payload.readUInt32LE(4),
        oomKills: payload.readUInt32LE(8),
        finishedAt: Number(payload.readBigUInt64LE(16) / 1_000_000n),
      }
    default:
      throw new RangeError(`a watcher sent a frame of unknown type ${type}`)
  }
}

/** Puts frames together from the pieces that a stream socket delivers. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): WatcherFrame[] {
    const data = this.#rest.byteLength === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const frames: WatcherFrame[] = []
    let at = 0
    while (data.byteLength - at >= header) {
      const size = data.readUInt32LE(at)
      if (data.byteLength - at - header < size) break
      frames.push(decode(data.readUInt8(at + 4), data.subarray(at + header, at + header + size)))
      at += header + size
    }
    this.#rest = data.subarray(at)
    return frames
  }
}
