/** What cgroup v1 counts only for those who are in one more hierarchy: I/O (blkio), and pressure, which the unified one has.
 * A start does not wait for that: containers are brought there once they have run for a moment. */
import { mkdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isErrno } from '../host/errno.ts'
import { childCgroups, processesOf, removeCgroup, removeIfEmpty } from './files.ts'
import type { Hierarchies } from './hierarchies.ts'

export class Accounting {
  /** Mount points of the hierarchies; none where everything is v2's. */
  readonly #roots: readonly string[]
  /** The cgroup that has those of all containers. */
  readonly #parent: string

  constructor(hierarchies: Hierarchies, parent: string) {
    const { isPureV2, unified } = hierarchies
    const more = [hierarchies.of('blkio'), unified].filter((one) => one !== undefined)
    this.#roots = isPureV2 ? [] : [...new Set(more.map(({ root }) => root))]
    this.#parent = parent
  }

  /** Brings the processes of a container there, and so those that they make later. The first one waits for the kernel's
   * lock of thread groups, some 10 ms: on another thread. */
  async begin(id: string, processes: () => number[]): Promise<void> {
    for (const root of this.#roots) {
      const directory = join(root, this.#parent, id)
      mkdirSync(directory, { recursive: true })
      // One that forks meanwhile leaves its child behind: until nobody is.
      for (let tries = 0; tries < 10; tries++) {
        const there = new Set(processesOf(directory))
        const missing = processes().filter((pid) => !there.has(pid))
        if (missing.length === 0) break
        for (const pid of missing) await bring(directory, pid)
      }
    }
  }

  /** Of a container that has ended. */
  async end(id: string): Promise<void> {
    for (const root of this.#roots) await removeCgroup(join(root, this.#parent, id))
  }

  /** Removes those of containers that do not run any more: of an earlier helper's. */
  async clean(runs: (id: string) => boolean): Promise<void> {
    for (const root of this.#roots)
      for (const id of childCgroups(join(root, this.#parent))) if (!runs(id)) await this.end(id)
  }

  /** Removes the parents when they are empty. */
  close(): void {
    for (const root of this.#roots) removeIfEmpty(join(root, this.#parent))
  }
}

async function bring(directory: string, pid: number): Promise<void> {
  try {
    await writeFile(join(directory, 'cgroup.procs'), String(pid))
  } catch (error) {
    if (!isErrno(error, 'ESRCH', 'EINVAL')) throw error // it has ended
  }
}
