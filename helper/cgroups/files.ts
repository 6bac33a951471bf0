/** What both versions do with a cgroup's directory. */
import { readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isErrno } from '../host/errno.ts'

/** rmdir(2) of a cgroup whose processes may still be ending, for up to two seconds; absent is fine. */
export async function removeCgroup(directory: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      rmdirSync(directory)
      return
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return
      if (!isErrno(error, 'EBUSY') || tries === 200) throw error
      await sleep(10)
    }
  }
}

/** Does something to a cgroup that its watcher may be removing at the same time. */
export async function unlessGone(work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT', 'ENODEV')) throw error
  })
}

export function childCgroups(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

/** Pids of the processes in a cgroup, those of its children not among them. */
export function processesOf(directory: string): number[] {
  return readFileSync(`${directory}/cgroup.procs`, 'utf8').split('\n').filter(Boolean).map(Number)
}
