/** Cgroups of the whole machine as one tree: on version 1 the hierarchies merged, each node with the controllers that have it. */
import { readFileSync } from 'node:fs'
import { describeProcess } from '../host/processes.ts'
import { limits } from '../limits.ts'
import { join } from '../protocol/cgroupPaths.ts'
import type { Cgroup, CgroupDetails } from '../protocol/cgroupSchemas.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { pidsIn } from './files.ts'
import type { Hierarchies, Hierarchy } from './hierarchies.ts'
import { readLimits } from './limitFiles.ts'
import type { Owners } from './owners.ts'

/** Where a cgroup's processes are looked for, best first: the same ones on v2; on v1 a controller that most engines use. */
const preferred = ['pids', 'memory', 'name=systemd', 'cpu']

/** `group-2` before `group-10`. Made when it is needed: its tables are two megabytes. */
let collator: Intl.Collator | undefined

function inOrder(names: Iterable<string>): string[] {
  collator ??= new Intl.Collator('en', { numeric: true })
  return [...names].sort(collator.compare)
}

export function noCgroup(path: string): BulkheadError {
  return new BulkheadError('CgroupNotFound', `there is no cgroup ${path}`, {
    hint: 'It may have been removed meanwhile.',
  })
}

export class CgroupTree {
  readonly #hierarchies: Hierarchies
  readonly #owners: Owners

  constructor(hierarchies: Hierarchies, owners: Owners) {
    this.#hierarchies = hierarchies
    this.#owners = owners
  }

