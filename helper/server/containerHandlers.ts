/** The methods `containers/…`. */
import type { Cgroups } from '../cgroups/cgroups.ts'
import type { Container } from '../containers/container.ts'
import type { Containers } from '../containers/containers.ts'
import { readLog } from '../containers/log.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { CheckedParams } from '../protocol/methods.ts'
import type { ExecRequest, RunRequest } from '../protocol/schemas.ts'
import type { Engine } from './handlers.ts'
import { grantsFor } from './policy.ts'
import type { Handlers, Session } from './session.ts'
import { passStdio } from './stdio.ts'
import { receive, send } from './streams.ts'

type ContainerMethods = Pick<Handlers, Extract<keyof Handlers, `containers/${string}` | `exec/${string}`>>

export function containerHandlers(engine: Engine): ContainerMethods {
  const { containers, contents, execs, policy, cgroups, events } = engine

  async function run(request: RunRequest, session: Session) {
    policy.require(session.caller, grantsFor(request))
    if (!request.attach) return (await containers.run(request)).container.summary()
    session.openStream()
    try {
      const { container, attach } = await containers.run(request)
      session.takeInput(passStdio(session, () => container.wait(), attach!))
      return container.summary()
    } catch (error) {
      session.endStream({ exitCode: null, oomKilled: false })
      throw error
    }
  }

  async function exec(request: ExecRequest, session: Session) {
    const container = containers.get(request.container)
    policy.require(session.caller, grantsFor(container.record.request))
    const spec = containers.specificationOf(container)
    if (!request.attach) {
      const { id, pid } = await execs.start(container, spec, request)
      return { id, pid }
    }
    session.openStream()
    try {
      const { id, pid, attach, exit } = await execs.start(container, spec, request)
      session.takeInput(passStdio(session, () => exit, attach!))
      return { id, pid }
    } catch (error) {
      session.endStream({ exitCode: null, oomKilled: false })
      throw error
    }
  }

  async function logs(options: CheckedParams<'containers/logs'>, session: Session): Promise<null> {
    const container = containers.get(options.container)
    session.openStream()
    session.takeInput(() => undefined)
    sendLog(container, options, session).catch(() => session.endStream({ exitCode: null, oomKilled: false }))
    return null
  }

  async function commit({ container: reference, ...options }: CheckedParams<'containers/commit'>) {
    const container = containers.get(reference)
    const { summary } = await contents.commit(container, { ...options, name: options.name })
    events.publish({
      type: 'image',
      action: 'commit',
      id: summary.id,
      time: Date.now(),
      attributes: { name: summary.name ?? '', container: container.record.name },
    })
    return summary
  }

  async function changed(reference: string, change: (container: Container) => Promise<void> | void) {
    const container = containers.get(reference)
    await change(container)
    return container.summary()
  }

  return {
    'containers/list': () => containers.list(),
    'containers/run': run,
    'containers/start': async ({ container }, session) => {
      const found = containers.get(container)
      policy.require(session.caller, grantsFor(found.record.request))
      if (contents.isBeingWritten(found.id))
        throw new BulkheadError('Busy', `files are being copied into ${found.label}`, {
          hint: 'Start it when that is done.',
        })
      return (await containers.start(container)).summary()
    },
    'containers/stop': ({ container, timeout }) => changed(container, (found) => found.stop(timeout)),
    'containers/kill': ({ container, signal }) => changed(container, (found) => found.signal(signal)),
    'containers/pause': ({ container }) => changed(container, (found) => found.pause()),
    'containers/unpause': ({ container }) => changed(container, (found) => found.unpause()),
    'containers/remove': async ({ container, force }) => {
      await containers.remove(container, force)
      return null
    },
    'containers/wait': async ({ container }) => {
      const { exitCode, oomKilled } = await containers.get(container).wait()
      return { exitCode, oomKilled }
    },
    'containers/inspect': ({ container }) => inspect(containers, cgroups, container),
    'containers/trace': ({ container }) => containers.get(container).trace(),
    'containers/logs': logs,
    'containers/resize': ({ container, rows, columns }) => {
      containers.get(container).resize(rows, columns)
      return null
    },
    'containers/exec': exec,
    'exec/resize': ({ id, rows, columns }) => {
      execs.resize(id, rows, columns)
      return null
    },
    'exec/kill': ({ id, signal }) => {
      execs.signal(id, signal)
      return null
    },
    'containers/diff': ({ container }) => contents.diff(containers.get(container)),
    'containers/export': async ({ container }, session) => {
      await send(session, await contents.export(containers.get(container)))
      return null
    },
    'containers/copyFrom': async ({ container, path }, session) => {
      await send(session, await contents.copyFrom(containers.get(container), path))
      return null
    },
    'containers/copyTo': async ({ container, path, keepOwners }, session) => {
      await receive(session, (source) => contents.copyTo(containers.get(container), source, { path, keepOwners }))
      return null
    },
    'containers/commit': commit,
  }
}

function inspect(containers: Containers, cgroups: Cgroups, reference: string): Record<string, unknown> {
  const container = containers.get(reference)
  const { record, folder } = container
  return {
    ...container.summary(),
    imageId: record.imageId,
    request: record.request,
    layers: record.layers,
    upperDirectory: folder.upper,
    workDirectory: folder.work,
    logPath: `${folder.path}/log`,
    cgroups: container.runs ? cgroups.directories(container.id) : {},
    specification: containers.specificationOf(container),
  }
}

async function sendLog(
  container: Container,
  options: CheckedParams<'containers/logs'>,
  session: Session,
): Promise<void> {
  const end = new AbortController()
  session.closed.addEventListener('abort', () => end.abort())
  if (container.runs) void container.wait().then(() => end.abort())
  else end.abort()
  const follow = options.follow ? end.signal : undefined
  for await (const { on, time, bytes } of readLog(container.folder.path, { tail: options.tail, follow })) {
    if (session.closed.aborted) return
    await session.sendBytes(on, options.timestamps ? Buffer.concat([Buffer.from(`${time} `), bytes]) : bytes)
  }
  session.endStream({ exitCode: container.summary().exitCode, oomKilled: container.summary().oomKilled })
}
