/** What a cgroup used: the last ten minutes second by second, the last day minute by minute, in a file of fixed size. Each
 * place says of which second it is, so that nothing need be written twice, whenever the helper ends. */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { usageColumns } from '../protocol/usageColumns.ts'
import { columnIndex } from './sampler.ts'

/** 32-bit words of a place: its second since 1970, then one number a column. */
const words = 1 + usageColumns.length
const bytes = words * 4
const seconds = 600
const minutes = 1440

export const historyBytes = (seconds + minutes) * bytes

interface Place {
  /** Since 1970. */
  readonly second: number
  /** The columns of `usageColumns`. */
  readonly values: Float32Array
}

export type Resolution = 'second' | 'minute'

/** Of it a minute has the sum, of others the mean. */
const summed = columnIndex('oomKills')

/** Number after number, NaN left out: NaN when there is none. */
function meanOf(rows: readonly Float32Array[], column: number): number {
  let sum = 0
  let count = 0
  for (const row of rows) {
    const value = row[column]!
    if (Number.isNaN(value)) continue
    sum += value
    count++
  }
  return count === 0 ? NaN : column === summed ? sum : sum / count
}

export class UsageHistory {
  readonly #fd: number
  readonly #words = new Uint32Array(words)
  readonly #numbers = new Float32Array(this.#words.buffer)
  readonly #buffer = Buffer.from(this.#words.buffer)

  /** Made where it is not there. */
  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  }

  /** `second`: since 1970. `value`: of a column of the reading, by its index. */
  add(second: number, value: (column: number) => number): void {
    for (let column = 0; column < usageColumns.length; column++) this.#numbers[1 + column] = value(column)
    this.#write(second % seconds, second)
    if (second % 60 === 59) this.#addMinute(second)
  }

  /** Oldest first. */
  read(resolution: Resolution, now: number): Place[] {
    const [first, count, span] = resolution === 'second' ? [0, seconds, seconds] : [seconds, minutes, minutes * 60]
    return this.#places(first, count, (second) => second > now - span && second <= now).sort(
      (a, b) => a.second - b.second,
    )
  }

  close(): void {
    closeSync(this.#fd)
  }

  #addMinute(second: number): void {
    const rows = this.#places(0, seconds, (of) => of > second - 60 && of <= second)
    const numbers = rows.map(({ values }) => values)
    for (let column = 0; column < usageColumns.length; column++) this.#numbers[1 + column] = meanOf(numbers, column)
    this.#write(seconds + (Math.floor(second / 60) % minutes), second - 59)
  }

  #write(place: number, second: number): void {
    this.#words[0] = second
    writeSync(this.#fd, this.#buffer, 0, bytes, place * bytes)
  }

  #places(first: number, count: number, fits: (second: number) => boolean): Place[] {
    const content = new Uint8Array(count * bytes)
    readSync(this.#fd, content, 0, content.byteLength, first * bytes)
    const all = new Uint32Array(content.buffer)
    const found: Place[] = []
    for (let place = 0; place < count; place++) {
      const second = all[place * words]!
      if (second === 0 || !fits(second)) continue
      found.push({ second, values: new Float32Array(content.buffer, place * bytes + 4, words - 1) })
    }
    return found
  }
}
