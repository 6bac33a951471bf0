/** What both versions do with a cgroup's directory. */
import { readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Operation } from '../plan/operations.ts'
import { isErrno } from '../host/errno.ts'
import { BulkheadError } from '../protocol/errors.ts'

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

/** rmdir(2) of a cgroup that others may still need: it stays where anything is in it. */
export function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory)
  } catch (error) {
    if (!isErrno(error, 'EBUSY', 'ENOENT', 'ENOTEMPTY')) throw error
  }
}

/** Does something to a cgroup that its watcher may be removing at the same time. */
export async function unlessGone(work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT', 'ENODEV')) throw error
  })
}

/** Sets the limits of a plan's operations in cgroups that are there. Some can be set only after others (memory and memory
 * with swap of v1, up and down): those are tried again. */
export function setLimits(operations: readonly Operation[]): void {
  let directory = ''
  const limits = operations.flatMap((operation) => {
    if (operation.operation === 'create cgroup') directory = operation.directory
    return operation.operation === 'set cgroup limit'
      ? [[join(directory, operation.file), operation.value] as const]
      : []
  })
  const again = limits.filter(([file, value]) => {
    try {
      writeFileSync(file, value)
      return false
    } catch (error) {
      if (!isErrno(error, 'EINVAL')) throw error
      return true
    }
  })
  for (const [file, value] of again) writeFileSync(file, value)
}

/** The text of a file; empty where there is none, or its cgroup is removed at this moment. */
export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return ''
    throw error
  }
}

/** The number in a file, or after a word in a file of many lines; 0 where there is none. `max` is Infinity. */
export function numberIn(file: string, word?: string): number {
  const text = textOf(file)
  const found = word === undefined ? text : new RegExp(`^${word} (\\S+)$`, 'm').exec(text)?.[1]
  return found === 'max' ? Infinity : Number(found ?? 0)
}

/** Waits until all processes have stopped, or go on. @throws BulkheadError WrongState when they do not within a second */
export async function setFrozenV2(directory: string, isFrozen: boolean): Promise<void> {
  writeFileSync(join(directory, 'cgroup.freeze'), isFrozen ? '1' : '0')
  // Freezing is asynchronous: cgroup.events says when all processes have stopped.
  for (let tries = 0; tries < 500; tries++) {
    if (readFileSync(join(directory, 'cgroup.events'), 'utf8').includes(`frozen ${isFrozen ? 1 : 0}`)) return
    await sleep(2)
  }
  throw doNotObey(isFrozen)
}

/** As `setFrozenV2`, of the hierarchy of the freezer. */
export async function setFrozenV1(directory: string, isFrozen: boolean): Promise<void> {
  const state = isFrozen ? 'FROZEN' : 'THAWED'
  const file = join(directory, 'freezer.state')
  // FREEZING stays until a later write finds every process stopped.
  for (let tries = 0; tries < 500; tries++) {
    writeFileSync(file, state)
    if (readFileSync(file, 'utf8').trim() === state) return
    await sleep(2)
  }
  throw doNotObey(isFrozen)
}

function doNotObey(isFrozen: boolean): BulkheadError {
  return new BulkheadError('WrongState', `the processes did not ${isFrozen ? 'freeze' : 'thaw'} within a second`)
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

/** Pids of the processes in a cgroup, those of its children not among them; none when it is gone. */
export function processesOf(directory: string): number[] {
  return pidsIn(textOf(`${directory}/cgroup.procs`))
}

/** Of the text of a cgroup.procs. */
export function pidsIn(text: string): number[] {
  return text.split('\n').filter(Boolean).map(Number)
}

/** Sends SIGKILL; those that have ended meanwhile are fine. */
export function killProcesses(pids: Iterable<number>): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error
    }
  }
}
