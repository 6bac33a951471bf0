/** Freezing, thawing and killing any cgroup with all below it. */
import { join } from '../protocol/cgroupPaths.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { killProcesses, pidsIn, setFrozenV1, setFrozenV2 } from './files.ts'
import type { Hierarchies } from './hierarchies.ts'
import { noCgroup } from './tree.ts'

function unsupported(path: string, what: string): BulkheadError {
  return new BulkheadError('Unsupported', `${path} cannot be ${what}: it is not in the hierarchy of the freezer`, {
    hint: 'On cgroup v1 that controller must be mounted, and have this cgroup.',
  })
}

/** @throws BulkheadError CgroupNotFound, Unsupported; WrongState when processes do not stop */
export async function setFrozen(hierarchies: Hierarchies, path: string, isFrozen: boolean): Promise<void> {
  const { unified, isPureV2 } = hierarchies
  const freezer = hierarchies.of('freezer')
  const hierarchy = isPureV2 ? unified : (freezer ?? unified)
  const done =
    hierarchy !== undefined &&
    (await hierarchies.with(hierarchy, path, async (directory) => {
      if (hierarchy.isUnified) await setFrozenV2(directory, isFrozen)
      else await setFrozenV1(directory, isFrozen)
      return true
    }))
  if (done === true) return
  if (!hierarchies.all.some((one) => hierarchies.has(one, path))) throw noCgroup(path)
  throw unsupported(path, isFrozen ? 'frozen' : 'thawed')
}

/** Pids in a cgroup and below, in any hierarchy of v1. */
function everyPid(hierarchies: Hierarchies, path: string): Set<number> {
  const pids = new Set<number>()
  const walk = (at: string): void => {
    for (const hierarchy of hierarchies.all)
      for (const pid of pidsIn(hierarchies.read(hierarchy, at, 'cgroup.procs') ?? '')) pids.add(pid)
    const children = new Set(hierarchies.all.flatMap((hierarchy) => hierarchies.names(hierarchy, at) ?? []))
    for (const name of children) walk(join(at, name))
  }
  walk(path)
  return pids
}

/** @throws BulkheadError InvalidRequest where the helper, or the first process of the machine, would be killed */
export function requireNotOurs(hierarchies: Hierarchies, path: string): void {
  const pids = everyPid(hierarchies, path)
  if (path === '/' || pids.has(process.pid) || pids.has(1))
    throw new BulkheadError('InvalidRequest', `${path} has the helper itself in it, or the machine’s first process`, {
      hint: 'Choose a cgroup below it.',
    })
}

/** Sends SIGKILL to every process in it and below. */
export async function killAll(hierarchies: Hierarchies, path: string): Promise<void> {
  const { unified, isPureV2 } = hierarchies
  if (isPureV2 && hierarchies.write(unified!, path, 'cgroup.kill', '1')) return
  if (!hierarchies.all.some((hierarchy) => hierarchies.has(hierarchy, path))) throw noCgroup(path)
  // Without cgroup.kill: until nobody is left, since some may fork meanwhile.
  for (let tries = 0; tries < 20; tries++) {
    const pids = everyPid(hierarchies, path)
    if (pids.size === 0) return
    killProcesses(pids)
    // What is frozen dies when it is thawed.
    if (tries === 0) await setFrozen(hierarchies, path, false).catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new BulkheadError('WrongState', `processes of ${path} do not end`, {
    hint: 'They may wait for a disk or a file system that does not answer.',
  })
}
