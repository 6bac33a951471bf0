/** What cgroups use, once a second: those alone that somebody looks at. Counters become rates here. */
import type * as Addon from '../../native/index.d.ts'
import type { Native } from '../host/native.ts'
import { join } from '../protocol/cgroupPaths.ts'
import type { Metric, usageColumns } from '../protocol/usageColumns.ts'
import { counterFiles, counters, rawColumns, width, type CounterFile } from './counters.ts'
import type { Hierarchies } from './hierarchies.ts'

const interval = 1000

const at = Object.fromEntries(rawColumns.map((column, index) => [column, index])) as Record<
  (typeof rawColumns)[number],
  number
>
const isCounter = rawColumns.map((column) => counters.has(column))

/** Somebody who looks at a cgroup. */
export interface Look {
  /** Of the last sample, by the index of a column; NaN for what is not counted, or not yet. */
  value(column: number): number
  close(): void
}

interface Place {
  readonly slot: number
  /** How many look at each. */
  readonly metrics: Map<Metric, number>
  /** A process of it, whose links are counted; 0 for none. */
  pid: number
  /** Those that are read, and what counters among them are multiplied by. */
  columns: readonly number[]
  readonly scales: Float64Array
}

export class UsageSampler {
  readonly #hierarchies: Hierarchies
  readonly #native: Addon.Sampler
  readonly #files: readonly CounterFile[]
  readonly #places = new Map<string, Place>()
  readonly #free: number[] = []
  readonly #listeners = new Set<(time: number) => void>()
  #before = new Float64Array(0)
  #now = new Float64Array(0)
  #values = new Float64Array(0)
  #lastTime = 0
  #timer: NodeJS.Timeout | undefined
  /** Milliseconds that the last sample took. */
  lastCost = 0

  constructor(native: Native, hierarchies: Hierarchies) {
    this.#hierarchies = hierarchies
    this.#native = native.addon.openSampler(width)
    this.#files = [...counterFiles[hierarchies.isPureV2 ? 'v2' : 'v1'], ...counterFiles.pressure]
  }

  /** Until it is closed. `pid`: whose network namespace is counted with `detail`; 0 for none. */
  look(path: string, metrics: readonly Metric[], pid = 0): Look {
    const place = this.#places.get(path) ?? this.#place(path)
    const isNew = metrics.some((metric) => !place.metrics.has(metric)) || (pid !== 0 && pid !== place.pid)
    for (const metric of metrics) place.metrics.set(metric, (place.metrics.get(metric) ?? 0) + 1)
    if (pid !== 0) place.pid = pid
    try {
      if (isNew) this.#open(path, place)
    } catch (error) {
      this.#close(path, place, metrics)
      throw error
    }
    this.#schedule()
    let isOpen = true
    return {
      value: (column) => this.#values[place.slot * width + column]!,
      close: () => {
        if (isOpen) this.#close(path, place, metrics)
        isOpen = false
      },
    }
  }

  /** Called after each sample. Returns what ends it. */
  onSample(listener: (time: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#places.clear()
  }

  #row(of: Float64Array, { slot }: Place): Float64Array {
    return of.subarray(slot * width, (slot + 1) * width)
  }

