/** The columns of a reading of what a cgroup uses, known to both sides. */

/** What is read together. `detail`: what a graph of one cgroup shows besides. */
export const metrics = ['cpu', 'memory', 'io', 'pids', 'detail'] as const
export type Metric = (typeof metrics)[number]

/** Cgroups of one `usage/watch`. */
export const watchedAtMost = 2000

/** What each column belongs to. Percentages of processor time are of one processor; those of pressure and throttling are of
 * the time that passed. Memory and limits are bytes, traffic is bytes a second. */
const metricOf = {
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

export type UsageColumn = keyof typeof metricOf
export const usageColumns = Object.keys(metricOf) as UsageColumn[]

/** The columns of these metrics, in their order. */
export function columnsOf(of: readonly Metric[]): UsageColumn[] {
  return usageColumns.filter((column) => of.includes(metricOf[column]))
}
