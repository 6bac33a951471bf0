/** The processes in a container, as /proc (proc(5)) and its cgroup tell of them. */
import { readFileSync } from 'node:fs'
import type { Cgroups } from '../cgroups/cgroups.ts'
import { isErrno } from '../host/errno.ts'
import type { ContainerProcess } from '../protocol/lifecycleSchemas.ts'
import type { Container } from './container.ts'
import { firstIdOf } from './names.ts'

/** USER_HZ: the kernel's unit in /proc is a hundredth of a second on all of its architectures. */
const millisecondsPerTick = 10
const pageSize = 4096

function bootTime(): number {
  return Number(/^btime (\d+)/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? 0) * 1000
}

/** `pts/0` of a device number; `?` for none (tty_nr of proc(5)). */
function terminalOf(device: number): string {
  const major = (device >> 8) & 0xfff
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00)
  if (major === 136) return `pts/${minor}`
  return device === 0 ? '?' : `${major}:${minor}`
}

function describe(pid: number, firstId: number, boot: number): ContainerProcess | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
    // The name stands in parentheses, and may have some in it.
    const [, name = ''] = /\((.*)\)/s.exec(stat) ?? []
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const at = (field: number): number => Number(fields[field - 3])
    const inside = /^NSpid:.*?(\d+)$/m.exec(status)?.[1]
    return {
      pid,
      containerPid: Number(inside ?? pid),
      parent: at(4),
      uid: Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? 0) - firstId,
      state: fields[0]!,
      command: command === '' ? `[${name}]` : command,
      cpu: (at(14) + at(15)) * millisecondsPerTick,
      memory: at(24) * pageSize,
      startedAt: boot + at(22) * millisecondsPerTick,
      terminal: terminalOf(at(7)),
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined // ended meanwhile
    throw error
  }
}

/** Of one that runs, by their pids inside. @throws BulkheadError WrongState */
export function processesIn(cgroups: Cgroups, container: Container): ContainerProcess[] {
  container.requireRunning('looked into')
  const boot = bootTime()
  const firstId = firstIdOf(container.record.idRange) ?? 0
  return cgroups
    .processes(container.id)
    .flatMap((pid) => describe(pid, firstId, boot) ?? [])
    .sort((a, b) => a.containerPid - b.containerPid)
}
