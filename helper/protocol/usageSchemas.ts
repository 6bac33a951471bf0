/** What cgroups use, second by second. */
import * as z from 'zod'
import { containerReference, text } from './fields.ts'
import { metrics, watchedAtMost } from './usageColumns.ts'

/** A cgroup by its path below the root of every hierarchy; `/` is the root itself. */
export const cgroupPath = text(4095).regex(
  /^\/$|^(?:\/(?!\.{1,2}(?:\/|$))[^/]+)+$/,
  'must be a path such as /system.slice, without . or ..',
)

/** A connection may have several at once, by their keys. An empty one ends it. */
export const usageWatch = z
  .strictObject({
    key: text(64),
    cgroups: z.array(cgroupPath).max(watchedAtMost),
    metrics: z.array(z.enum(metrics)).min(1).max(5),
  })
  // Some fifteen files each.
  .refine(
    (watch) => !watch.metrics.includes('detail') || watch.cgroups.length <= 64,
    'at most 64 cgroups can be watched in detail at once',
  )

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
