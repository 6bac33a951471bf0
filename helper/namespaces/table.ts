/** Which process is in which namespaces: scanned once, and kept true by what the kernel says of processes. */
import type * as Addon from '../../native/index.d.ts'
import type { Native } from '../host/native.ts'
import { namespaceTypes, type NamespaceType } from '../protocol/kernelWords.ts'

const width = namespaceTypes.length

/** Numbers of a process's namespaces, in the order of `namespaceTypes`. */
export type Row = Uint32Array

export function numberIn(row: Row, type: NamespaceType): number {
  return row[namespaceTypes.indexOf(type)]!
}

function isReadable(row: Row): boolean {
  return row[0] !== 0
}

export class ProcessTable {
  readonly #native: Native
  readonly #onTouched: (pid?: number, row?: Row) => void
  readonly #rows = new Map<number, Row>()
  #unreadable = 0
  #host: Row | undefined
  #follower: Addon.ProcessFollower | undefined
  /** What the kernel says is enough to keep it true. */
  #isComplete = false
  #turn: Promise<unknown> = Promise.resolve()

  /** `onTouched`: what was known of a process, and of the namespaces that it is in now, may not hold any more; without one,
   * of all. The kernel gives numbers again, of processes and of namespaces. */
  constructor(native: Native, onTouched: (pid?: number, row?: Row) => void) {
    this.#native = native
    this.#onTouched = onTouched
  }

  /** Processes whose namespaces may be seen. */
  get rows(): ReadonlyMap<number, Row> {
    return this.#rows
  }
  get unreadable(): number {
    return this.#unreadable
  }
  /** The helper's own, which it never leaves. */
  get host(): Row {
    this.#host ??= this.#native.addon.namespacesOf(Uint32Array.of(process.pid))
    return this.#host
  }
  /** What the kernel says is enough: no scan is needed. */
  get isFollowed(): boolean {
    return this.#follower?.seesEveryChange === true
  }

  /** Pids of those that are in a namespace. */
  membersOf(type: NamespaceType, id: number): number[] {
    const pids: number[] = []
    for (const [pid, row] of this.#rows) if (numberIn(row, type) === id) pids.push(pid)
    return pids
  }

  /** Those with at least one namespace that is not the host's. */
  *apart(): Iterable<[pid: number, row: Row]> {
    const { host } = this
    for (const entry of this.#rows) if (entry[1].some((number, at) => number !== host[at])) yield entry
  }

  /** From now on the kernel is listened to, where it says something. */
  follow(): void {
    if (this.#follower !== undefined) return
    try {
      this.#follower = this.#native.addon.followProcesses()
    } catch {
      this.#follower = undefined // no perf events here: whoever looks scans
    }
  }

  unfollow(): void {
    this.#follower?.close()
    this.#follower = undefined
    this.#isComplete = false
  }

  /** Makes it true: by what the kernel said since the last time where that is enough, otherwise by looking at every process. */
  refresh(): Promise<void> {
    return this.#inTurn(async () => {
      if (!(this.#isComplete && this.isFollowed && this.#takeIn())) await this.#scan()
    })
  }

  /** Takes in what the kernel said, whether that is enough or not. False when it said nothing, or some of it was lost. */
  hear(): Promise<boolean> {
    return this.#inTurn(() => this.#takeIn())
  }

  /** One after the other: the result of a scan is older than what another one would take in meanwhile. */
  #inTurn<T>(work: () => Promise<T> | T): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }

  async #scan(): Promise<void> {
    const follower = this.#follower
    follower?.drain() // so that there is room for what happens during the scan, which is seen after it
    const { pids, numbers } = await this.#native.addon.scanNamespaces()
    this.#rows.clear()
    this.#onTouched()
    pids.forEach((pid, at) => this.#set(pid, numbers.subarray(at * width, (at + 1) * width)))
    this.#unreadable = pids.length - this.#rows.size
    // One that was not listened to from the beginning has missed something.
    this.#isComplete = this.#takeIn() && follower === this.#follower
  }

  #takeIn(): boolean {
    const pids = this.#follower?.drain()
    if (pids == null) return false
    if (pids.length === 0) return true
    const numbers = this.#native.addon.namespacesOf(pids)
    pids.forEach((pid, at) => {
      const row = numbers.subarray(at * width, (at + 1) * width)
      this.#onTouched(pid, row)
      this.#set(pid, row.slice())
    })
    return true
  }

  /** Of one process, as it is now; undefined for one that is gone, or that may not be looked at. */
  of(pid: number): Row | undefined {
    const row = this.#native.addon.namespacesOf(Uint32Array.of(pid))
    return isReadable(row) ? row : undefined
  }

  #set(pid: number, row: Row): void {
    if (isReadable(row)) this.#rows.set(pid, row)
    else this.#rows.delete(pid)
  }
}
