/** The processes in a container, as /proc and its cgroup tell of them. */
import { readFileSync } from 'node:fs'
import type { Cgroups } from '../cgroups/cgroups.ts'
import { describeProcess } from '../host/processes.ts'
import type { ContainerProcess } from '../protocol/lifecycleSchemas.ts'
import type { Container } from './container.ts'
import { firstIdOf } from './names.ts'

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

/** Of one that runs, by their pids inside. @throws BulkheadError WrongState */
export function processesIn(cgroups: Cgroups, container: Container): ContainerProcess[] {
  container.requireRunning('looked into')
  const boot = bootTime()
  const firstId = firstIdOf(container.record.idRange) ?? 0
  return cgroups
    .processes(container.id)
    .flatMap((pid): ContainerProcess[] => {
      const found = describeProcess(pid)
      if (found === undefined) return []
      const { pids, startedAt, terminal, uid, ...rest } = found
      return [
        {
          ...rest,
          containerPid: pids.at(-1)!,
          uid: uid - firstId,
          startedAt: boot + startedAt,
          terminal: terminalOf(terminal),
        },
      ]
    })
    .sort((a, b) => a.containerPid - b.containerPid)
}
