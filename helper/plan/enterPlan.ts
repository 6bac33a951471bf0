/** A plan for a process in chosen namespaces of another one, as nsenter(1) makes it: with root's rights, unconfined. */
import { cloneFlags } from './kernel.ts'
import type { Operation } from './operations.ts'
import { terminalOperations } from './plan.ts'

export interface EnterPlacement {
  readonly pid: number
  /** Part of the name of a cgroup that it is in: that it is still the same one. */
  readonly cgroup: string
  /** CLONE_NEW* flags of those to enter: none that the watcher is in already, which setns(2) refuses for user namespaces. */
  readonly flags: bigint
  /** Host ids of the root of the user namespace that is entered; 0 where none is. */
  readonly rootUid: number
  readonly rootGid: number
  readonly socket: string
  readonly openStdin: boolean
}

export interface EnterProcess {
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly terminal: boolean
  readonly consoleSize: { readonly height: number; readonly width: number }
}

export function makeEnterPlan(process: EnterProcess, placement: EnterPlacement): Operation[] {
  const { pid, cgroup, flags, rootUid, rootGid, socket, openStdin } = placement
  return [
    {
      operation: 'watch',
      ...{ socket, logMaxBytes: 0n, logMaxFiles: 0, attached: 1 },
      terminal: Number(process.terminal),
      openStdin: Number(openStdin),
    },
    { operation: 'join container', pid, cgroup, flags: flags & cloneFlags.pid },
    { operation: 'new namespaces', flags: 0n },
    { operation: 'map ids', uids: '', gids: '', rootUid, rootGid },
    { operation: 'join namespaces', flags: flags & ~cloneFlags.pid },
    { operation: 'become root of user namespace' },
    ...terminalOperations({ process }),
    { operation: 'set working directory', path: process.cwd },
    { operation: 'exec', arguments: [...process.args], environment: [...process.env] },
  ]
}
