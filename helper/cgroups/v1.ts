/** cgroup v1: one directory a container in each hierarchy that it needs (Documentation/admin-guide/cgroup-v1). */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Operation } from '../plan/operations.ts'
import type { RuntimeResources } from '../plan/runtimeSpec.ts'
import { unsupported, type Cgroups, type Usage } from './cgroups.ts'
import {
  childCgroups,
  killProcesses,
  numberIn,
  processesOf,
  removeCgroup,
  removeIfEmpty,
  setFrozenV1,
  setLimits,
  textOf,
  unlessGone,
} from './files.ts'

/** In every container's cgroup; `cpuset` and `blkio` only when a limit asks for them. */
const always = ['memory', 'cpu', 'cpuacct', 'pids', 'freezer'] as const
const controllers = [...always, 'cpuset', 'blkio'] as const
type Controller = (typeof controllers)[number]

type Limit = readonly [controller: Controller, file: string, value: string | number]

export class CgroupsV1 implements Cgroups {
  readonly version = 'v1'
  readonly #name: string
  readonly #parents: ReadonlyMap<Controller, string>
  /** `controller/file` for each file that this kernel offers. */
  readonly #offered = new Set<string>()

  /** `hierarchies`: where each controller is mounted. */
  constructor(hierarchies: ReadonlyMap<string, string>, name: string) {
    this.#name = name
    this.#parents = new Map(
      controllers.flatMap((controller) => {
        const directory = hierarchies.get(controller)
        // Where both are one hierarchy, it is that of `cpu`.
        const isSame = controller === 'cpuacct' && directory === hierarchies.get('cpu')
        return directory === undefined || isSame ? [] : [[controller, join(directory, name)] as const]
      }),
    )
  }

  prepare(): void {
    for (const [controller, parent] of this.#parents) {
      mkdirSync(parent, { recursive: true })
      if (controller === 'cpuset') this.#inheritProcessors(parent)
      for (const file of readdirSync(parent)) this.#offered.add(`${controller}/${file}`)
    }
  }

  cleanUp(): void {
    for (const parent of this.#parents.values()) removeIfEmpty(parent)
  }

  operations(id: string, resources: RuntimeResources): Operation[] {
    const limits = this.#limits(resources)
    const used = controllers.filter(
      (controller) =>
        this.#parents.has(controller) &&
        ((always as readonly string[]).includes(controller) || limits.some(([of]) => of === controller)),
    )
    return used.flatMap((controller): Operation[] => [
      { operation: 'create cgroup', directory: join(this.#parents.get(controller)!, id), unified: 0 },
      ...limits
        .filter(([of]) => of === controller)
        .map(([, file, value]): Operation => ({ operation: 'set cgroup limit', file, value: String(value) })),
    ])
  }

  change(id: string, resources: RuntimeResources): void {
    setLimits(this.operations(id, resources))
  }

  usage(id: string): Usage | undefined {
    const of = (controller: Controller, file: string): string => join(this.#parents.get(controller) ?? '', id, file)
    const memory = of('memory', 'memory.usage_in_bytes')
    if (!existsSync(memory)) return undefined
    const accounts = this.#parents.has('cpuacct') ? 'cpuacct' : 'cpu'
    const limit = numberIn(of('memory', 'memory.limit_in_bytes'))
    const io = textOf(of('blkio', 'blkio.throttle.io_service_bytes'))
    const bytes = (operation: string): number =>
      [...io.matchAll(new RegExp(`^\\S+ ${operation} (\\d+)$`, 'gm'))].reduce(
        (sum, [, found]) => sum + Number(found),
        0,
      )
    return {
      cpu: numberIn(of(accounts, 'cpuacct.usage')),
      memory: Math.max(0, numberIn(memory) - numberIn(of('memory', 'memory.stat'), 'total_inactive_file')),
      memoryLimit: limit,
      pids: numberIn(of('pids', 'pids.current')),
      read: bytes('Read'),
      written: bytes('Write'),
    }
  }

  cache(id: string): number {
    return numberIn(join(this.#parent('memory'), id, 'memory.stat'), 'total_cache')
  }

  processes(id: string): number[] {
    return processesOf(join(this.#parent('pids'), id))
  }

  get parent(): string {
    return `/${this.#name}`
  }

  path(id: string): string {
    return `${this.parent}/${id}`
  }

  directories(id: string): Record<string, string> {
    return Object.fromEntries(
      [...this.#parents]
        .map(([controller, parent]) => [controller, join(parent, id)] as const)
        .filter(([, directory]) => existsSync(directory)),
    )
  }

  async freeze(id: string): Promise<void> {
    await setFrozenV1(join(this.#parent('freezer'), id), true)
  }

  async thaw(id: string): Promise<void> {
    await setFrozenV1(join(this.#parent('freezer'), id), false)
  }

  isFrozen(id: string): boolean {
    return ['FREEZING', 'FROZEN'].includes(textOf(join(this.#parent('freezer'), id, 'freezer.state')))
  }

  /** v1 has no cgroup.kill: freeze, so that nothing forks away meanwhile, signal all, thaw. */
  async kill(id: string): Promise<void> {
    await this.freeze(id)
    killProcesses(processesOf(join(this.#parent('freezer'), id)))
    await this.thaw(id)
  }

  async remove(id: string): Promise<void> {
    if (existsSync(join(this.#parent('freezer'), id))) await unlessGone(this.kill(id))
    for (const parent of this.#parents.values()) await removeCgroup(join(parent, id))
  }

  list(): string[] {
    return [...new Set([...this.#parents.values()].flatMap(childCgroups))]
  }

  #parent(controller: Controller): string {
    const parent = this.#parents.get(controller)
    if (parent === undefined) throw unsupported(controller, `${controller} controller`)
    return parent
  }

  #limits({ memory, cpu, pids, blockIO, unified }: RuntimeResources): Limit[] {
    const limits: Limit[] = []
    const set = (what: string, controller: Controller, file: string, value: string | number): void => {
      if (!this.#offered.has(`${controller}/${file}`)) throw unsupported(what, file)
      limits.push([controller, file, value])
    }
    if (memory?.limit !== undefined) set('a memory limit', 'memory', 'memory.limit_in_bytes', memory.limit)
    if (memory?.swap !== undefined) set('a limit of swap', 'memory', 'memory.memsw.limit_in_bytes', memory.swap)
    const high = unified?.['memory.high']
    // The nearest that v1 has: reclaimed down to it when memory is short, without slowing the container down.
    if (high !== undefined) set('memory high', 'memory', 'memory.soft_limit_in_bytes', high)
    if (cpu?.quota !== undefined) {
      set('a limit of processor time', 'cpu', 'cpu.cfs_period_us', cpu.period ?? 100_000)
      set('a limit of processor time', 'cpu', 'cpu.cfs_quota_us', cpu.quota)
    }
    if (cpu?.shares !== undefined) set('processor shares', 'cpu', 'cpu.shares', cpu.shares)
    if (cpu?.cpus !== undefined) {
      // A cpuset without memory nodes takes no process.
      set('a set of processors', 'cpuset', 'cpuset.mems', this.#value('cpuset', 'cpuset.mems'))
      set('a set of processors', 'cpuset', 'cpuset.cpus', cpu.cpus)
    }
    if (pids !== undefined) set('a limit of processes', 'pids', 'pids.max', pids.limit === -1 ? 'max' : pids.limit)
    if (blockIO?.weight !== undefined) {
      const file = this.#offered.has('blkio/blkio.bfq.weight') ? 'blkio.bfq.weight' : 'blkio.weight'
      set('a weight of disk time', 'blkio', file, blockIO.weight)
    }
    for (const { major, minor, rate } of blockIO?.throttleReadBpsDevice ?? [])
      set('a limit of reading', 'blkio', 'blkio.throttle.read_bps_device', `${major}:${minor} ${rate}`)
    for (const { major, minor, rate } of blockIO?.throttleWriteBpsDevice ?? [])
      set('a limit of writing', 'blkio', 'blkio.throttle.write_bps_device', `${major}:${minor} ${rate}`)
    return limits
  }

  #value(controller: Controller, file: string): string {
    return readFileSync(join(this.#parent(controller), file), 'utf8').trim()
  }

  /** A new cpuset is empty until it is given its parent's processors and memory nodes. */
  #inheritProcessors(parent: string): void {
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      writeFileSync(join(parent, file), readFileSync(join(parent, '..', file), 'utf8').trim())
  }
}
