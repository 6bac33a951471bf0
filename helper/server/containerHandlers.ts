/** The methods `containers/…`. */
import type { Socket } from 'node:net'
import type { Cgroups } from '../cgroups/cgroups.ts'
import type { Container } from '../containers/container.ts'
import type { Containers } from '../containers/containers.ts'
import { readLog } from '../containers/log.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { CheckedParams } from '../protocol/methods.ts'
import type { ExecRequest, RunRequest } from '../protocol/schemas.ts'
import { processesIn } from '../containers/processes.ts'
import { statsOf } from '../containers/stats.ts'
import { update } from '../containers/update.ts'
import type { Engine } from './handlers.ts'
import { grantsFor } from './policy.ts'
import type { Handlers, Session } from './session.ts'
import { passStdio } from './stdio.ts'
import { receive, send } from './streams.ts'

type ContainerMethods = Pick<
  Handlers,
  Exclude<Extract<keyof Handlers, `containers/${string}` | `exec/${string}`>, 'containers/shares'>
>

export function containerHandlers(engine: Engine): ContainerMethods {
  const { containers, contents, execs, policy, cgroups, events } = engine

  /** Whoever takes over another's container takes over what that one was granted. */
  function requireGrants(session: Session, request: RunRequest): void {
    policy.require(session.caller, grantsFor(request))
    if (request.network.startsWith('container:'))
      requireGrants(session, containers.get(request.network.slice('container:'.length)).record.request)
  }

  /** Starts something whose stdio this connection carries. */
  async function startAttached(
    session: Session,
    start: () => Promise<{ container: Container; attach: Socket | undefined }>,
  ) {
    session.openStream()
    try {
      const { container, attach } = await start()
      const { attach: once } = container.record.request
      session.takeInput(passStdio(session, attach!, { exit: () => container.wait(), once }))
      return container.summary()
    } catch (error) {
      session.endStream({ exitCode: null, oomKilled: false })
      throw error
    }
  }

  async function run(request: RunRequest, session: Session) {
    requireGrants(session, request)
    if (request.attach) return await startAttached(session, () => containers.run(request, session.caller))
    return (await containers.run(request, session.caller)).container.summary()
  }

  async function start({ container: reference, attach }: CheckedParams<'containers/start'>, session: Session) {
    const found = containers.get(reference)
    requireGrants(session, found.record.request)
    if (contents.isBeingWritten(found.id))
      throw new BulkheadError('Busy', `files are being copied into ${found.label}`, {
        hint: 'Start it when that is done.',
      })
    const begin = () => containers.start(found.id, { attached: attach })
    return attach ? await startAttached(session, begin) : (await begin()).container.summary()
  }

  function attach(reference: string, session: Session) {
    const container = containers.get(reference)
    requireGrants(session, container.record.request)
    const { tty, openStdin, attach: once } = container.record.request
    const socket = container.attach()
    session.openStream()
    session.takeInput(passStdio(session, socket, { exit: () => container.wait(), once: once && !tty }))
    return { id: container.id, tty, openStdin }
  }

  async function exec(request: ExecRequest, session: Session) {
    const container = containers.get(request.container)
    requireGrants(session, container.record.request)
    const spec = containers.specificationOf(container)
    if (!request.attach) {
      const { id, pid } = await execs.start(container, spec, request)
      return { id, pid }
    }
    session.openStream()
    try {
      const { id, pid, attach: socket, exit } = await execs.start(container, spec, request)
      session.takeInput(passStdio(session, socket!, { exit: () => exit, once: true }))
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
    'containers/create': async (request, session) => {
      requireGrants(session, request)
      return (await containers.create(request, session.caller)).summary()
    },
    'containers/start': start,
    'containers/attach': ({ container }, session) => attach(container, session),
    'containers/stop': ({ container, ...options }) => changed(container, (found) => found.stop(options)),
    'containers/restart': async ({ container, ...options }, session) => {
      requireGrants(session, containers.get(container).record.request)
      return await changed(container, (found) => containers.restart(found, options))
    },
    'containers/rename': ({ container, name }) => changed(container, (found) => containers.rename(found, name)),
    'containers/update': ({ container, resources, restart }) =>
      changed(container, (found) => update(cgroups, found, { resources, restart })),
    'containers/top': ({ container }) => processesIn(cgroups, containers.get(container)),
    'containers/stats': ({ containers: references }) =>
      statsOf(
        cgroups,
        references.length === 0 ? containers.all() : references.map((reference) => containers.get(reference)),
      ),
    'containers/kill': ({ container, signal }) => changed(container, (found) => found.signal(signal)),
    'containers/pause': ({ container }) => changed(container, (found) => found.pause()),
    'containers/unpause': ({ container }) => changed(container, (found) => found.unpause()),
    'containers/remove': async ({ container, ...options }) => {
      await containers.remove(container, options)
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
    caller: record.caller,
    stopSignal: record.stopSignal,
    healthCheck: record.health,
    health: containers.healthOf(record.id) ?? null,
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
  const { tail, since, until } = options
  for await (const records of readLog(container.folder.path, { tail, follow, since, until })) {
    // Neighbours of one stream leave together.
    for (let from = 0, to = 0; from < records.length; from = to) {
      const { on } = records[from]!
      while (to < records.length && records[to]!.on === on) to++
      if (session.closed.aborted) return
      const parts = records
        .slice(from, to)
        .flatMap(({ time, bytes }) => (options.timestamps ? [Buffer.from(`${time} `), bytes] : [bytes]))
      await session.sendBytes(on, Buffer.concat(parts))
    }
  }
  session.endStream({ exitCode: container.summary().exitCode, oomKilled: container.summary().oomKilled })
}
