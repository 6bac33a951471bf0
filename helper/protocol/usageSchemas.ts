/** What cgroups use, second by second: the columns of a reading, and requests for them. */
import * as z from 'zod'
import { containerReference, text } from './fields.ts'

/** A cgroup by its path below the root of every hierarchy; `/` is the root itself. */
export const cgroupPath = text(4095).regex(
  /^\/$|^(?:\/(?!\.{1,2}(?:\/|$))[^/]+)+$/,
  'must be a path such as /system.slice, without . or ..',
)

/** What is read together. `detail`: what a graph of one cgroup shows besides. */
export const metric = z.enum(['cpu', 'memory', 'io', 'pids', 'detail'])
export type Metric = z.infer<typeof metric>

/** Columns of a reading, and what each belongs to. Percentages of processor time are of one processor; those of pressure and
 * throttling are of the time that passed. Memory and limits are bytes, traffic is bytes a second. */
export const columnMetrics = {
  cpu: 'cpu',
  memory: 'memory',
  read: 'io',
  written: 'io',
  pids: 'pids',
  cpuUser: 'detail',
  cpuSystem: 'detail',
  throttled: 'detail',
  cpuLimit: 'detail',
  anonymous: 'detail',
  file: 'detail',
  kernel: 'detail',
  swap: 'detail',
  memoryLimit: 'detail',
  pidsLimit: 'detail',
  received: 'detail',
  sent: 'detail',
  cpuPressure: 'detail',
  memoryPressure: 'detail',
  ioPressure: 'detail',
  /** Processes killed for want of memory in this second, or minute. */
  oomKills: 'detail',
} as const satisfies Record<string, Metric>

export type UsageColumn = keyof typeof columnMetrics
export const usageColumns = Object.keys(columnMetrics) as UsageColumn[]

/** The columns of these metrics, in their order. */
export function columnsOf(metrics: readonly Metric[]): UsageColumn[] {
  return usageColumns.filter((column) => metrics.includes(columnMetrics[column]))
}

/** A connection may have several at once, by their keys. An empty one ends it. */
export const usageWatch = z.strictObject({
  key: text(64),
  cgroups: z.array(cgroupPath).max(2000),
  metrics: z.array(metric).min(1).max(5),
})

/** One value a column, in the order of `columnsOf`, for each cgroup in the order asked for; null for what this kernel does
 * not count, or of a cgroup that is gone. */
export const usageSample = z.object({
  key: z.string(),
  /** Milliseconds since 1970. */
  time: z.number(),
  rows: z.array(z.array(z.number().nullable())),
})
export type UsageSample = z.infer<typeof usageSample>

export const historyRequest = z.strictObject({
  container: containerReference,
  /** The last ten minutes, second by second; or the last day, minute by minute, each the mean of its seconds. */
  resolution: z.enum(['second', 'minute']),
})

/** Oldest first. A row is the time, milliseconds since 1970, and one value for each of `usageColumns`. */
export const usageHistory = z.object({
  cgroup: z.string(),
  rows: z.array(z.array(z.number().nullable())),
})
export type UsageHistory = z.infer<typeof usageHistory>
