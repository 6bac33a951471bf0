/** Namespaces of the whole machine: which there are, how they hang together, who is in them. */
import { readFileSync } from 'node:fs'
import type { Owners } from '../cgroups/owners.ts'
import type { Native } from '../host/native.ts'
import { describeProcess, ofProcess } from '../host/processes.ts'
import { limits } from '../limits.ts'
import { flagOfType } from '../plan/kernel.ts'
import type { Owner } from '../protocol/cgroupSchemas.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { isContainer, namespaceTypes, type NamespaceType } from '../protocol/kernelWords.ts'
import type { Holder, NamespaceList, NamespaceProcess, NamespaceSummary } from '../protocol/namespaceSchemas.ts'
import { mountsOf } from './mountTable.ts'
import { numberIn, ProcessTable, type Row } from './table.ts'

/** By what NS_GET_NSTYPE answers. */
const typeOfFlag: ReadonlyMap<number, NamespaceType> = new Map(
  namespaceTypes.map((type) => [Number(flagOfType[type]), type]),
)

/** What never changes of a namespace. */
interface Relations {
  readonly parent: number | null
  readonly owner: number | null
  readonly uid: number | null
}

interface Held {
  readonly type: NamespaceType
  readonly id: number
  readonly holder: Holder
  /** A path that leads to it. */
  readonly path: string
}

/** Who is in a namespace, and what keeps it besides. */
interface Found {
  readonly members: number[]
  readonly heldBy: Holder[]
}

/** What is known of a process besides; kept while it lives. */
interface Face {
  readonly command: string
  readonly belongsTo: Owner | null
}

export class Namespaces {
  readonly #native: Native
  readonly #owners: Owners
  readonly table: ProcessTable
  readonly #relations = new Map<number, Relations>()
  readonly #faces = new Map<number, Face>()
  readonly #listeners = new Set<() => void>()
  #held: Held[] = []
  #heldAt = -Infinity
  #lookedAt = -Infinity
  #timer: NodeJS.Timeout | undefined
  #signature = ''
  #isLooking = false

  constructor(native: Native, owners: Owners) {
    this.#native = native
    this.#owners = owners
    this.table = new ProcessTable(native, (pid, row) => this.#forget(pid, row))
  }

  /** Calls when a namespace comes or goes, or who is in one that is not the host's. Returns what ends it. */
  follow(listener: () => void): () => void {
    this.#listeners.add(listener)
    this.table.follow()
    // One that fails, for want of descriptors perhaps, is made up for by the next.
    this.#timer ??= setInterval(() => void this.#look().catch(() => undefined), limits.namespaces.drain)
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.close()
    }
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.table.unfollow()
    this.#lookedAt = -Infinity
  }

