/** A network namespace of the test's own, for as long as a process holds it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface NetworkNamespace {
  /** Words before a command that is to run there: nsenter(1) becomes it. */
  readonly enter: readonly string[]
  close(): void
}

export async function makeNetworkNamespace(): Promise<NetworkNamespace> {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo up && exec sleep 100000'])
  await once(holder.stdout, 'data')
  return { enter: ['nsenter', '--net', '--target', String(holder.pid)], close: () => holder.kill('SIGKILL') }
}