  #place(path: string): Place {
    const slot = this.#free.pop() ?? this.#places.size
    const metrics = new Map<Metric, number>()
    const place: Place = { slot, metrics, pid: 0, columns: [], scales: new Float64Array(width).fill(1) }
    this.#places.set(path, place)
    if ((slot + 1) * width > this.#now.length) this.#grow()
    for (const array of [this.#before, this.#now, this.#values]) this.#row(array, place).fill(NaN)
    return place
  }

  #grow(): void {
    const grown = (from: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> => {
      const to = new Float64Array(Math.max(width * 16, from.length * 2)).fill(NaN)
      to.set(from)
      return to
    }
    this.#before = grown(this.#before)
    this.#now = grown(this.#now)
    this.#values = grown(this.#values)
  }

  #open(path: string, place: Place): void {
    this.#native.remove(place.slot)
    const read = new Set<number>()
    for (const { controller, file, format, columns, scale, every } of eachOnce(this.#files, place.metrics)) {
      const hierarchy = controller === 'unified' ? this.#hierarchies.unified : this.#hierarchies.of(controller)
      if (hierarchy === undefined) continue
      const indexes = Object.values(columns).map((column) => at[column])
      const options = { root: hierarchy.root, path: join(path, file).slice(1), format }
      this.#native.add(place.slot, { ...options, keys: Object.keys(columns), columns: indexes, every })
      for (const index of indexes) {
        place.scales[index] = scale
        read.add(index)
      }
    }
    if (place.metrics.has('detail')) read.add(at.received).add(at.sent)
    place.columns = [...read]
    if (place.pid === 0 || !place.metrics.has('detail')) return
    const options = { root: '', path: `/proc/${place.pid}/net/dev`, format: 'links' as const }
    this.#native.add(place.slot, { ...options, keys: [], columns: [at.received, at.sent], every: 1 })
  }

  #openAgain(path: string, place: Place): void {
    try {
      this.#open(path, place)
    } catch {
      // No more descriptors, perhaps: the next sample tries again.
    }
  }

  #close(path: string, place: Place, metrics: readonly Metric[]): void {
    for (const metric of metrics) {
      const left = (place.metrics.get(metric) ?? 1) - 1
      if (left > 0) place.metrics.set(metric, left)
      else place.metrics.delete(metric)
    }
    if (place.metrics.size > 0) return this.#open(path, place)
    this.#native.remove(place.slot)
    this.#places.delete(path)
    this.#free.push(place.slot)
    if (this.#places.size === 0) clearTimeout(this.#timer)
    if (this.#places.size === 0) this.#timer = undefined
  }

  /** On the second, so that each has one sample. */
  #schedule(): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined
        this.#sample()
        if (this.#places.size > 0) this.#schedule()
      },
      interval - (Date.now() % interval) + 1,
    )
  }

  #sample(): void {
    const time = performance.now()
    const elapsed = (time - this.#lastTime) / 1000
    this.#lastTime = time
    const before = this.#now
    this.#now = this.#before
    this.#before = before
    this.#native.read(this.#now)
    for (const [path, place] of this.#places) {
      // Gone; one of the same name may be there again, as when a service is restarted.
      const from = place.slot * width
      if (place.columns.every((column) => Number.isNaN(this.#now[from + column]))) this.#openAgain(path, place)
      this.#rate(place, elapsed)
    }
    this.lastCost = performance.now() - time
    const second = Math.round(Date.now() / interval) * interval
    for (const listener of this.#listeners) listener(second)
  }

  #rate({ slot, columns, scales, metrics }: Place, elapsed: number): void {
    const from = slot * width
    const values = this.#values
    for (const column of columns) {
      const now = this.#now[from + column]!
      if (!isCounter[column]) {
        // It is not read each time, and stays as it was.
        if (column !== at.inactiveFile || !Number.isNaN(now)) values[from + column] = now
        continue
      }
      const before = this.#before[from + column]!
      // A counter that is smaller than before began anew meanwhile: a cgroup of the same name.
      const grown = now >= before || Number.isNaN(before) ? now - before : now
      values[from + column] = column === at.oomKills ? grown : (grown * scales[column]!) / elapsed
    }
    const inactive = values[from + at.inactiveFile]!
    if (!Number.isNaN(inactive)) values[from + at.memory] = Math.max(0, values[from + at.memory]! - inactive)
    if (!metrics.has('detail')) return
    const quota = values[from + at.cpuLimit]!
    values[from + at.cpuLimit] = limitOf(quota > 0 ? (quota / values[from + at.cpuPeriod]!) * 100 : NaN)
    for (const column of [at.memoryLimit, at.pidsLimit]) values[from + column] = limitOf(values[from + column]!)
  }
}

/** The files that these metrics need. One that several need is read once, as often as any of them needs it: its numbers have
 * one scale. */
function eachOnce(files: readonly CounterFile[], metrics: ReadonlyMap<Metric, unknown>): Iterable<CounterFile> {
  const wanted = new Map<string, CounterFile>()
  for (const one of files) {
    if (!metrics.has(one.metric)) continue
    const { columns, every } = wanted.get(one.file) ?? one
    wanted.set(one.file, { ...one, columns: { ...columns, ...one.columns }, every: Math.min(every, one.every) })
  }
  return wanted.values()
}

/** None is NaN: v2 writes `max`, v1 a number that no machine reaches. */
function limitOf(value: number): number {
  return value < 2 ** 62 ? value : NaN
}

/** A value as a message has it: null for none, and no more digits than anybody reads. */
export function messageValue(value: number): number | null {
  return Number.isFinite(value) ? Math.round(value * 100) / 100 : null
}

export function columnIndex(column: (typeof usageColumns)[number]): number {
  return at[column]
}
