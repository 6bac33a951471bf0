/** Limits of any cgroup: which files they are, what values mean, and whether one can be set. */
import { totalmem } from 'node:os'
import { isErrno } from '../host/errno.ts'
import { parentOf } from '../protocol/cgroupPaths.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { limitNames, type LimitName } from '../protocol/kernelWords.ts'
import { parseBytes } from '../protocol/text.ts'
import type { Hierarchies, Hierarchy } from './hierarchies.ts'

interface LimitFile {
  readonly controller: string
  /** First those of v2, then those of v1. */
  readonly files: readonly string[]
  /** How v1 writes that there is none. */
  readonly none?: string
}

const files: Readonly<Record<LimitName, readonly LimitFile[]>> = {
  memory: [
    { controller: 'memory', files: ['memory.max'] },
    { controller: 'memory', files: ['memory.limit_in_bytes'], none: '-1' },
  ],
  memoryHigh: [
    { controller: 'memory', files: ['memory.high'] },
    { controller: 'memory', files: ['memory.soft_limit_in_bytes'], none: '-1' },
  ],
  swap: [
    { controller: 'memory', files: ['memory.swap.max'] },
    { controller: 'memory', files: ['memory.memsw.limit_in_bytes'], none: '-1' },
  ],
  cpus: [
    { controller: 'cpu', files: ['cpu.max'] },
    { controller: 'cpu', files: ['cpu.cfs_quota_us', 'cpu.cfs_period_us'], none: '-1' },
  ],
  cpuWeight: [
    { controller: 'cpu', files: ['cpu.weight'] },
    { controller: 'cpu', files: ['cpu.shares'] },
  ],
  cpuset: [{ controller: 'cpuset', files: ['cpuset.cpus'] }],
  pids: [{ controller: 'pids', files: ['pids.max'] }],
  ioWeight: [
    { controller: 'io', files: ['io.weight'] },
    { controller: 'io', files: ['io.bfq.weight'] },
    { controller: 'blkio', files: ['blkio.bfq.weight'] },
    { controller: 'blkio', files: ['blkio.weight'] },
  ],
}

const bytes: readonly LimitName[] = ['memory', 'memoryHigh', 'swap']
/** What a child cannot have more of than a parent. */
const inherited: readonly LimitName[] = ['memory', 'cpus', 'pids']

/** The first that a cgroup has, and its texts. */
function find(hierarchies: Hierarchies, path: string, limit: LimitName) {
  for (const place of files[limit]) {
    const hierarchy = hierarchies.of(place.controller)
    if (hierarchy === undefined) continue
    const texts = place.files.map((file) => hierarchies.read(hierarchy, path, file))
    if (texts.every((text) => text !== undefined)) return { place, hierarchy, texts }
  }
  return undefined
}

/** As people write it: `max`, bytes, processors. */
function valueOf(limit: LimitName, texts: readonly string[]): string {
  const [first = '', second] = texts
  if (limit === 'cpus') {
    const [quota = 'max', period = '100000'] = second === undefined ? first.split(' ') : [first, second]
    return quota === 'max' || quota === '-1' ? 'max' : String(Number(quota) / Number(period))
  }
  // v1 has the largest multiple of a page for none.
  if (bytes.includes(limit) && Number(first) > 2 ** 62) return 'max'
  return first.replace(/^default /, '')
}

/** Those that the kernel offers for a cgroup. */
export function readLimits(hierarchies: Hierarchies, path: string): Partial<Record<LimitName, string>> {
  return Object.fromEntries(
    limitNames.flatMap((limit) => {
      const found = find(hierarchies, path, limit)
      return found === undefined ? [] : [[limit, valueOf(limit, found.texts)] as const]
    }),
  )
}

/** A value in the kernel's own words; undefined for one that is none. */
function parse(limit: LimitName, value: string): string | undefined {
  if (limit === 'cpuset') return /^$|^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/.test(value) ? value : undefined
  if (value === 'max') return limit === 'cpuWeight' || limit === 'ioWeight' ? undefined : value
  if (bytes.includes(limit)) {
    const parsed = parseBytes(value)
    return parsed === undefined ? undefined : String(parsed)
  }
  if (limit === 'cpus') return /^\d+(?:\.\d+)?$/.test(value) && Number(value) >= 0.01 ? value : undefined
  return /^\d+$/.test(value) ? value : undefined
}

