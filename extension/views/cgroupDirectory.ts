/** What is known of a cgroup's children: read page by page, as far as somebody wants to see. */
import type { Client } from '../../helper/client/client.ts'
import type { Cgroup } from '../../helper/protocol/cgroupSchemas.ts'
import { CgroupNode, type CgroupProcessNode, type CgroupTreeNode } from './cgroupNode.ts'

export class CgroupDirectory {
  /** Undefined for the root. */
  readonly parent: CgroupNode | undefined
  readonly nodes = new Map<string, CgroupNode>()
  processes: CgroupProcessNode[] = []
  /** As it is shown. */
  shown: CgroupTreeNode[] = []
  #total = 0
  #read = 0
  /** One page at a time. */
  #reading = Promise.resolve()

  constructor(parent: CgroupNode | undefined) {
    this.parent = parent
  }

  get path(): string {
    return this.parent?.cgroup.path ?? '/'
  }
  /** Children that have not been read. */
  get left(): number {
    return this.#total - this.#read
  }

  /** The next page. @throws BulkheadError CgroupNotFound */
  readPage(client: Client): Promise<void> {
    const read = async (): Promise<void> => {
      const { cgroups, total } = await client.call('cgroups/list', { path: this.path, offset: this.#read })
      for (const cgroup of cgroups) this.#put(cgroup)
      this.#read += cgroups.length
      this.#total = cgroups.length === 0 ? this.#read : total
    }
    this.#reading = this.#reading.then(read, read)
    return this.#reading
  }

  /** Page after page, until it is enough or there are no more. Answers whether it has read any. */
  async readOn(client: Client, isEnough: () => boolean): Promise<boolean> {
    const before = this.#read
    while (!isEnough() && this.left > 0) await this.readPage(client)
    return this.#read !== before
  }

  add(cgroup: Cgroup): void {
    if (!this.#put(cgroup)) return
    this.#read++
    this.#total++
  }

  remove(path: string): void {
    if (this.nodes.delete(path)) this.#read--
    this.#total--
  }

  /** False for one that is there: its row stays the same. */
  #put(cgroup: Cgroup): boolean {
    if (this.nodes.has(cgroup.path)) return false
    this.nodes.set(cgroup.path, new CgroupNode(cgroup, this.parent))
    return true
  }
}