  /** Children in the order of their names, at most a page of them. @throws BulkheadError CgroupNotFound */
  list(path: string, offset: number): { cgroups: Cgroup[]; total: number } {
    const children = new Map<string, Hierarchy[]>()
    let found = false
    for (const hierarchy of this.#hierarchies.all) {
      const names = this.#hierarchies.names(hierarchy, path)
      found ||= names !== undefined
      for (const name of names ?? []) {
        const has = children.get(name)
        if (has === undefined) children.set(name, [hierarchy])
        else has.push(hierarchy)
      }
    }
    if (!found) throw noCgroup(path)
    const sorted = inOrder(children.keys()).slice(offset, offset + limits.cgroupPage)
    const cgroups = sorted.map((name) => this.#describe(join(path, name), name, children.get(name)!))
    return { cgroups, total: children.size }
  }

  /** One, with its limits and processes. @throws BulkheadError CgroupNotFound */
  inspect(path: string): CgroupDetails {
    const has = this.#hierarchies.all.filter((hierarchy) => this.#hierarchies.has(hierarchy, path))
    if (has.length === 0) throw noCgroup(path)
    return {
      ...this.#describe(path, path.split('/').at(-1)!, has),
      limits: readLimits(this.#hierarchies, path),
      processList: this.processes(path)
        .slice(0, limits.cgroupPage)
        .flatMap((pid) => describeProcess(pid) ?? []),
      devices: this.#devices(path),
    }
  }

  /** Pids in a cgroup itself. */
  processes(path: string): number[] {
    const hierarchy = this.#processHierarchy(this.#hierarchies.all)
    const text = hierarchy === undefined ? undefined : this.#hierarchies.read(hierarchy, path, 'cgroup.procs')
    return pidsIn(text ?? '')
  }

  /** Tells of children that come and go, in whichever hierarchy. Returns what ends it. */
  follow(path: string, onChange: (change: { added: string[]; removed: string[] }) => void): () => void {
    const names = new Set<string>()
    let timer: NodeJS.Timeout | undefined
    const tell = (): void => {
      timer = undefined
      const isThere = (name: string): boolean =>
        this.#hierarchies.all.some((hierarchy) => this.#hierarchies.has(hierarchy, join(path, name)))
      try {
        const there = [...names].filter(isThere)
        const removed = [...names].filter((name) => !there.includes(name))
        names.clear()
        onChange({ added: there, removed })
      } catch {
        // No more descriptors, perhaps: said with the next one that comes or goes.
      }
    }
    const ends: ((() => void) | undefined)[] = []
    const end = (): void => {
      clearTimeout(timer)
      for (const one of ends) one?.()
    }
    const onChild = (name: string): void => {
      names.add(name)
      // One container is a directory in each hierarchy: told of once.
      timer ??= setTimeout(tell, limits.cgroupNews)
    }
    try {
      for (const hierarchy of this.#hierarchies.all) ends.push(this.#hierarchies.follow(hierarchy, path, onChild))
    } catch (error) {
      end()
      throw error
    }
    return end
  }

  #processHierarchy(among: readonly Hierarchy[]): Hierarchy | undefined {
    if (this.#hierarchies.isPureV2) return this.#hierarchies.unified
    for (const controller of preferred) {
      const found = among.find(({ controllers, isUnified }) => !isUnified && controllers.includes(controller))
      if (found !== undefined) return found
    }
    return among[0]
  }

  #describe(path: string, name: string, has: readonly Hierarchy[]): Cgroup {
    const { isPureV2 } = this.#hierarchies
    const controllers = has.flatMap((hierarchy) => {
      if (!hierarchy.isUnified) return hierarchy.controllers
      const own = this.#hierarchies.read(hierarchy, path, 'cgroup.controllers') ?? ''
      return [...own.split(' ').filter(Boolean), ...(isPureV2 ? [] : ['unified'])]
    })
    return { path, name, controllers, owner: this.#owners.of(path), ...this.#stateOf(path, has) }
  }

  #stateOf(path: string, has: readonly Hierarchy[]) {
    const read = (hierarchy: Hierarchy, file: string): string => this.#hierarchies.read(hierarchy, path, file) ?? ''
    const main = this.#processHierarchy(has)!
    const processes = pidsIn(read(main, 'cgroup.procs')).length
    const hasChildren = has.some((hierarchy) => this.#hierarchies.hasChildren(hierarchy, path))
    let populated = hasChildren
    let frozen = false
    for (const hierarchy of path === '/' ? [] : has)
      if (hierarchy.isUnified && this.#hierarchies.isPureV2) {
        const events = read(hierarchy, 'cgroup.events')
        populated = events.includes('populated 1')
        frozen = events.includes('frozen 1')
      } else if (hierarchy.controllers.includes('pids')) populated = read(hierarchy, 'pids.current') !== '0'
      else if (hierarchy.controllers.includes('freezer')) frozen = read(hierarchy, 'freezer.state') !== 'THAWED'
    return { processes, hasChildren, frozen, idle: processes === 0 && !populated }
  }

  #devices(path: string): CgroupDetails['devices'] {
    const counted = new Map<string, { read: number; written: number }>()
    const of = (device: string) => {
      const entry = counted.get(device) ?? { read: 0, written: 0 }
      counted.set(device, entry)
      return entry
    }
    const io = this.#hierarchies.of('io')
    const blkio = this.#hierarchies.of('blkio')
    if (io !== undefined)
      for (const line of (this.#hierarchies.read(io, path, 'io.stat') ?? '').split('\n').filter(Boolean)) {
        const [device, ...words] = line.split(' ')
        const values = new Map(words.map((word) => word.split('=') as [string, string]))
        of(device!).read += Number(values.get('rbytes') ?? 0)
        of(device!).written += Number(values.get('wbytes') ?? 0)
      }
    if (blkio !== undefined)
      for (const line of (this.#hierarchies.read(blkio, path, 'blkio.throttle.io_service_bytes_recursive') ?? '').split(
        '\n',
      )) {
        const [device, operation, bytes] = line.split(' ')
        if (operation === 'Read') of(device!).read += Number(bytes)
        if (operation === 'Write') of(device!).written += Number(bytes)
      }
    return [...counted].map(([device, bytes]) => ({ device: deviceName(device), ...bytes }))
  }
}

/** `sda` of `8:0` (sysfs(5)). */
function deviceName(numbers: string): string {
  try {
    return /^DEVNAME=(.*)$/m.exec(readFileSync(`/sys/dev/block/${numbers}/uevent`, 'utf8'))?.[1] ?? numbers
  } catch {
    return numbers
  }
}
