/** Cgroups of a test's own, in every hierarchy that has them; gone again at the end. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'

export const isV2 = existsSync('/sys/fs/cgroup/cgroup.controllers')

/** Where a controller's cgroups are. */
export function hierarchy(controller: string): string {
  return isV2 ? '/sys/fs/cgroup' : join('/sys/fs/cgroup', controller)
}

const controllers = ['cpu', 'cpuacct', 'memory', 'pids', 'freezer']
const roots = isV2 ? ['/sys/fs/cgroup'] : controllers.map(hierarchy)

export class CgroupTree {
  /** As the helper calls it. */
  readonly path: string
  readonly #children: ChildProcess[] = []

  constructor(name: string) {
    this.path = `/bulkhead-observed-${process.pid}-${name}`
    if (isV2) writeFileSync('/sys/fs/cgroup/cgroup.subtree_control', '+cpu +memory +pids +io')
    this.make('')
    if (isV2) writeFileSync(`/sys/fs/cgroup${this.path}/cgroup.subtree_control`, '+cpu +memory +pids +io')
  }

  /** `below`: such as `/a/b`. */
  make(below: string, only = roots): void {
    for (const root of only) mkdirSync(`${root}${this.path}${below}`)
  }

  remove(below: string): void {
    for (const root of roots) if (existsSync(`${root}${this.path}${below}`)) rmdirSync(`${root}${this.path}${below}`)
  }

  /** Runs a command in one. */
  run(below: string, command: string, args: readonly string[]): ChildProcess {
    const enter = roots.map((root) => `echo $$ > ${root}${this.path}${below}/cgroup.procs`).join('; ')
    const child = spawn('sh', ['-c', `${enter}; exec "$@"`, 'sh', command, ...args], { stdio: 'ignore' })
    this.#children.push(child)
    return child
  }

  read(controller: string, below: string, file: string): string {
    return readFileSync(`${hierarchy(controller)}${this.path}${below}/${file}`, 'utf8').trim()
  }

  /** Kills what runs in them, and removes them; `below`: those that were made, the deepest first. */
  async close(below: readonly string[]): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
    for (const one of [...below, '']) this.remove(one)
  }
}
