/** What containers use, as their cgroups and links count it. */
import { readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import type { Cgroups } from '../cgroups/cgroups.ts'
import type { ContainerStats } from '../protocol/lifecycleSchemas.ts'
import type { Container } from './container.ts'

interface Traffic {
  readonly received: number
  readonly sent: number
}

/** Bytes of each link of this network namespace (proc_pid_net(5)). */
function trafficOfLinks(): Map<string, Traffic> {
  const lines = readFileSync('/proc/net/dev', 'utf8').trim().split('\n').slice(2)
  return new Map(
    lines.map((line) => {
      const [name, numbers] = line.split(':')
      const fields = numbers!.trim().split(/\s+/).map(Number)
      return [name!.trim(), { received: fields[0]!, sent: fields[8]! }]
    }),
  )
}

/** Of those that run, in the order given. */
export function statsOf(cgroups: Cgroups, containers: readonly Container[]): ContainerStats[] {
  const links = trafficOfLinks()
  const time = Date.now()
  return containers
    .filter(({ runs }) => runs)
    .flatMap((container) => {
      const usage = cgroups.usage(container.id)
      if (usage === undefined) return [] // ended meanwhile
      const { memoryLimit, ...used } = usage
      // What the host's end of a link sends, the container receives.
      const traffic = container.summary().endpoints.flatMap(({ link }) => links.get(link) ?? [])
      return {
        ...{ id: container.id, name: container.record.name, time },
        ...used,
        processors: availableParallelism(),
        memoryLimit: Math.min(memoryLimit, totalmem()),
        received: traffic.reduce((sum, { sent }) => sum + sent, 0),
        sent: traffic.reduce((sum, { received }) => sum + received, 0),
      }
    })
}
