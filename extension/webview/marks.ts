/** Events as the samples tell of them: so that they are there for a time when nobody listened, too. */
import { usageColumns, type UsageColumn } from '../../helper/protocol/usageColumns.ts'
import type { Mark, Row, ShownSeries } from './messages.ts'

/** Milliseconds without being throttled after which it is news again. */
const quiet = 10_000

const limits: readonly UsageColumn[] = ['memoryLimit', 'cpuLimit', 'pidsLimit']

function at(row: Row, column: UsageColumn): number | null {
  return row[1 + usageColumns.indexOf(column)] ?? null
}

/** Oldest first. `rows`: oldest first. */
export function marksOf({ name, startedAt }: ShownSeries, rows: readonly Row[]): Mark[] {
  const marks: Mark[] = []
  let throttledAt = -Infinity
  let before: Row | undefined
  const first = rows[0]?.[0] ?? Infinity
  if (startedAt !== null && startedAt >= first - 60_000) marks.push({ time: startedAt, kind: 'start', name })
  for (const row of rows) {
    const time = row[0]!
    if ((at(row, 'oomKills') ?? 0) > 0) marks.push({ time, kind: 'oom', name })
    if ((at(row, 'throttled') ?? 0) > 0) {
      if (time - throttledAt > quiet) marks.push({ time, kind: 'throttled', name })
      throttledAt = time
    }
    const earlier = before
    if (
      earlier !== undefined &&
      limits.some((column) => at(row, column) !== at(earlier, column)) &&
      at(row, 'pids') !== null
    )
      marks.push({ time, kind: 'limit', name })
    before = row
  }
  return marks.sort((a, b) => a.time - b.time)
}
