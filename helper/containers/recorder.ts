/** Keeps what containers that run use, second by second: when somebody asks, it has already happened. */
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Accounting } from '../cgroups/accounting.ts'
import type { Cgroups } from '../cgroups/cgroups.ts'
import { UsageHistory, type Resolution } from '../cgroups/history.ts'
import { messageValue, type Look, type UsageSampler } from '../cgroups/sampler.ts'
import { limits } from '../limits.ts'
import type { Container } from './container.ts'
import type { Containers } from './containers.ts'
import type { Events } from './events.ts'

interface Record {
  readonly look: Look
  readonly history: UsageHistory
  readonly pid: number
}

interface Parts {
  readonly containers: Containers
  readonly sampler: UsageSampler
  readonly events: Events
  readonly log: Logger
  readonly cgroups: Cgroups
  readonly accounting: Accounting
}

function fileOf(container: Container): string {
  return join(container.folder.path, 'usage')
}

export class Recorder {
  readonly #parts: Parts
  readonly #records = new Map<string, Record>()
  readonly #ends: readonly (() => void)[]
  /** Those that run, and are not recorded yet. */
  readonly #waiting = new Set<Container>()
  #isBeginning = false
  #isClosed = false
  #timer: NodeJS.Timeout | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    this.#ends = [
      parts.sampler.onSample((time) => this.#record(time / 1000)),
      // Not at once: a start must not wait for files to be opened that nobody may ever need.
      parts.events.subscribe(({ action, id }) => {
        if (action === 'start') this.#timer ??= setTimeout(() => this.resume(), 1000)
        if (action === 'die' && this.#records.has(id)) this.#leave(id)
      }),
    ]
  }

  /** Records those that run, and no others. */
  resume(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const running = new Map(this.#parts.containers.all().flatMap((one) => (one.runs ? [[one.id, one] as const] : [])))
    for (const [id, { pid }] of this.#records) {
      if (running.get(id)?.summary().pid !== pid) this.#leave(id)
    }
    for (const container of running.values()) if (!this.#records.has(container.id)) this.#waiting.add(container)
    void this.#beginAll()
  }

  /** Of a container that runs or has run. Empty for one that never did. */
  read(container: Container, resolution: Resolution): (number | null)[][] {
    const kept = this.#records.get(container.id)?.history
    const history = kept ?? new UsageHistory(fileOf(container))
    try {
      const rows = history.read(resolution, Math.floor(Date.now() / 1000))
      return rows.map(({ second, values }) => [second * 1000, ...Array.from(values, messageValue)])
    } finally {
      if (kept === undefined) history.close()
    }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const end of this.#ends) end()
    for (const id of this.#records.keys()) this.#end(id)
  }

  /** One after the other, each in a turn of its own: many that were started at once must not hold up whoever asks. */
  async #beginAll(): Promise<void> {
    if (this.#isBeginning) return
    this.#isBeginning = true
    for (const container of this.#waiting) {
      this.#waiting.delete(container)
      if (this.#records.size < limits.recorded) await this.#begin(container)
      await setImmediate()
    }
    this.#isBeginning = false
  }

  async #begin(container: Container): Promise<void> {
    const { id } = container
    const { pid } = container.summary()
    const { cgroups, accounting, sampler, log } = this.#parts
    try {
      if (container.runs) await accounting.begin(id, () => cgroups.processes(id))
      // What runs on while this helper ends stays where it is: the next one finds it there.
      if (this.#isClosed) return
      if (!container.runs || container.summary().pid !== pid) return await accounting.end(id)
      const history = new UsageHistory(fileOf(container))
      const whose = container.record.request.network === 'host' ? 0 : pid
      const look = sampler.look(cgroups.path(id), ['cpu', 'memory', 'io', 'pids', 'detail'], whose)
      this.#records.set(id, { look, history, pid })
    } catch (error) {
      // It has ended meanwhile; or a full disk, or no more descriptors: the container is worth more than its graph.
      if (container.runs) log.warn({ err: error, container: id }, 'what it uses is not recorded')
      this.#leave(id)
    }
  }

  #end(id: string): void {
    const record = this.#records.get(id)
    this.#records.delete(id)
    record?.look.close()
    record?.history.close()
  }

  /** Of one that has ended. */
  #leave(id: string): void {
    this.#end(id)
    this.#parts.accounting.end(id).catch((error: unknown) => {
      this.#parts.log.warn({ err: error, container: id }, 'a cgroup for counting stays behind')
    })
  }

  #record(second: number): void {
    this.resume()
    for (const [id, { look, history }] of this.#records) {
      try {
        history.add(second, look.value)
      } catch (error) {
        this.#parts.log.warn({ err: error, container: id }, 'what it uses is not recorded any more')
        this.#end(id)
      }
    }
  }
}
