/** Many cgroups and processes to be looked at, and gone again. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { hierarchy, isV2 } from '../support/cgroupTree.ts'

const roots = isV2 ? [hierarchy('')] : ['cpu', 'cpuacct', 'memory', 'pids', 'blkio'].map(hierarchy)

/** Cgroups below one, in every hierarchy that counts something. */
export class CgroupCrowd {
  readonly parent: string
  readonly #count: number

  constructor(name: string, count: number) {
    this.parent = `/bulkhead-crowd-${name}`
    this.#count = count
    this.#each((path) => mkdirSync(path))
  }

  get paths(): string[] {
    return Array.from({ length: this.#count }, (_, n) => `${this.parent}/group-${n}`)
  }

  close(): void {
    for (const root of roots) {
      for (const path of this.paths) rmdirSync(root + path)
      rmdirSync(root + this.parent)
    }
  }

  #each(make: (path: string) => void): void {
    for (const root of roots) {
      make(root + this.parent)
      if (isV2) writeFileSync(`${root}${this.parent}/cgroup.subtree_control`, '+cpu +memory +pids +io')
      for (const path of this.paths) make(root + path)
    }
  }
}

/** Processes that sleep, children of one shell. */
export async function sleepers(count: number): Promise<ChildProcess> {
  const script = `i=0; while [ $i -lt ${count} ]; do sleep 100000 & i=$((i+1)); done; echo ready; wait`
  const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  return child
}
