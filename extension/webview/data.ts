/** The samples of the page: at most those of the range that is shown. */
import { usageColumns, type UsageColumn } from '../../helper/protocol/usageColumns.ts'
import type { Resolution, Row } from './messages.ts'

/** Milliseconds that are shown. */
export const spans: Readonly<Record<Resolution, number>> = { second: 600_000, minute: 86_400_000 }

export class Samples {
  readonly #rows: Row[][]
  readonly #resolution: Resolution

  constructor(rows: readonly (readonly Row[])[], resolution: Resolution) {
    this.#rows = rows.map((all) => [...all])
    this.#resolution = resolution
  }

  get resolution(): Resolution {
    return this.#resolution
  }
  get rows(): readonly (readonly Row[])[] {
    return this.#rows
  }

  /** One more of each; those that are older than the span go. */
  add(rows: readonly Row[]): void {
    rows.forEach((row, at) => {
      const all = this.#rows[at]!
      const time = row[0]!
      // The history has the second that is now, too.
      if ((all.at(-1)?.[0] ?? 0) >= time) return
      all.push(row)
      while (all.length > 0 && all[0]![0]! < time - spans[this.#resolution]) all.shift()
    })
  }

  /** Seconds since 1970 that any of them has, in order. */
  times(): number[] {
    const times = new Set(this.#rows.flatMap((rows) => rows.map(([time]) => time! / 1000)))
    return [...times].sort((a, b) => a - b)
  }

  /** A column at these times; null where there is none. */
  values(series: number, column: UsageColumn, times: readonly number[]): (number | null)[] {
    const index = 1 + usageColumns.indexOf(column)
    const known = new Map(this.#rows[series]!.map((row) => [row[0]! / 1000, row[index] ?? null]))
    return times.map((time) => known.get(time) ?? null)
  }
}
