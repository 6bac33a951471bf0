/** What two looks at a container's counters say, known to both sides. */
import type { ContainerStats } from './lifecycleSchemas.ts'

type Look = Pick<ContainerStats, 'time' | 'cpu'>

/** Of one processor: 200 for two that are busy. 0 without an earlier look. */
export function cpuPercent(before: Look | undefined, now: Look): number {
  if (before === undefined || now.time <= before.time) return 0
  return Math.max(0, ((now.cpu - before.cpu) / ((now.time - before.time) * 1e6)) * 100)
}
