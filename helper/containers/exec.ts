/** More processes in containers that run: each has a watcher of its own, for its stdio, its terminal and its end. */
import { mkdirSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { Engine } from './engine.ts'
import { mergeVariables } from './variables.ts'
import { encodePlan } from '../plan/encode.ts'
import { makeExecPlan } from '../plan/execPlan.ts'
import type { Operation } from '../plan/operations.ts'
import type { RuntimeSpec } from '../plan/runtimeSpec.ts'
import { initAnnotation, userAnnotation } from '../plan/runtimeSpec.ts'
import { socketName } from '../host/paths.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { ExecRequest } from '../protocol/schemas.ts'
import type { Container, Exit } from './container.ts'
import { startFailure } from './failure.ts'
import { resizeFrame, signalFrame } from './frames.ts'
import { newId } from './names.ts'
import type { SeccompPrograms } from './seccompPrograms.ts'
import type { Watcher } from './watcher.ts'

export interface Exec {
  readonly id: string
  readonly pid: number
  /** The stdio stream of whoever is attached. */
  readonly attach: Socket | undefined
  /** Resolves when it has ended. */
  readonly exit: Promise<Exit>
}

/** The container's specification with another process. Later variables replace earlier ones. */
export function execSpecification(spec: RuntimeSpec, request: ExecRequest): RuntimeSpec {
  const { rows, columns, tty, command, workingDirectory, user } = request
  return {
    ...spec,
    annotations: { ...spec.annotations, [initAnnotation]: 'false', ...(user !== '' && { [userAnnotation]: user }) },
    process: {
      ...spec.process,
      terminal: tty,
      ...(tty && { consoleSize: { height: rows, width: columns } }),
      args: command,
      env: mergeVariables([...spec.process.env, ...(tty ? ['TERM=xterm'] : []), ...request.env]),
      cwd: workingDirectory ?? spec.process.cwd,
    },
  }
}

export class Execs {
  readonly #engine: Engine
  readonly #seccomp: SeccompPrograms
  readonly #running = new Map<string, Watcher>()
  /** A watcher locks one; its own is nobody else's. */
  readonly #folders: string[] = []

  constructor(engine: Engine, seccomp: SeccompPrograms) {
    this.#engine = engine
    this.#seccomp = seccomp
    // Those of an earlier helper's: what runs on in them does not need their names.
    rmSync(engine.paths.execs, { recursive: true, force: true })
    mkdirSync(engine.paths.execs, { recursive: true, mode: 0o700 })
  }

  /** Resolves when the command runs. @throws BulkheadError that says which operation failed, and why */
  async start(container: Container, spec: RuntimeSpec, request: ExecRequest): Promise<Exec> {
    if (container.state !== 'running')
      throw new BulkheadError(
        'WrongState',
        `${container.label} is ${container.state}: a command can be run only in one that runs`,
        {
          hint: container.state === 'paused' ? 'Unpause it first.' : 'Start it first.',
        },
      )
    const { cgroups } = this.#engine
    const id = newId()
    const execSpec = execSpecification(spec, request)
    const plan = makeExecPlan(execSpec, {
      pid: container.summary().pid,
      cgroup: container.id,
      cgroupDirectories: [...new Set(Object.values(cgroups.directories(container.id)))],
      isUnified: cgroups.version === 'v2',
      seccompProgram: await this.#seccomp.get(spec.linux.seccomp),
      socket: socketName(id),
      attached: request.attach,
      openStdin: request.openStdin && request.attach,
    })
    return await this.launch(id, plan, { attached: request.attach, what: `a command in ${container.label}` })
  }

  /** Has a watcher of its own carry out a plan. `what`: for the error that it ended without a word. */
  async launch(
    id: string,
    plan: readonly Operation[],
    { attached, what }: { attached: boolean; what: string },
  ): Promise<Exec> {
    const folder = this.#folder()
    const started = Promise.withResolvers<number>()
    const exit = Promise.withResolvers<Exit>()
    exit.promise.catch(() => undefined)
    const gone = new BulkheadError('StartFailed', `the watcher of ${what} ended without a word`)
    const { watcher, attach } = this.#engine.watchers.start(
      { plan: encodePlan(plan), containerDirectory: folder, attached },
      {
        onStarted: ({ pid }) => started.resolve(pid),
        onFailed: ({ operation, errno, on }) =>
          started.reject(startFailure({ operation: plan[operation]!, errno, on })),
        onExited: ({ exitCode }) => exit.resolve({ exitCode, oomKilled: false }),
        onGone: () => {
          started.reject(gone)
          exit.reject(gone)
          this.#running.delete(id)
          this.#folders.push(folder)
        },
      },
    )
    this.#running.set(id, watcher)
    try {
      return { id, pid: await started.promise, attach, exit: exit.promise }
    } catch (error) {
      attach?.destroy()
      throw error
    }
  }

  /** One that no watcher holds: nothing is written to it, and so it serves the next one. */
  #folder(): string {
    const free = this.#folders.pop()
    if (free !== undefined) return free
    const made = join(this.#engine.paths.execs, newId().slice(0, 16))
    mkdirSync(made, { mode: 0o700 })
    return made
  }

  resize(id: string, rows: number, columns: number): void {
    this.#get(id).send(resizeFrame(rows, columns))
  }

  signal(id: string, signal: number): void {
    this.#get(id).send(signalFrame(signal))
  }

  #get(id: string): Watcher {
    const found = this.#running.get(id)
    if (found === undefined)
      throw new BulkheadError('WrongState', `no command ${id.slice(0, 12)} runs`, { hint: 'It may have ended.' })
    return found
  }
}
