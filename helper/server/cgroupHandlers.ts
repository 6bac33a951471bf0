/** The methods `cgroups/…` and `usage/…`. */
import { killAll, requireNotOurs, setFrozen } from '../cgroups/change.ts'
import { setLimit } from '../cgroups/limitFiles.ts'
import { columnIndex, messageValue, type Look } from '../cgroups/sampler.ts'
import { limits } from '../limits.ts'
import { numberIn } from '../namespaces/table.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { CheckedParams } from '../protocol/methods.ts'
import { columnsOf } from '../protocol/usageColumns.ts'
import type { Engine } from './handlers.ts'
import type { Handlers, Session } from './session.ts'

type Method = Extract<keyof Handlers, `cgroups/${string}` | `usage/${string}`>

/** What one connection looks at. */
class Watches {
  readonly #engine: Engine
  readonly #session: Session
  readonly #follows = new Map<string, () => void>()
  readonly #usage = new Map<string, { readonly looks: readonly Look[]; readonly end: () => void }>()

  constructor(engine: Engine, session: Session) {
    this.#engine = engine
    this.#session = session
    session.closed.addEventListener('abort', () => this.#close(), { once: true })
  }

  follow(paths: readonly string[]): void {
    const wanted = new Set(paths)
    for (const [path, end] of this.#follows) {
      if (wanted.has(path)) continue
      end()
      this.#follows.delete(path)
    }
    for (const path of wanted) {
      if (this.#follows.has(path)) continue
      const end = this.#engine.tree.follow(path, (change) => this.#session.sendCgroupsChanged({ path, ...change }))
      this.#follows.set(path, end)
    }
  }

  watch({ key, cgroups, metrics }: CheckedParams<'usage/watch'>): void {
    const { sampler } = this.#engine
    const before = this.#usage.get(key)
    this.#usage.delete(key)
    const others = [...this.#usage.values()].reduce((sum, { looks }) => sum + looks.length, 0)
    if (others + cgroups.length > limits.sampled) {
      before?.end()
      throw new BulkheadError('Busy', `one connection may watch ${limits.sampled} cgroups, not more`)
    }
    const looks: Look[] = []
    try {
      for (const path of cgroups)
        looks.push(sampler.look(path, metrics, metrics.includes('detail') ? this.#processOf(path) : 0))
    } catch (error) {
      for (const look of looks) look.close()
      before?.end()
      throw error
    }
    // Opened before the old ones are closed, so that what is in both goes on counting.
    before?.end()
    if (cgroups.length === 0) return
    const columns = columnsOf(metrics).map(columnIndex)
    const unsubscribe = sampler.onSample((time) => {
      const rows = looks.map((look) => columns.map((column) => messageValue(look.value(column))))
      this.#session.sendNews('usage/sample', { key, time, rows })
    })
    const end = (): void => {
      unsubscribe()
      for (const look of looks) look.close()
    }
    this.#usage.set(key, { looks, end })
  }

  /** Whose network is counted as a cgroup's: of a process in it, unless that has the host's. */
  #processOf(path: string): number {
    const { tree, namespaces } = this.#engine
    const [pid] = path === '/' ? [] : tree.processes(path)
    const row = pid === undefined ? undefined : namespaces.table.of(pid)
    return row === undefined || numberIn(row, 'net') === numberIn(namespaces.table.host, 'net') ? 0 : pid!
  }

  #close(): void {
    for (const end of this.#follows.values()) end()
    for (const { end } of this.#usage.values()) end()
  }
}

export function cgroupHandlers(engine: Engine): Pick<Handlers, Method> {
  const { hierarchies, tree, containers, cgroups, policy, recorder } = engine
  const watches = new WeakMap<Session, Watches>()
  const parent = `${cgroups.parent}/`

  function watchesOf(session: Session): Watches {
    const known = watches.get(session) ?? new Watches(engine, session)
    watches.set(session, known)
    return known
  }

  /** What is inside a container of ours may be changed by whoever may change that. */
  function requireMayChange(session: Session, path: string): void {
    if (!path.startsWith(parent)) return policy.require(session.caller, ['cgroups'])
    const [id = '', ...below] = path.slice(parent.length).split('/')
    const container = containers.find(id)
    if (container !== undefined && below.length === 0)
      throw new BulkheadError('InvalidRequest', `${path} is the cgroup of ${container.label}: change that instead`, {
        hint: `bulkhead update, pause, unpause and kill do, with ${container.record.name}.`,
      })
  }

  return {
    'cgroups/list': ({ path, offset }) => tree.list(path, offset),
    'cgroups/inspect': ({ path }) => tree.inspect(path),
    'cgroups/follow': ({ paths }, session) => {
      watchesOf(session).follow(paths)
      return null
    },
    'cgroups/setLimit': (request, session) => {
      requireMayChange(session, request.path)
      return setLimit(hierarchies, request)
    },
    'cgroups/freeze': async ({ path, frozen }, session) => {
      requireMayChange(session, path)
      requireNotOurs(hierarchies, path)
      await setFrozen(hierarchies, path, frozen)
      return null
    },
    'cgroups/kill': async ({ path }, session) => {
      requireMayChange(session, path)
      requireNotOurs(hierarchies, path)
      await killAll(hierarchies, path)
      return null
    },
    'usage/watch': (request, session) => {
      watchesOf(session).watch(request)
      return null
    },
    'usage/history': ({ container: reference, resolution }) => {
      const container = containers.get(reference)
      return { cgroup: cgroups.path(container.id), rows: recorder.read(container, resolution) }
    },
  }
}