const examples: Readonly<Record<LimitName, string>> = {
  memory: '512m, or max',
  memoryHigh: '400m, or max',
  swap: '1g, or max',
  cpus: '1.5, or max; at least 0.01',
  cpuWeight: '100',
  cpuset: '0-2,4',
  pids: '100, or max',
  ioWeight: '100',
}

function number(value: string): number {
  return value === 'max' ? Infinity : Number(value)
}

/** @throws BulkheadError LimitRefused when one above has less: it would have no effect */
function checkAncestors(hierarchies: Hierarchies, path: string, limit: LimitName, value: string): void {
  if (value === 'max') return
  if (limit === 'memory' && number(value) > totalmem())
    throw new BulkheadError('LimitRefused', `${value} bytes are more than this machine’s memory (${totalmem()})`, {
      hint: 'Write max for no limit.',
    })
  for (let above = parentOf(path); above !== '/'; above = parentOf(above)) {
    const found = find(hierarchies, above, limit)
    const most = found === undefined ? 'max' : valueOf(limit, found.texts)
    if (number(value) > number(most))
      throw new BulkheadError('LimitRefused', `${value} is more than ${above} above it may have: ${most}`, {
        hint: `Give at most ${most}, or raise the limit of ${above} first.`,
      })
  }
}

function write(
  hierarchies: Hierarchies,
  hierarchy: Hierarchy,
  path: string,
  place: LimitFile,
  limit: LimitName,
  value: string,
): void {
  const put = (file: string, text: string): void => void hierarchies.write(hierarchy, path, file, text)
  const none = value === 'max' ? (place.none ?? 'max') : value
  if (limit !== 'cpus' || value === 'max') {
    // Of cpu.max the period stays when the quota alone is written.
    return put(place.files[0]!, none)
  }
  const period = 100_000
  const quota = String(Math.round(Number(value) * period))
  if (place.files.length === 1) return put(place.files[0]!, `${quota} ${period}`)
  put(place.files[1]!, String(period))
  put(place.files[0]!, quota)
}

/** Answers what it was before, and what it is now. @throws BulkheadError InvalidRequest, Unsupported, LimitRefused */
export function setLimit(
  hierarchies: Hierarchies,
  { path, limit, value }: { path: string; limit: LimitName; value: string },
): { before: string; now: string } {
  const wanted = parse(limit, value.trim())
  if (wanted === undefined)
    throw new BulkheadError('InvalidRequest', `“${value}” is no value for ${limit}`, {
      hint: `Write one such as ${examples[limit]}.`,
    })
  const found = find(hierarchies, path, limit)
  if (found === undefined)
    throw new BulkheadError('Unsupported', `${path} has no limit of ${limit}`, {
      hint: hierarchies.isPureV2
        ? `Its parent must have the controller ${files[limit][0]!.controller} in cgroup.subtree_control.`
        : 'On cgroup v1 it is there where the cgroup is in that controller’s hierarchy.',
    })
  if (inherited.includes(limit)) checkAncestors(hierarchies, path, limit, wanted)
  const before = valueOf(limit, found.texts)
  try {
    write(hierarchies, found.hierarchy, path, found.place, limit, wanted)
  } catch (error) {
    throw refusal(error, path, limit, value)
  }
  const after = find(hierarchies, path, limit)
  return { before, now: after === undefined ? wanted : valueOf(limit, after.texts) }
}

function refusal(error: unknown, path: string, limit: LimitName, value: string): unknown {
  if (!isErrno(error, 'EINVAL', 'EBUSY', 'ERANGE', 'EPERM', 'EACCES', 'EOPNOTSUPP', 'ENODEV')) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new BulkheadError('LimitRefused', `the kernel refuses ${limit} ${value} for ${path}: ${reason}`, {
    hint: isErrno(error, 'EBUSY')
      ? 'More than that is in use: give a larger value, or have it use less first.'
      : `A child’s limit of its own, or its parent’s, may be in the way; a value is written such as ${examples[limit]}.`,
    cause: error,
  })
}
