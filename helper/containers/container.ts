/**
 * One container: its record, its watcher while it runs, and its state.
 *
 *     created -> running <-> paused
 *                running -> exited -> running (again) ...        any but running -> removing -> gone
 *                running -> restarting -> running, where its restart policy says so
 */
import { rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { unlessGone } from '../cgroups/files.ts'
import { defaults } from '../limits.ts'
import type { Operation } from '../plan/operations.ts'
import { encodePlan } from '../plan/encode.ts'
import type { RuntimeSpec } from '../plan/runtimeSpec.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { BulkheadEvent, ContainerState, ContainerSummary, StartTrace } from '../protocol/schemas.ts'
import { endsWithin } from './endsWithin.ts'
import type { Engine } from './engine.ts'
import { startFailure } from './failure.ts'
import { resizeFrame, signalFrame } from './frames.ts'
import { LastStart } from './lastStart.ts'
import { ContainerFolder, lostExit, type ContainerRecord, type ExitRecord } from './record.ts'
import { RestartTimer } from './restartTimer.ts'
import { summaryOf } from './summary.ts'
import { Watcher } from './watcher.ts'

export interface Exit {
  readonly exitCode: number
  readonly oomKilled: boolean
}

export class Container {
  readonly folder: ContainerFolder
  #record: ContainerRecord
  readonly #engine: Engine
  #state: ContainerState = 'created'
  #pid = 0
  #startedAt: number | null = null
  #removal: Promise<void> | undefined
  /** The watcher said how the container ended, or why it did not start: it releases what it holds itself. */
  #watcherSpoke = false
  #exit: ExitRecord | undefined
  #watcher: Watcher | undefined
  #whenExited = Promise.withResolvers<Exit>()
  #whenGone: Promise<void> = Promise.resolve()
  readonly #lastStart = new LastStart()
  readonly #restarts = new RestartTimer()

  constructor(engine: Engine, record: ContainerRecord) {
    this.#engine = engine
    this.#record = record
    this.folder = new ContainerFolder(engine.paths.container(record.id))
  }

  get record(): ContainerRecord {
    return this.#record
  }
  get id(): string {
    return this.#record.id
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
    return summaryOf(this.#record, {
      state: this.#state,
      startedAt: this.#startedAt,
      exit: this.#exit,
      pid: this.#pid,
      restartCount: this.#restarts.count,
      attachment: this.#engine.attachmentOf(this.id),
      health: this.#engine.healthOf(this.id),
    })
  }

  /** Milliseconds that it ran, or has been running; restarts since somebody started it; the pause before the last. */
  get course(): { ran: number; restarts: number; lastPause: number } {
    const ran = this.#startedAt === null ? 0 : (this.#exit?.finishedAt ?? Date.now()) - this.#startedAt
    return { ran, restarts: this.#restarts.count, lastPause: this.#restarts.lastPause }
  }

  /** Changes what is kept of it, on disk first. */
  change(changes: Partial<ContainerRecord>): void {
    const record = { ...this.#record, ...changes }
    this.folder.writeRecord(record)
    this.#record = record
  }

  trace(): StartTrace {
    const start = this.#lastStart.record
    if (start === undefined)
      throw new BulkheadError('WrongState', `${this.label} has not been started yet`, { hint: 'Start it first.' })
    return { id: this.id, name: this.record.name, helper: start.helper, steps: start.steps }
  }

  /** Writes what a later helper, or a curious user, finds in the folder. A full disk ends nothing: it is in memory. */
  keepOnDisk(spec: RuntimeSpec): void {
    if (this.#state === 'removing') return
    this.#keep(() => {
      this.folder.writeSpec(spec)
      const start = this.#lastStart.record
      if (start !== undefined) this.folder.writeStart(start)
    })
  }

  /** Carries out the plan. Resolves when the command runs; a plan that fails leaves the container as it was.
   * @param began time of the request, milliseconds of performance.now()
   * @throws BulkheadError that says which operation failed, and why */
  async start(plan: readonly Operation[], options: { attached: boolean; began: number }): Promise<Socket | undefined> {
    // The watcher of an earlier start holds the folder until it has let go of everything.
    if (this.#watcher !== undefined) await this.#whenGone
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
            this.#lastStart.set(this.#startedAt!, { plan, records, helper })
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
      const before = this.#exit
      if (before !== undefined) this.#keep(() => this.folder.writeExit(before))
      if (before !== undefined) this.#whenExited.resolve(before)
      throw error
    }
  }

  /** After the helper's own start: finds out what became of it. False when it never came to be. */
  async recover(isWatched: boolean): Promise<boolean> {
    const start = this.folder.readStart()
    this.#lastStart.restore(start)
    this.#startedAt = start?.startedAt ?? null
    if (isWatched && (await this.#findWatcher())) return true
    this.#exit = this.folder.readExit()
    if (this.#exit === undefined && start === undefined) return this.#record.isCreated
    if (this.#exit === undefined) {
      // Its watcher was killed, and took the container with it.
      this.#exit = lostExit()
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

  /** Somebody starts it: what its restart policy counted is over. */
  beginAnew(): void {
    this.cancelRestart()
    this.#restarts.reset()
    if (this.#record.isStopped) this.change({ isStopped: false })
  }

  /** It is not started again, unless somebody does. */
  cancelRestart(): void {
    if (!this.#restarts.cancel() || this.#state !== 'restarting') return
    this.#state = 'exited'
    this.publish('stop') // whoever looks sees that it is not going to start any more
  }

  /** The stdio of one that runs, from now on. @throws BulkheadError WrongState */
  attach(): Socket {
    this.requireRunning('attached to')
    this.publish('attach')
    return Watcher.attach(this.#engine.paths.socketOfWatcher(this.id))
  }

  /** Sends a signal. One that is to end it keeps it from being started again, as with Docker. */
  signal(signal: number): void {
    this.requireRunning('signalled')
    if (signal === 9 || signal === this.#record.stopSignal) this.#markStopped()
    this.#watcher?.send(signalFrame(signal))
    this.publish('kill', { signal: String(signal) })
  }

  resize(rows: number, columns: number): void {
    this.requireRunning('resized')
    this.#watcher?.send(resizeFrame(rows, columns))
  }

  /** Asks it to end, and kills it when it has not after `timeout` seconds. */
  async stop({ signal, timeout }: { signal?: number | undefined; timeout?: number | undefined } = {}): Promise<void> {
    this.#markStopped()
    this.cancelRestart()
    if (!this.runs) return
    const { stopSignal, request } = this.#record
    const grace = timeout ?? request.stopTimeout ?? defaults.stopTimeout
    this.signal(signal ?? stopSignal)
    if (this.#state === 'paused') await this.unpause() // it hears of the signal then
    if (!(await endsWithin(this.#whenExited.promise, grace * 1000)) && this.runs) this.signal(9)
    await this.#whenExited.promise
    this.publish('stop')
  }

  /** SIGKILL, and the end awaited. */
  async kill(): Promise<void> {
    this.cancelRestart()
    if (!this.runs) return
    this.signal(9)
    if (this.#state === 'paused') await this.unpause() // a frozen process ends only when it is thawed
    await this.#whenExited.promise
  }

  async pause(): Promise<void> {
    this.requireRunning('paused')
    if (this.#state === 'paused') throw new BulkheadError('WrongState', `${this.label} is paused already`)
    await unlessGone(this.#engine.cgroups.freeze(this.id))
    this.requireRunning('paused')
    this.#state = 'paused'
    this.publish('pause')
  }

  async unpause(): Promise<void> {
    if (this.#state !== 'paused') throw new BulkheadError('WrongState', `${this.label} is not paused`)
    // One that was killed while it was frozen ends now, and its watcher removes the cgroup.
    await unlessGone(this.#engine.cgroups.thaw(this.id))
    if (!this.runs) return
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
    this.cancelRestart()
    this.#state = 'removing'
    rmSync(join(this.folder.path, 'container.json'), { force: true }) // from here on it is a leftover
    await this.#whenGone
    await this.#engine.native.addon.removeTree(this.folder.path)
    this.publish('destroy')
  }

  /** The helper ends; the container goes on. */
  release(): void {
    this.#restarts.cancel()
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

  /** Kept where it matters: a later helper must not start it again. */
  #markStopped(): void {
    if (this.#record.isStopped || this.#record.request.restart.name === 'no') return
    this.#keep(() => this.change({ isStopped: true }))
  }

  #onStarted(pid: number): void {
    this.#pid = pid
    this.#startedAt = Date.now()
    this.#exit = undefined
    this.#state = 'running'
    this.publish('start')
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
    const { exitCode } = exit
    const pause = this.#engine.ended(this, { exitCode, ran: this.course.ran })
    this.#state = pause === undefined ? 'exited' : 'restarting'
    if (exit.oomKilled) this.publish('oom')
    this.publish('die', { exitCode: String(exitCode) })
    this.#whenExited.resolve(exit)
    if (pause !== undefined) this.restartIn(pause)
    else if (this.#record.request.autoRemove) void this.#engine.removeEnded(this)
  }

  /** Starts it again after a pause of milliseconds; tries on when that fails. */
  restartIn(pause: number): void {
    this.#state = 'restarting'
    this.#restarts.set(pause, () => {
      this.#engine.startAgain(this).catch((error: unknown) => {
        this.#engine.log.warn({ err: error, container: this.id }, 'cannot be started again')
        if (this.#state !== 'restarting') return
        const again = this.#engine.ended(this, { exitCode: 127, ran: 0 })
        if (again === undefined) this.#state = 'exited'
        else this.restartIn(again)
      })
    })
  }

  async #onGone(): Promise<void> {
    this.#watcher = undefined
    if (this.#watcherSpoke) return // it has released everything itself
    // Killed before it could say how the container ended. The kernel kills the container with it: its cgroup can be
    // removed when the last process is gone.
    await this.#releaseKernelState()
    if (!this.runs) return
    const lost = lostExit()
    this.#keep(() => this.folder.writeExit(lost))
    this.#onExited(lost)
  }

  /** What the watcher releases itself, unless it was killed. */
  async #releaseKernelState(): Promise<void> {
    await this.#engine.cgroups.remove(this.id)
    rmSync(this.#engine.paths.socketOfWatcher(this.id), { force: true })
  }

  /** @throws BulkheadError WrongState */
  requireRunning(what: string): void {
    if (!this.runs)
      throw new BulkheadError('WrongState', `${this.label} is ${this.#state}: only one that runs can be ${what}`)
  }
}
