/** What a container shares, and with whom; what of it is its own; and what a virtual machine would have had to own. */
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import type { Cgroups } from '../cgroups/cgroups.ts'
import { bootTime, kernelSize } from '../host/kernelSize.ts'
import { ofProcess } from '../host/processes.ts'
import type { Namespaces } from '../namespaces/namespaces.ts'
import { numberIn } from '../namespaces/table.ts'
import { namespaceTypes } from '../protocol/kernelWords.ts'
import type { Shares } from '../protocol/namespaceSchemas.ts'
import type { Container } from './container.ts'
import type { UsageOf } from './usage.ts'

interface Parts {
  readonly cgroups: Cgroups
  readonly namespaces: Namespaces
  readonly usage: UsageOf
}

/** Bytes of a process's pages (proc_pid_smaps(5)): `private`, and its part of those that others map, too. */
function memoryOf(pid: number): { own: number; proportional: number; resident: number } {
  const text = ofProcess(pid, (folder) => readFileSync(`${folder}/smaps_rollup`, 'utf8')) ?? ''
  const sum = (pattern: RegExp): number =>
    [...text.matchAll(pattern)].reduce((total, [, kilobytes]) => total + Number(kilobytes) * 1024, 0)
  const own = sum(/^Private_(?:Clean|Dirty): +(\d+)/gm)
  return { own, proportional: sum(/^Pss: +(\d+)/gm) - own, resident: sum(/^Rss: +(\d+)/gm) }
}

function timeOfStart(container: Container): number | null {
  try {
    const { helper, steps } = container.trace()
    return helper.prepare + helper.spawn + Math.max(...steps.map(({ end }) => end))
  } catch {
    return null // never started
  }
}

export async function sharesOf({ cgroups, namespaces, usage }: Parts, container: Container): Promise<Shares> {
  const { name } = container.record
  const { pid } = container.summary()
  const pids = container.runs ? cgroups.processes(container.id) : []
  const memories = pids.map(memoryOf)
  const total = (of: keyof (typeof memories)[number]): number => memories.reduce((sum, one) => sum + one[of], 0)
  const [layers] = await Promise.all([usage.containerSharing(container), namespaces.refresh()])
  const row = container.runs ? namespaces.table.of(pid) : undefined
  const kernel = kernelSize()
  return {
    name,
    runs: container.runs,
    kernel: { release: release(), ...kernel },
    namespaces:
      row === undefined
        ? []
        : namespaceTypes
            .filter((type) => numberIn(row, type) !== 0)
            .map((type) => {
              const id = numberIn(row, type)
              const others = namespaces.othersIn(type, id, name)
              return { type, id, own: others.length === 0, with: others }
            }),
    memory: {
      own: total('own'),
      proportional: total('proportional'),
      resident: total('resident'),
      cache: container.runs ? cgroups.cache(container.id) : 0,
    },
    processes: pids.length,
    virtualMachine: { kernel: kernel.image, disk: layers.shared, memory: total('resident') - total('own') },
    boot: bootTime(),
    start: timeOfStart(container),
    layers,
  }
}
