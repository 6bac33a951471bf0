/** cgroups(7) behind one interface: version 2, and version 1 with one hierarchy a controller (also beside an empty v2). */
import { existsSync } from 'node:fs'
import type { Operation } from '../plan/operations.ts'
import type { RuntimeResources } from '../plan/runtimeSpec.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { readHierarchies } from './hierarchies.ts'
import { CgroupsV1 } from './v1.ts'
import { CgroupsV2 } from './v2.ts'

export interface Cgroups {
  readonly version: 'v1' | 'v2'
  /** Makes the parent cgroup of all containers. */
  prepare(): void
  /** Removes it again when it is empty. */
  cleanUp(): void
  /** Operations that make a container's cgroup and set its limits.
   * @throws BulkheadError `Unsupported` for a limit that this kernel does not offer. */
  operations(id: string, resources: RuntimeResources): Operation[]
  /** Sets the limits of a container that runs. @throws errors of the kernel; what was set before stays set */
  change(id: string, resources: RuntimeResources): void
  /** What a container uses; undefined for one that has ended. */
  usage(id: string): Usage | undefined
  /** Bytes of page cache that a container was charged for. */
  cache(id: string): number
  /** Pids of a container's processes, as the host sees them. */
  processes(id: string): number[]
  /** The cgroup that has those of all containers, below the root of each hierarchy. */
  readonly parent: string
  /** Of a container's cgroup, likewise. */
  path(id: string): string
  /** Directories of a container's cgroup, by controller; v2 has one, `unified`. */
  directories(id: string): Readonly<Record<string, string>>
  freeze(id: string): Promise<void>
  thaw(id: string): Promise<void>
  isFrozen(id: string): boolean
  /** Kills every process in the cgroup. */
  kill(id: string): Promise<void>
  /** Removes a container's cgroup that its watcher left behind; waits for processes that are ending. */
  remove(id: string): Promise<void>
  /** Ids that have a cgroup. */
  list(): string[]
}

/** Bytes and nanoseconds. */
export interface Usage {
  readonly cpu: number
  /** Without page cache that can be dropped at once. */
  readonly memory: number
  /** Infinity for none. */
  readonly memoryLimit: number
  readonly pids: number
  readonly read: number
  readonly written: number
}

export function unsupported(what: string, file: string): BulkheadError {
  return new BulkheadError('Unsupported', `${what}: this kernel has no ${file}`, {
    hint: 'Leave the limit out, or enable its cgroup controller.',
  })
}

/** The kernel's cgroups; `name` is that of the parent of all containers. */
export function openCgroups(name: string): Cgroups {
  if (existsSync('/sys/fs/cgroup/cgroup.controllers')) return new CgroupsV2('/sys/fs/cgroup', name)
  const hierarchies = new Map(
    readHierarchies()
      .filter(({ isUnified }) => !isUnified)
      .flatMap(({ controllers, root }) => controllers.map((controller) => [controller, root])),
  )
  if (!hierarchies.has('memory') || !hierarchies.has('pids'))
    throw new BulkheadError(
      'Unsupported',
      'this machine has no cgroup file system with memory and pids controllers mounted',
      {
        hint: 'Mount cgroup v2 on /sys/fs/cgroup: mount -t cgroup2 none /sys/fs/cgroup',
      },
    )
  return new CgroupsV1(hierarchies, name)
}
