/**
 * One container: its record, its watcher while it runs, and its state.
 *
 *     created -> running <-> paused
 *                running -> exited -> running (again) ...        any but running -> removing -> gone
 */
import { rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { Operation } from '../plan/operations.ts'
import { describe } from '../plan/describe.ts'
import { encodePlan } from '../plan/encode.ts'
import { operations } from '../plan/operations.ts'
import type { RuntimeSpec } from '../plan/runtimeSpec.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { BulkheadEvent, ContainerState, ContainerSummary, StartTrace, TraceStep } from '../protocol/schemas.ts'
import type { Engine } from './engine.ts'
import { startFailure } from './failure.ts'
import { resizeFrame, signalFrame, type StepRecord } from './frames.ts'
import { ContainerFolder, type ContainerRecord, type ExitRecord, type StartRecord } from './record.ts'
import { Watcher } from './watcher.ts'

export interface Exit {
  readonly exitCode: number
  readonly oomKilled: boolean
}

const placeOf = new Map(operations.map(({ name, by }) => [name, by]))

function traceSteps(plan: readonly Operation[], records: readonly StepRecord[]): TraceStep[] {
  return records.flatMap(({ operation, start, end }) => {
    const step = plan[operation]
    if (step === undefined) return []
    const name = step.operation
    return [{ operation: name, by: placeOf.get(name)!, detail: describe(step), start: start / 1000, end: end / 1000 }]
  })
}

export class Container {
  readonly record: ContainerRecord
  readonly folder: ContainerFolder
  readonly #engine: Engine
  #state: ContainerState = 'created'
  #pid = 0
  #startedAt: number | null = null
  #start: StartRecord | undefined
  #isStarting = false
  #removal: Promise<void> | undefined
  /** Makes `#start`, when somebody asks for it or it is kept on disk. */
  #makeStart: (() => StartRecord) | undefined
  /** The watcher said how the container ended, or why it did not start: it releases what it holds itself. */
  #watcherSpoke = false
  #exit: ExitRecord | undefined
  #watcher: Watcher | undefined
  #whenExited = Promise.withResolvers<Exit>()
  #whenGone: Promise<void> = Promise.resolve()

  constructor(engine: Engine, record: ContainerRecord) {
    this.#engine = engine
    this.record = record
    this.folder = new ContainerFolder(engine.paths.container(record.id))
  }

  get id(): string {
    return this.record.id
  }
  get state(): ContainerState {
    return this.#state
  }
  get runs(): boolean {
    return this.#state === 'running' || this.#state === 'paused'
  }
  /** What `bulkhead` calls an error about this container. */
  get label(): string {
    return `container ${this.record.name}`
  }

  summary(): ContainerSummary {
    const { id, name, image, command, createdAt, request } = this.record
    const ended = this.#state === 'exited' || this.#state === 'removing' ? this.#exit : undefined
    return {
      id,
      name,
      image,
      command,
      state: this.#state,
      createdAt,
      startedAt: this.#startedAt,
      finishedAt: ended?.finishedAt ?? null,
      exitCode: ended?.exitCode ?? null,
      oomKilled: ended?.oomKilled ?? false,
      pid: this.#pid,
      labels: request.labels,
    }
  }

  trace(): StartTrace {
    const start = this.#startRecord()
    if (start === undefined)
      throw new BulkheadError('WrongState', `${this.label} has not been started yet`, { hint: 'Start it first.' })
    return { id: this.id, name: this.record.name, helper: start.helper, steps: start.steps }
  }

  /** Writes what a later helper, or a curious user, finds in the folder. A full disk ends nothing: it is in memory. */
  keepOnDisk(spec: RuntimeSpec): void {
    if (this.#state === 'removing') return
    this.#keep(() => {
      this.folder.writeSpec(spec)
      const start = this.#startRecord()
      if (start !== undefined) this.folder.writeStart(start)
    })
  }

  /** Carries out the plan. Resolves when the command runs; a plan that fails leaves the container as it was.
   * @param began time of the request, milliseconds of performance.now()
   * @throws BulkheadError that says which operation failed, and why */
  async start(plan: readonly Operation[], options: { attached: boolean; began: number }): Promise<Socket | undefined> {
    if (this.#isStarting) throw new BulkheadError('WrongState', `${this.label} is being started already`)
    this.#isStarting = true
    try {
      // The watcher of an earlier start holds the folder until it has let go of everything.
      if (this.#watcher !== undefined) await this.#whenGone
      return await this.#carryOut(plan, options)
    } finally {
      this.#isStarting = false
    }
  }

  async #carryOut(
    plan: readonly Operation[],
    options: { attached: boolean; began: number },
  ): Promise<Socket | undefined> {
    if (this.#exit !== undefined) rmSync(join(this.folder.path, 'exit.json'), { force: true })
    const encoded = encodePlan(plan)
    const started = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<void>()
    this.#whenExited = Promise.withResolvers()
    this.#whenGone = gone.promise
    this.#watcherSpoke = false
    const prepared = performance.now()
    let spawned = prepared
    try {
      const { watcher, attach } = this.#engine.watchers.start(
        { plan: encoded, containerDirectory: this.folder.path, attached: options.attached },
        {
          onStarted: ({ pid, records }) => {
            this.#onStarted(pid)
            started.resolve()
            const helper = { prepare: (prepared - options.began) * 1000, spawn: (spawned - prepared) * 1000 }
            const startedAt = this.#startedAt!
            this.#makeStart = () => ({ startedAt, helper, steps: traceSteps(plan, records()) })
          },
          onFailed: ({ operation, errno, on }) => {
            this.#watcherSpoke = true
            started.reject(startFailure({ operation: plan[operation]!, errno, on }))
          },
          onExited: (exit) => this.#onExited({ ...exit, oomKilled: exit.oomKills > 0 }),
          onGone: () => {
            started.reject(new BulkheadError('StartFailed', `${this.label}: its watcher ended without a word`))
            void this.#onGone().finally(gone.resolve)
          },
        },
      )
      spawned = performance.now()
      this.#watcher = watcher
      await started.promise.catch((error: unknown) => {
        attach?.destroy()
        throw error
      })
      return attach
    } catch (error) {
      if (this.#watcher === undefined) gone.resolve()
      await this.#whenGone
      throw error
    }
  }

  /** After the helper's own start: finds out what became of it. False when it never came to be. */
  async recover(isWatched: boolean): Promise<boolean> {
    this.#start = this.folder.readStart()
    this.#startedAt = this.#start?.startedAt ?? null
    if (isWatched && (await this.#findWatcher())) return true
    this.#exit = this.folder.readExit()
    if (this.#exit === undefined && this.#start === undefined) return false
    if (this.#exit === undefined) {
      // Its watcher was killed, and took the container with it.
      this.#exit = { exitCode: 137, signal: 9, oomKilled: false, finishedAt: Date.now() }
      this.#keep(() => this.folder.writeExit(this.#exit!))
    }
    this.#state = 'exited'
    this.#whenExited.resolve(this.#exit)
    await this.#releaseKernelState()
    return true
  }

  async #findWatcher(): Promise<boolean> {
    const found = Promise.withResolvers<boolean>()
    const gone = Promise.withResolvers<void>()
    this.#whenGone = gone.promise
    this.#watcher = Watcher.find(this.#engine.paths.socketOfWatcher(this.id), {
      onStarted: ({ pid }) => {
        this.#pid = pid
        this.#startedAt ??= this.record.createdAt // killed before that was written
        this.#state = this.#engine.cgroups.isFrozen(this.id) ? 'paused' : 'running'
        found.resolve(true)
      },
      onFailed: () => undefined,
      onExited: (exit) => this.#onExited({ ...exit, oomKilled: exit.oomKills > 0 }),
      onGone: () => {
        found.resolve(false)
        void this.#onGone().finally(gone.resolve)
      },
    })
    return await found.promise
  }

  signal(signal: number): void {
    this.#requireRunning('signalled')
    this.#watcher?.send(signalFrame(signal))
    this.publish('kill', { signal: String(signal) })
  }

  resize(rows: number, columns: number): void {
    this.#requireRunning('resized')
    this.#watcher?.send(resizeFrame(rows, columns))
  }

  async stop(timeout: number): Promise<void> {
    if (!this.runs) return
    if (this.#state === 'paused') await this.unpause()
    this.signal(15)
    if (await this.#exitsWithin(timeout * 1000)) return
    if (this.runs) this.signal(9)
    await this.#whenExited.promise
  }

  /** SIGKILL, and the end awaited. */
  async kill(): Promise<void> {
    if (!this.runs) return
    this.signal(9)
    if (this.#state === 'paused') await this.unpause() // a frozen process ends only when it is thawed
    await this.#whenExited.promise
  }

  async pause(): Promise<void> {
    this.#requireRunning('paused')
    if (this.#state === 'paused') throw new BulkheadError('WrongState', `${this.label} is paused already`)
    await this.#engine.cgroups.freeze(this.id)
    this.#state = 'paused'
    this.publish('pause')
  }

  async unpause(): Promise<void> {
    if (this.#state !== 'paused') throw new BulkheadError('WrongState', `${this.label} is not paused`)
    await this.#engine.cgroups.thaw(this.id)
    this.#state = 'running'
    this.publish('unpause')
  }

  wait(): Promise<Exit> {
    return this.#state === 'created'
      ? Promise.reject(
          new BulkheadError('WrongState', `${this.label} has not been started yet`, { hint: 'Start it first.' }),
        )
      : this.#whenExited.promise
  }

  /** Frees what it wrote; once, however many ask. Resumed by the next helper when this one is killed meanwhile. */
  remove(): Promise<void> {
    this.#removal ??= this.#remove()
    return this.#removal
  }

  async #remove(): Promise<void> {
    this.#state = 'removing'
    rmSync(join(this.folder.path, 'container.json'), { force: true }) // from here on it is a leftover
    await this.#whenGone
    await this.#engine.native.addon.removeTree(this.folder.path)
    this.publish('destroy')
  }

  /** The helper ends; the container goes on. */
  release(): void {
    this.#watcher?.release()
  }

  publish(action: BulkheadEvent['action'], attributes: Record<string, string> = {}): void {
    const { id, name, image } = this.record
    this.#engine.events.publish({
      type: 'container',
      action,
      id,
      time: Date.now(),
      attributes: { name, image, ...attributes },
      ...(action !== 'destroy' && { container: this.summary() }),
    })
  }

  #onStarted(pid: number): void {
    const isNew = this.#startedAt === null
    this.#pid = pid
    this.#startedAt = Date.now()
    this.#exit = undefined
    this.#state = 'running'
    if (isNew) this.publish('create')
    this.publish('start')
  }

  #startRecord(): StartRecord | undefined {
    if (this.#makeStart !== undefined) this.#start = this.#makeStart()
    this.#makeStart = undefined
    return this.#start
  }

  /** What a full disk must not end the helper for: it is in memory all the same. */
  #keep(write: () => void): void {
    try {
      write()
    } catch (error) {
      this.#engine.log.error({ err: error, container: this.id }, 'cannot be kept on disk')
    }
  }

  #onExited(exit: ExitRecord): void {
    this.#watcherSpoke = true
    this.#pid = 0
    this.#exit = exit
    this.#state = 'exited'
    if (exit.oomKilled) this.publish('oom')
    this.publish('die', { exitCode: String(exit.exitCode) })
    this.#whenExited.resolve(exit)
    if (this.record.request.autoRemove) void this.#engine.removeEnded(this)
  }

  async #onGone(): Promise<void> {
    this.#watcher = undefined
    if (this.#watcherSpoke) return // it has released everything itself
    // Killed before it could say how the container ended. The kernel kills the container with it: its cgroup can be
    // removed when the last process is gone.
    await this.#releaseKernelState()
    if (!this.runs) return
    const lost: ExitRecord = { exitCode: 137, signal: 9, oomKilled: false, finishedAt: Date.now() }
    this.#keep(() => this.folder.writeExit(lost))
    this.#onExited(lost)
  }

  /** What the watcher releases itself, unless it was killed. */
  async #releaseKernelState(): Promise<void> {
    await this.#engine.cgroups.remove(this.id)
    rmSync(this.#engine.paths.socketOfWatcher(this.id), { force: true })
  }

  #requireRunning(what: string): void {
    if (!this.runs)
      throw new BulkheadError('WrongState', `${this.label} is ${this.#state}: only one that runs can be ${what}`)
  }

  async #exitsWithin(milliseconds: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<false>((resolve) => (timer = setTimeout(resolve, milliseconds, false)))
    const exited = this.#whenExited.promise.then(() => true as const)
    return await Promise.race([exited, timeout]).finally(() => clearTimeout(timer))
  }
}
