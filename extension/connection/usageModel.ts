/** What cgroups use, as this window follows it: samples of the last minutes, for those alone that somebody looks at. */
import type * as vscode from 'vscode'
import type { UsageSample } from '../../helper/protocol/usageSchemas.ts'
import { columnsOf, usageColumns, type Metric, type UsageColumn } from '../../helper/protocol/usageColumns.ts'
import type { Connection } from './connection.ts'

/** Samples that are kept: two minutes. */
const kept = 120

/** A value a second, oldest first; none before the first. */
export type Values = (column: UsageColumn) => readonly (number | null)[]

interface Watch {
  readonly metrics: readonly Metric[]
  readonly cgroups: readonly string[]
  readonly onSample: (sample: UsageSample) => void
}

export class UsageModel implements vscode.Disposable {
  readonly #connection: Connection
  readonly #log: vscode.LogOutputChannel
  readonly #watches = new Map<string, Watch>()
  readonly #series = new Map<string, Map<UsageColumn, (number | null)[]>>()
  readonly #subscription: vscode.Disposable
  #parent: Promise<string> | undefined

  constructor(connection: Connection, log: vscode.LogOutputChannel) {
    this.#connection = connection
    this.#log = log
    this.#subscription = connection.onDidChange((state) => {
      this.#series.clear()
      this.#parent = undefined
      if (state === 'connected') for (const key of this.#watches.keys()) this.#ask(key)
    })
  }

  /** From now on these are watched under this key, and no others. None ends it. */
  watch(key: string, watch: Watch): void {
    if (watch.cgroups.length === 0) return this.end(key)
    const before = this.#watches.get(key)
    this.#watches.set(key, watch)
    if (before?.cgroups.join('\n') === watch.cgroups.join('\n') && before.metrics.join() === watch.metrics.join())
      return
    this.#ask(key)
    this.#forget()
  }

  end(key: string): void {
    if (!this.#watches.delete(key)) return
    this.#ask(key)
    this.#forget()
  }

  /** What this window has seen of a cgroup. */
  live(cgroup: string): Values {
    const series = this.#series.get(cgroup)
    return (column) => series?.get(column) ?? []
  }

  /** What the helper has recorded of a container: its last ten minutes. Before its first seconds, what this window has seen. */
  async recorded(container: string): Promise<Values> {
    const { client } = this.#connection
    const history = await client?.call('usage/history', { container, resolution: 'second' }).catch(() => undefined)
    const rows = history?.rows ?? []
    if (rows.length < 2) return this.live(await this.cgroupOf(container))
    return (column) => {
      const at = usageColumns.indexOf(column) + 1 // after the time
      return rows.map((row) => row[at] ?? null)
    }
  }

  /** The cgroup that has those of all containers, each called by its id; empty without a helper. */
  cgroupParent(): Promise<string> {
    this.#parent ??= this.#askForParent()
    return this.#parent
  }

  async cgroupOf(container: string): Promise<string> {
    return `${await this.cgroupParent()}/${container}`
  }

  dispose(): void {
    this.#subscription.dispose()
  }

  async #askForParent(): Promise<string> {
    const version = await this.#connection.client?.call('version')
    return version?.cgroupParent ?? ''
  }

  #ask(key: string): void {
    const { client } = this.#connection
    if (client === undefined) return
    const watch = this.#watches.get(key)
    client.onUsage(key, watch === undefined ? undefined : (sample) => this.#take(key, watch, sample))
    client
      .call('usage/watch', { key, cgroups: [...(watch?.cgroups ?? [])], metrics: [...(watch?.metrics ?? ['cpu'])] })
      .catch((error: unknown) => this.#log.warn(String(error)))
  }

  #take(key: string, watch: Watch, sample: UsageSample): void {
    const columns = columnsOf(watch.metrics)
    sample.rows.forEach((row, at) => {
      const cgroup = watch.cgroups[at]
      if (cgroup === undefined) return // of a watch that has been replaced meanwhile
      const series = this.#series.get(cgroup) ?? new Map<UsageColumn, (number | null)[]>()
      this.#series.set(cgroup, series)
      columns.forEach((column, index) => {
        const values = series.get(column) ?? []
        series.set(column, values)
        values.push(row[index] ?? null)
        if (values.length > kept) values.shift()
      })
    })
    // Whoever watches the same again hears of it in the other's place.
    this.#watches.get(key)?.onSample(sample)
  }

  /** Of what nobody watches any more. */
  #forget(): void {
    const watched = new Set([...this.#watches.values()].flatMap(({ cgroups }) => cgroups))
    for (const cgroup of this.#series.keys()) if (!watched.has(cgroup)) this.#series.delete(cgroup)
  }
}
