/** Which kernel files the columns of a reading come from (Documentation/admin-guide/cgroup-v2.rst, cgroup-v1). */
import type * as Addon from '../../native/index.d.ts'
import { usageColumns, type Metric, type UsageColumn } from '../protocol/usageColumns.ts'

/** Beside those of a reading: what they are made of. */
export const rawColumns = [...usageColumns, 'inactiveFile', 'cpuPeriod'] as const
export type RawColumn = (typeof rawColumns)[number]
export const width = rawColumns.length

/** They only grow: a reading is what they grew by, for one second. */
export const counters: ReadonlySet<RawColumn> = new Set<UsageColumn>([
  ...(['cpu', 'cpuUser', 'cpuSystem', 'throttled', 'read', 'written', 'received', 'sent'] as const),
  ...(['cpuPressure', 'memoryPressure', 'ioPressure', 'oomKills'] as const),
])

export interface CounterFile {
  readonly metric: Metric
  readonly controller: string
  readonly file: string
  readonly format: Parameters<Addon.Sampler['add']>[1]['format']
  /** Words in the file, and the columns of their numbers. One without a name is a file of numbers alone. */
  readonly columns: Readonly<Record<string, RawColumn>>
  /** What a counter is multiplied by. */
  readonly scale: number
  /** In how many samples it is read once. */
  readonly every: number
}

/** Percent of the time that passed, of a counter in these units. */
const percent = { nanoseconds: 100 / 1e9, microseconds: 100 / 1e6, ticks: 100 / 100 }

type Row = readonly [
  metric: Metric,
  controller: string,
  file: string,
  format: CounterFile['format'],
  columns: CounterFile['columns'],
  scale?: number,
  every?: number,
]

/** memory.stat takes the kernel ten times as long as the others, and of a row in a tree it says a detail alone. */
const seldom = 8

const v2: readonly Row[] = [
  ['cpu', 'cpu', 'cpu.stat', 'keyed', { usage_usec: 'cpu' }, percent.microseconds],
  ['memory', 'memory', 'memory.current', 'number', { '': 'memory' }],
  ['memory', 'memory', 'memory.stat', 'keyed', { inactive_file: 'inactiveFile' }, 1, seldom],
  ['io', 'io', 'io.stat', 'io', { rbytes: 'read', wbytes: 'written' }],
  ['pids', 'pids', 'pids.current', 'number', { '': 'pids' }],
  [
    ...(['detail', 'cpu', 'cpu.stat', 'keyed'] as const),
    { user_usec: 'cpuUser', system_usec: 'cpuSystem', throttled_usec: 'throttled' },
    percent.microseconds,
  ],
  ['detail', 'cpu', 'cpu.max', 'number', { '': 'cpuLimit', period: 'cpuPeriod' }],
  [
    'detail',
    'memory',
    'memory.stat',
    'keyed',
    { anon: 'anonymous', file: 'file', kernel: 'kernel', inactive_file: 'inactiveFile' },
  ],
  ['detail', 'memory', 'memory.swap.current', 'number', { '': 'swap' }],
  ['detail', 'memory', 'memory.max', 'number', { '': 'memoryLimit' }],
  ['detail', 'memory', 'memory.events', 'keyed', { oom_kill: 'oomKills' }],
  ['detail', 'pids', 'pids.max', 'number', { '': 'pidsLimit' }],
]

const v1: readonly Row[] = [
  ['cpu', 'cpuacct', 'cpuacct.usage', 'number', { '': 'cpu' }, percent.nanoseconds],
  ['memory', 'memory', 'memory.usage_in_bytes', 'number', { '': 'memory' }],
  ['memory', 'memory', 'memory.stat', 'keyed', { total_inactive_file: 'inactiveFile' }, 1, seldom],
  ['io', 'blkio', 'blkio.throttle.io_service_bytes_recursive', 'blkio', { Read: 'read', Write: 'written' }],
  ['pids', 'pids', 'pids.current', 'number', { '': 'pids' }],
  ['detail', 'cpuacct', 'cpuacct.stat', 'keyed', { user: 'cpuUser', system: 'cpuSystem' }, percent.ticks],
  ['detail', 'cpu', 'cpu.stat', 'keyed', { throttled_time: 'throttled' }, percent.nanoseconds],
  ['detail', 'cpu', 'cpu.cfs_quota_us', 'number', { '': 'cpuLimit' }],
  ['detail', 'cpu', 'cpu.cfs_period_us', 'number', { '': 'cpuPeriod' }],
  [
    'detail',
    'memory',
    'memory.stat',
    'keyed',
    { total_rss: 'anonymous', total_cache: 'file', total_swap: 'swap', total_inactive_file: 'inactiveFile' },
  ],
  ['detail', 'memory', 'memory.kmem.usage_in_bytes', 'number', { '': 'kernel' }],
  ['detail', 'memory', 'memory.limit_in_bytes', 'number', { '': 'memoryLimit' }],
  ['detail', 'memory', 'memory.oom_control', 'keyed', { oom_kill: 'oomKills' }],
  ['detail', 'pids', 'pids.max', 'number', { '': 'pidsLimit' }],
]

/** Of the unified hierarchy, wherever the controllers are. */
const pressure: readonly Row[] = [
  ['detail', 'unified', 'cpu.pressure', 'pressure', { some: 'cpuPressure' }, percent.microseconds],
  ['detail', 'unified', 'memory.pressure', 'pressure', { some: 'memoryPressure' }, percent.microseconds],
  ['detail', 'unified', 'io.pressure', 'pressure', { some: 'ioPressure' }, percent.microseconds],
]

function files(rows: readonly Row[]): CounterFile[] {
  return rows.map(([metric, controller, file, format, columns, scale = 1, every = 1]) => {
    return { metric, controller, file, format, columns, scale, every }
  })
}

export const counterFiles = { v1: files(v1), v2: files(v2), pressure: files(pressure) }
