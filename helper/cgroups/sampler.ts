/** What cgroups use, once a second: those alone that somebody looks at. Counters become rates here. */
import type { Metric, usageColumns } from '../protocol/usageColumns.ts'
import type { Native } from '../host/native.ts'

import type * as Addon from '../../native/index.d.ts'
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
  /** The columns of `usageColumns`, then others; NaN for what is not counted, or not yet. */
  readonly values: Float64Array
  close(): void
}

interface Place {
  readonly slot: number
  /** How many look at each. */
  readonly metrics: Map<Metric, number>
  /** A process of it, whose links are counted; 0 for none. */
  pid: number
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

  /** How many cgroups are looked at. */
  get size(): number {
    return this.#places.size
  }

  /** Until it is closed. `pid`: whose network namespace is counted with `detail`; 0 for none. */
  look(path: string, metrics: readonly Metric[], pid = 0): Look {
    const place = this.#places.get(path) ?? this.#place(path)
    const isNew = metrics.some((metric) => !place.metrics.has(metric)) || (pid !== 0 && pid !== place.pid)
    for (const metric of metrics) place.metrics.set(metric, (place.metrics.get(metric) ?? 0) + 1)
    if (pid !== 0) place.pid = pid
    if (isNew) this.#open(path, place)
    this.#schedule()
    const values = (): Float64Array => this.#row(this.#values, place)
    let isOpen = true
    return {
      get values() {
        return values()
      },
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
    const place = { slot, metrics: new Map<Metric, number>(), pid: 0, scales: new Float64Array(width).fill(1) }
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
    for (const { metric, controller, file, format, columns, scale } of this.#files) {
      if (!place.metrics.has(metric)) continue
      const hierarchy = controller === 'unified' ? this.#hierarchies.unified : this.#hierarchies.of(controller)
      if (hierarchy === undefined) continue
      const indexes = Object.values(columns).map((column) => at[column])
      const options = { root: hierarchy.root, path: `${path}/${file}`.replace(/^\/+/, ''), format }
      this.#native.add(place.slot, { ...options, keys: Object.keys(columns), columns: indexes })
      for (const index of indexes) place.scales[index] = scale
    }
    if (place.pid === 0 || !place.metrics.has('detail')) return
    const options = { root: '', path: `/proc/${place.pid}/net/dev`, format: 'links' as const }
    this.#native.add(place.slot, { ...options, keys: [], columns: [at.received, at.sent] })
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
      if (this.#row(this.#now, place).every(Number.isNaN)) this.#open(path, place)
      this.#rate(place, elapsed)
    }
    this.lastCost = performance.now() - time
    const second = Math.round(Date.now() / interval) * interval
    for (const listener of this.#listeners) listener(second)
  }

  #rate(place: Place, elapsed: number): void {
    const from = place.slot * width
    for (let column = 0; column < width; column++) {
      const now = this.#now[from + column]!
      if (!isCounter[column]) {
        this.#values[from + column] = now
        continue
      }
      const before = this.#before[from + column]!
      // A counter that is smaller than before began anew meanwhile: a cgroup of the same name.
      const grown = now >= before || Number.isNaN(before) ? now - before : now
      const scale = place.scales[column]!
      this.#values[from + column] = column === at.oomKills ? grown : (grown * scale) / elapsed
    }
    const values = this.#row(this.#values, place)
    const inactive = values[at.inactiveFile]!
    if (!Number.isNaN(inactive)) values[at.memory] = Math.max(0, values[at.memory]! - inactive)
    values[at.cpuLimit] = limitOf(values[at.cpuLimit]! > 0 ? (values[at.cpuLimit]! / values[at.cpuPeriod]!) * 100 : NaN)
    values[at.memoryLimit] = limitOf(values[at.memoryLimit]!)
    values[at.pidsLimit] = limitOf(values[at.pidsLimit]!)
  }
}

/** None is NaN: v2 writes `max`, v1 a number that no machine reaches. */
function limitOf(value: number): number {
  return value < 2 ** 62 ? value : NaN
}

/** Values of these columns as a message has them. */
export function messageRow(values: Float64Array, columns: readonly number[]): (number | null)[] {
  return columns.map((column) => {
    const value = values[column]!
    return Number.isFinite(value) ? Math.round(value * 100) / 100 : null
  })
}

export function columnIndex(column: (typeof usageColumns)[number]): number {
  return at[column]
}
