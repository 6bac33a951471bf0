/** cgroup v2: one directory a container (Documentation/admin-guide/cgroup-v2.rst). */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Operation } from '../plan/operations.ts'
import type { RuntimeResources } from '../plan/runtimeSpec.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { unsupported, type Cgroups, type Usage } from './cgroups.ts'
import {
  childCgroups,
  numberIn,
  processesOf,
  removeCgroup,
  removeIfEmpty,
  setFrozenV2,
  setLimits,
  textOf,
  unlessGone,
} from './files.ts'

const wanted = ['cpuset', 'cpu', 'io', 'memory', 'pids']

/** cpu.weight of cpu.shares: 2 to 262144 becomes 1 to 10000, as crun and runc convert it. */
export function weightOfShares(shares: number): number {
  return 1 + Math.floor(((shares - 2) * 9999) / 262_142)
}

/** io.weight of a blkio weight: 10 to 1000 becomes 1 to 10000. */
export function ioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990)
}

export class CgroupsV2 implements Cgroups {
  readonly version = 'v2'
  readonly #name: string
  readonly #root: string
  readonly #parent: string
  /** Files that this kernel offers. */
  #offered: ReadonlySet<string> = new Set()

  constructor(root: string, name: string) {
    this.#root = root
    this.#name = name
    this.#parent = join(root, name)
  }

  prepare(): void {
    mkdirSync(this.#parent, { recursive: true })
    const offered = readFileSync(join(this.#root, 'cgroup.controllers'), 'utf8').trim().split(' ')
    const enable = wanted
      .filter((controller) => offered.includes(controller))
      .map((controller) => `+${controller}`)
      .join(' ')
    for (const directory of [this.#root, this.#parent]) {
      try {
        writeFileSync(join(directory, 'cgroup.subtree_control'), enable)
      } catch (error) {
        throw new BulkheadError('Unsupported', `the controllers ${enable} cannot be enabled in ${directory}`, {
          hint: 'In a container, move its processes out of the root cgroup first, or run the helper on the host.',
          cause: error,
        })
      }
    }
    this.#offered = new Set(readdirSync(this.#parent))
  }

  cleanUp(): void {
    removeIfEmpty(this.#parent)
  }

  operations(id: string, resources: RuntimeResources): Operation[] {
    const limits: Operation[] = []
    const set = (file: string, value: string | number): void => {
      limits.push({ operation: 'set cgroup limit', file, value: String(value) })
    }
    const offer = (what: string, ...files: string[]): string => {
      const file = files.find((name) => this.#offered.has(name))
      if (file === undefined) throw unsupported(what, files[0]!)
      return file
    }
    const { memory, cpu, pids, blockIO, unified } = resources
    if (memory?.limit !== undefined) set(offer('a memory limit', 'memory.max'), memory.limit)
    if (memory?.swap !== undefined) {
      const file = offer('a limit of swap', 'memory.swap.max')
      // Docker's value is memory and swap together, v2's is swap alone.
      set(file, memory.swap === -1 ? 'max' : memory.swap - (memory.limit ?? 0))
    }
    if (unified?.['memory.high'] !== undefined) set(offer('memory high', 'memory.high'), unified['memory.high'])
    if (cpu?.quota !== undefined)
      set(offer('a limit of processor time', 'cpu.max'), `${cpu.quota} ${cpu.period ?? 100_000}`)
    if (cpu?.shares !== undefined) set(offer('processor shares', 'cpu.weight'), weightOfShares(cpu.shares))
    if (cpu?.cpus !== undefined) set(offer('a set of processors', 'cpuset.cpus'), cpu.cpus)
    if (pids !== undefined) set(offer('a limit of processes', 'pids.max'), pids.limit === -1 ? 'max' : pids.limit)
    if (blockIO?.weight !== undefined) {
      const file = offer('a weight of disk time', 'io.bfq.weight', 'io.weight')
      set(file, file === 'io.bfq.weight' ? blockIO.weight : `default ${ioWeight(blockIO.weight)}`)
    }
    for (const { major, minor, rate } of blockIO?.throttleReadBpsDevice ?? [])
      set(offer('a limit of reading', 'io.max'), `${major}:${minor} rbps=${rate}`)
    for (const { major, minor, rate } of blockIO?.throttleWriteBpsDevice ?? [])
      set(offer('a limit of writing', 'io.max'), `${major}:${minor} wbps=${rate}`)
    return [{ operation: 'create cgroup', directory: this.#directory(id), unified: 1 }, ...limits]
  }

  change(id: string, resources: RuntimeResources): void {
    setLimits(this.operations(id, resources))
  }

  usage(id: string): Usage | undefined {
    const of = (file: string): string => join(this.#directory(id), file)
    if (!existsSync(of('cgroup.procs'))) return undefined
    const io = textOf(of('io.stat'))
    const bytes = (key: string): number =>
      [...io.matchAll(new RegExp(`\\b${key}=(\\d+)`, 'g'))].reduce((sum, [, number]) => sum + Number(number), 0)
    return {
      cpu: numberIn(of('cpu.stat'), 'usage_usec') * 1000,
      memory: Math.max(0, numberIn(of('memory.current')) - numberIn(of('memory.stat'), 'inactive_file')),
      memoryLimit: existsSync(of('memory.max')) ? numberIn(of('memory.max')) : Infinity,
      pids: numberIn(of('pids.current')),
      read: bytes('rbytes'),
      written: bytes('wbytes'),
    }
  }

  cache(id: string): number {
    return numberIn(join(this.#directory(id), 'memory.stat'), 'file')
  }

  processes(id: string): number[] {
    return processesOf(this.#directory(id))
  }

  get parent(): string {
    return `/${this.#name}`
  }

  path(id: string): string {
    return `${this.parent}/${id}`
  }

  directories(id: string): Record<string, string> {
    return { unified: this.#directory(id) }
  }

  async freeze(id: string): Promise<void> {
    await setFrozenV2(this.#directory(id), true)
  }

  async thaw(id: string): Promise<void> {
    await setFrozenV2(this.#directory(id), false)
  }

  isFrozen(id: string): boolean {
    return textOf(join(this.#directory(id), 'cgroup.freeze')) === '1'
  }

  async kill(id: string): Promise<void> {
    writeFileSync(join(this.#directory(id), 'cgroup.kill'), '1')
  }

  async remove(id: string): Promise<void> {
    const directory = this.#directory(id)
    if (existsSync(join(directory, 'cgroup.kill'))) await unlessGone(this.kill(id))
    await removeCgroup(directory)
  }

  list(): string[] {
    return childCgroups(this.#parent)
  }

  #directory(id: string): string {
    return join(this.#parent, id)
  }
}