  async list(type?: NamespaceType): Promise<NamespaceList> {
    await this.refresh()
    const host = this.table.host
    const wanted = namespaceTypes.filter((one) => type === undefined || one === type)
    const found = new Map(wanted.map((of) => [of, new Map<number, Found>()]))
    const entry = (of: NamespaceType, id: number): Found => {
      const known = found.get(of)?.get(id)
      if (known !== undefined) return known
      const made = { members: [], heldBy: [] }
      found.get(of)?.set(id, made)
      return made
    }
    for (const of of wanted) {
      const at = namespaceTypes.indexOf(of)
      for (const [pid, row] of this.table.rows) if (row[at] !== 0) entry(of, row[at]!).members.push(pid)
    }
    for (const { type: of, id, holder } of this.#held) if (wanted.includes(of)) entry(of, id).heldBy.push(holder)
    // Ancestors that nobody is in are known by their descendants alone.
    for (const [of, all] of found)
      for (const [id, { members }] of [...all])
        for (const above of this.#relationsOf(of, id, this.#pathOf(of, id, members))) entry(above.type, above.id)
    const namespaces = [...found].flatMap(([of, all]) =>
      [...all].map(([id, known]) => this.#summary(of, id, { ...known, isHost: numberIn(host, of) === id })),
    )
    const order = (summary: NamespaceSummary): number => namespaceTypes.indexOf(summary.type)
    namespaces.sort((a, b) => order(a) - order(b) || Number(b.isHost) - Number(a.isHost) || a.id - b.id)
    return { namespaces, unreadable: this.table.unreadable }
  }

  /** Processes in a namespace. @throws BulkheadError NamespaceNotFound */
  async members(type: NamespaceType, id: number): Promise<NamespaceProcess[]> {
    await this.refresh()
    const pids = this.table.membersOf(type, id)
    if (pids.length === 0) this.pathTo(type, id, pids)
    return this.#describe(pids.sort((a, b) => a - b).slice(0, limits.page))
  }

  /** Processes with at least one namespace that is not the host's. */
  async processes(): Promise<NamespaceProcess[]> {
    await this.refresh()
    const pids = [...this.table.apart()].map(([pid]) => pid)
    return this.#describe(pids.sort((a, b) => a - b).slice(0, limits.page))
  }

  /** Names of containers and units whose processes are in a namespace, but for `except`. */
  othersIn(type: NamespaceType, id: number, except: string): string[] {
    const names = new Set<string>()
    for (const pid of this.table.membersOf(type, id)) {
      const { belongsTo, command } = this.#face(pid)
      // A watcher is where it was to bring its container there: it is nobody's company.
      if (belongsTo !== null || command !== 'bulkhead-init') names.add(belongsTo?.name ?? 'host')
    }
    names.delete(except)
    return [...names].sort()
  }

  /** Makes the table true: by what the kernel said, or by looking at every process. */
  async refresh(): Promise<void> {
    const now = performance.now()
    if (now - this.#heldAt > limits.namespaces.held) {
      this.#heldAt = now
      await this.#scanHeld()
    }
    await this.table.refresh()
  }

  /** A path that leads to a namespace that these are in. @throws BulkheadError NamespaceNotFound */
  pathTo(type: NamespaceType, id: number, members: readonly number[]): string {
    const path = this.#pathOf(type, id, members)
    // It may have ended since, and its path lead elsewhere.
    if (path === undefined || this.#native.addon.namespaceRelations(path)?.[0]?.number !== id)
      throw new BulkheadError('NamespaceNotFound', `there is no ${type} namespace ${id}`, {
        hint: 'It may have ended with its last process.',
      })
    return path
  }

  /** Whom a process belongs to, by its cgroup. */
  ownerOf(pid: number): Owner | null {
    return this.#face(pid).belongsTo
  }

  #summary(
    type: NamespaceType,
    id: number,
    { members, heldBy, isHost }: Found & { readonly isHost: boolean },
  ): NamespaceSummary {
    const { parent, owner, uid } = this.#relations.get(id) ?? { parent: null, owner: null, uid: null }
    const pid = members.length === 0 ? null : members.reduce((lowest, one) => Math.min(lowest, one))
    // Who is in the host's is everybody: not worth reading two thousand cgroups for.
    const owners = isHost ? [] : members.slice(0, 200).flatMap((one) => this.#face(one).belongsTo ?? [])
    const distinct = [...new Map(owners.map((one) => [`${one.kind}/${one.name}`, one])).values()]
    return {
      ...{ id, type, isHost, processes: members.length, pid, parent, owner, uid, heldBy },
      command: pid === null ? '' : this.#face(pid).command,
      belongsTo: distinct.sort((a, b) => Number(isContainer(b)) - Number(isContainer(a))),
    }
  }

  #face(pid: number): Face {
    const known = this.#faces.get(pid)
    if (known !== undefined) return known
    const command = ofProcess(pid, (folder) => readFileSync(`${folder}/comm`, 'utf8').trim()) ?? ''
    const path = ofProcess(pid, (folder) => cgroupPathIn(readFileSync(`${folder}/cgroup`, 'utf8'))) ?? '/'
    const face = { command, belongsTo: this.#owners.ofProcess(path) }
    this.#faces.set(pid, face)
    return face
  }

  #describe(pids: readonly number[]): NamespaceProcess[] {
    return pids.flatMap((pid) => {
      const process = describeProcess(pid)
      const row = this.table.rows.get(pid)
      if (process === undefined || row === undefined) return []
      const { parent, command, uid, pids: numbers } = process
      return {
        ...{ pid, parent, command, uid, pids: [...numbers], namespaces: byType(row) },
        belongsTo: this.#face(pid).belongsTo,
      }
    })
  }

  #pathOf(type: NamespaceType, id: number, members: readonly number[]): string | undefined {
    if (members.length > 0) return `/proc/${members[0]}/ns/${type}`
    return this.#held.find((held) => held.type === type && held.id === id && held.path !== '')?.path
  }

  /** Read once: they do not change while it lives. Answers ancestors. */
  #relationsOf(type: NamespaceType, id: number, path: string | undefined): { type: NamespaceType; id: number }[] {
    if (this.#relations.has(id) || path === undefined) return []
    const chain = this.#native.addon.namespaceRelations(path)
    if (chain?.[0]?.number !== id) return []
    for (const { number, parent, owner, uid } of chain)
      this.#relations.set(number, { parent: parent || null, owner: owner || null, uid: uid ?? null })
    return chain.slice(1).map(({ number, type: flag }) => ({ id: number, type: typeOfFlag.get(flag) ?? type }))
  }

  async #scanHeld(): Promise<void> {
    const found = await this.#native.addon.scanDescriptors('namespaces')
    const seen = new Set<number>()
    const mounts = [process.pid, ...this.table.rows.keys()].flatMap((pid) => {
      const space = numberIn(this.table.rows.get(pid) ?? this.table.host, 'mnt')
      if (seen.has(space)) return []
      seen.add(space)
      return mountsOf(pid)
        .filter(({ fileSystem }) => fileSystem === 'nsfs')
        .map(({ root, target }) => ({ pid, root, target }))
    })
    this.#held = [
      ...mounts.flatMap(({ pid, root, target }): Held[] => {
        const match = /^(\w+):\[(\d+)\]$/.exec(root)
        if (match === null) return []
        // A path in a mount namespace of another's is not followed: links in it may lead anywhere.
        const path = pid === process.pid ? target : ''
        return [
          { type: match[1] as NamespaceType, id: Number(match[2]), holder: { kind: 'mount', path: target, pid }, path },
        ]
      }),
      ...found
        .filter(({ pid, type }) => pid !== process.pid && typeOfFlag.has(type))
        .map(({ pid, descriptor, number, type }): Held => ({
          type: typeOfFlag.get(type)!,
          id: number,
          holder: { kind: 'descriptor', pid, descriptor, command: this.#face(pid).command },
          path: `/proc/${pid}/fd/${descriptor}`,
        })),
    ]
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      if (await this.#isNewer()) for (const listener of this.#listeners) listener()
    } finally {
      this.#isLooking = false
    }
  }

  /** Looks, and says whether anything is other than before. */
  async #isNewer(): Promise<boolean> {
    if (this.table.isFollowed || performance.now() - this.#lookedAt > limits.namespaces.scan) {
      this.#lookedAt = performance.now()
      await this.table.refresh()
    } else if (!(await this.table.hear())) return false
    const signature = this.#signatureNow()
    if (signature === this.#signature) return false
    this.#signature = signature
    return true
  }

  #forget(pid?: number, row?: Row): void {
    if (pid === undefined) {
      this.#faces.clear()
      this.#relations.clear()
      return
    }
    this.#faces.delete(pid)
    for (const number of row ?? []) this.#relations.delete(number)
  }

  /** Who is in what is not the host's: the host's own processes come and go, which changes nothing here. */
  #signatureNow(): string {
    const parts = [...this.table.apart()].map(([pid, row]) => `${pid} ${row.join(' ')}`)
    return parts.sort().join()
  }
}

function byType(row: Row): NamespaceProcess['namespaces'] {
  return Object.fromEntries(namespaceTypes.map((type) => [type, numberIn(row, type)])) as NamespaceProcess['namespaces']
}

/** Of the lines of /proc/PID/cgroup the one that says most: version 2's, systemd's, or the first that is not the root. */
export function cgroupPathIn(text: string): string {
  const lines = text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(/:(.*?):(.*)/s))
  const of = (controllers: string): string | undefined => lines.find(([, found]) => found === controllers)?.[2]
  const candidates = [of(''), of('name=systemd'), ...lines.map(([, , path]) => path)]
  return candidates.find((path) => path !== undefined && path !== '/') ?? '/'
}
