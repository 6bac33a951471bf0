/** Health checks: a command in the container every so often, and what its exit codes say together. Docker's rules. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { limits } from '../limits.ts'
import type { RuntimeSpec } from '../plan/runtimeSpec.ts'
import type { Health } from '../protocol/lifecycleSchemas.ts'
import { execRequest } from '../protocol/schemas.ts'
import type { Container } from './container.ts'
import { endsWithin } from './endsWithin.ts'
import type { Execs } from './exec.ts'
import { FrameReader } from './frames.ts'
import type { HealthSettings } from './record.ts'

type Check = Health['log'][number]

/** What the checks so far say. `settings.startPeriod`: failures of that time count for nothing. */
export function judge(before: Health, check: Check, settings: HealthSettings, startedAt: number): Health {
  const log = [...before.log, check].slice(-limits.health.log)
  if (check.exitCode === 0) return { status: 'healthy', failingStreak: 0, log }
  const isEarly = before.status === 'starting' && check.end - startedAt < settings.startPeriod
  if (isEarly) return { ...before, log }
  const failingStreak = before.failingStreak + 1
  return { status: failingStreak >= settings.retries ? 'unhealthy' : before.status, failingStreak, log }
}

export class HealthMonitor {
  readonly #execs: Execs
  readonly #log: Logger
  readonly #specificationOf: (container: Container) => RuntimeSpec
  readonly #watched = new Map<string, { health: Health; end: AbortController }>()

  constructor(options: { execs: Execs; log: Logger; specificationOf: (container: Container) => RuntimeSpec }) {
    this.#execs = options.execs
    this.#log = options.log
    this.#specificationOf = options.specificationOf
  }

  /** Undefined for a container that is not checked. */
  of(id: string): Health | undefined {
    return this.#watched.get(id)?.health
  }

  /** From now on, until `unwatch`. One without a health check is left alone. */
  watch(container: Container): void {
    const settings = container.record.health
    if (settings === null) return
    this.unwatch(container.id)
    const watched = { health: { status: 'starting' as const, failingStreak: 0, log: [] }, end: new AbortController() }
    this.#watched.set(container.id, watched)
    this.#loop(container, settings, watched).catch((error: unknown) => {
      if (!watched.end.signal.aborted) this.#log.warn({ err: error, container: container.id }, 'health checks ended')
    })
  }

  unwatch(id: string): void {
    this.#watched.get(id)?.end.abort()
    this.#watched.delete(id)
  }

  close(): void {
    for (const id of [...this.#watched.keys()]) this.unwatch(id)
  }

  async #loop(
    container: Container,
    settings: HealthSettings,
    watched: { health: Health; end: AbortController },
  ): Promise<void> {
    const startedAt = Date.now()
    const { signal } = watched.end
    while (!signal.aborted) {
      const isEarly = watched.health.status === 'starting' && Date.now() - startedAt < settings.startPeriod
      await sleep(isEarly ? settings.startInterval : settings.interval, undefined, { signal, ref: false })
      if (container.state !== 'running') continue // paused: as it was
      const before = watched.health.status
      watched.health = judge(watched.health, await this.#check(container, settings), settings, startedAt)
      if (signal.aborted) return
      if (watched.health.status !== before) container.publish('health_status', { health: watched.health.status })
    }
  }

  async #check(container: Container, settings: HealthSettings): Promise<Check> {
    const { test, timeout } = settings
    const [kind, ...words] = test
    const command = kind === 'CMD-SHELL' ? ['/bin/sh', '-c', ...words] : words
    const start = Date.now()
    let output = ''
    try {
      const request = execRequest.parse({ container: container.id, command })
      const { id, attach, exit } = await this.#execs.start(container, this.#specificationOf(container), request)
      const reader = new FrameReader()
      const printed = new Promise((resolve) => attach?.once('close', resolve) ?? resolve(undefined))
      attach?.on('error', () => undefined)
      attach?.on('data', (chunk: Buffer) => {
        for (const frame of reader.push(chunk))
          if ((frame.type === 'stdout' || frame.type === 'stderr') && output.length < limits.health.output)
            output += frame.bytes.toString('utf8')
      })
      let timedOut = false
      const timer = setTimeout(() => {
        timedOut = true
        this.#execs.signal(id, 9)
      }, timeout)
      const { exitCode } = await exit.finally(() => clearTimeout(timer))
      await endsWithin(printed, settings.timeout)
      if (timedOut) return { start, end: Date.now(), exitCode: -1, output: `no answer within ${timeout} ms` }
      return { start, end: Date.now(), exitCode, output: output.slice(0, limits.health.output) }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return { start, end: Date.now(), exitCode: -1, output: why.slice(0, limits.health.output) }
    }
  }
}
