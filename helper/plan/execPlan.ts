/** A plan for one more process in a container that runs: into its cgroups and namespaces, with its restrictions. */
import { cloneFlags } from './kernel.ts'
import type { Operation } from './operations.ts'
import { hostIdOfRoot, processOperations, terminalOperations } from './plan.ts'
import type { RuntimeSpec } from './runtimeSpec.ts'

export interface ExecPlacement {
  /** Of the container's first process, as the host sees it. */
  readonly pid: number
  /** Part of the name of its cgroup that no other has. */
  readonly cgroup: string
  /** Directories of its cgroup: one on v2, one for each hierarchy on v1. */
  readonly cgroupDirectories: readonly string[]
  readonly isUnified: boolean
  readonly seccompProgram: Uint8Array
  readonly socket: string
  readonly attached: boolean
  readonly openStdin: boolean
}

/** `spec`: the container's own, with the process that is to be. */
export function makeExecPlan(spec: RuntimeSpec, placement: ExecPlacement): Operation[] {
  const { process, linux } = spec
  // Its pid namespace is the watcher's to enter: a process is born into it.
  const flags = linux.namespaces
    .filter(({ type }) => type !== 'pid')
    .reduce((all, { type }) => all | cloneFlags[type], 0n)
  return [
    {
      operation: 'watch',
      socket: placement.socket,
      logMaxBytes: 0n,
      logMaxFiles: 0,
      terminal: Number(process.terminal),
      openStdin: Number(placement.openStdin),
      attached: Number(placement.attached),
    },
    { operation: 'join container', pid: placement.pid, cgroup: placement.cgroup, flags: cloneFlags.pid },
    ...placement.cgroupDirectories.map((directory): Operation => ({
      operation: 'use cgroup',
      directory,
      unified: Number(placement.isUnified),
    })),
    { operation: 'new namespaces', flags: 0n },
    {
      operation: 'map ids',
      uids: '',
      gids: '',
      rootUid: hostIdOfRoot(linux.uidMappings),
      rootGid: hostIdOfRoot(linux.gidMappings),
    },
    ...(placement.isUnified ? [] : [{ operation: 'enter cgroup' } as const]),
    { operation: 'join namespaces', flags },
    { operation: 'become root of user namespace' },
    ...terminalOperations(spec),
    ...processOperations(spec, placement),
  ]
}
