/** Processes as /proc (proc(5)) tells of them. */
import { readFileSync } from 'node:fs'
import { isErrno } from './errno.ts'

/** USER_HZ: the kernel's unit in /proc is a hundredth of a second on all of its architectures. */
const millisecondsPerTick = 10
const pageSize = 4096

export interface HostProcess {
  readonly pid: number
  readonly parent: number
  /** As this helper's user namespace sees it. */
  readonly uid: number
  /** One letter: R runs, S sleeps and so on. */
  readonly state: string
  readonly command: string
  /** Milliseconds of processor time so far. */
  readonly cpu: number
  /** Bytes resident. */
  readonly memory: number
  /** Milliseconds since the machine started. */
  readonly startedAt: number
  /** Device number of its terminal; 0 for none. */
  readonly terminal: number
  /** In each pid namespace that it is in, the innermost last. */
  readonly pids: readonly number[]
}

/** Something of a process; undefined for one that has ended, or that may not be looked at (hidepid). */
export function ofProcess<T>(pid: number, look: (folder: string) => T): T | undefined {
  try {
    return look(`/proc/${pid}`)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return undefined
    throw error
  }
}

export function describeProcess(pid: number): HostProcess | undefined {
  return ofProcess(pid, (folder) => {
    const stat = readFileSync(`${folder}/stat`, 'utf8')
    const status = readFileSync(`${folder}/status`, 'utf8')
    const command = readFileSync(`${folder}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
    // The name stands in parentheses, and may have some in it.
    const [, name = ''] = /\((.*)\)/s.exec(stat) ?? []
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const at = (field: number): number => Number(fields[field - 3])
    return {
      pid,
      parent: at(4),
      uid: Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? 0),
      state: fields[0]!,
      command: command === '' ? `[${name}]` : command,
      cpu: (at(14) + at(15)) * millisecondsPerTick,
      memory: at(24) * pageSize,
      startedAt: at(22) * millisecondsPerTick,
      terminal: at(7),
      pids: (/^NSpid:\s+(.*)$/m.exec(status)?.[1] ?? String(pid)).split(/\s+/).map(Number),
    }
  })
}
