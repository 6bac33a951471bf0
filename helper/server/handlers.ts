/** What each method of the protocol does. */
import { Readable } from 'node:stream'
import { release } from 'node:os'
import type { Cgroups } from '../cgroups/cgroups.ts'
import type { Container } from '../containers/container.ts'
import type { Containers } from '../containers/containers.ts'
import type { Events } from '../containers/events.ts'
import { readLog } from '../containers/log.ts'
import type { ImageStore } from '../images/store.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { protocolVersion, type CheckedParams } from '../protocol/methods.ts'
import type { RunRequest } from '../protocol/schemas.ts'
import { version } from '../version.ts'
import { grantsFor, type Policy } from './policy.ts'
import type { Handlers, Session } from './session.ts'
import { passStdio } from './stdio.ts'

interface Parts {
  readonly containers: Containers
  readonly images: ImageStore
  readonly cgroups: Cgroups
  readonly events: Events
  readonly policy: Policy
}

export function makeHandlers({ containers, images, cgroups, events, policy }: Parts): Handlers {
  async function run(request: RunRequest, session: Session) {
    policy.require(session.caller, grantsFor(request))
    if (!request.attach) return (await containers.run(request)).container.summary()
    session.openStream()
    try {
      const { container, attach } = await containers.run(request)
      session.takeInput(passStdio(session, container, attach!))
      return container.summary()
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

  async function importImage(name: string, session: Session) {
    const source = new Readable({ read: () => session.holdInput(false) })
    session.closed.addEventListener('abort', () =>
      source.destroy(new BulkheadError('ArchiveInvalid', 'the client closed the connection before the archive’s end')),
    )
    session.openStream()
    session.takeInput((bytes) => {
      if (bytes.byteLength === 0) source.push(null)
      else if (!source.push(Buffer.from(bytes))) session.holdInput(true)
    })
    try {
      const image = await images.import(source, name)
      await images.collect(containers.usedLayers(), { leftovers: false })
      publishImage('import', image.id, image.name)
      return image
    } finally {
      source.destroy()
      session.holdInput(false)
      session.endStream({ exitCode: null, oomKilled: false })
    }
  }

  async function removeImage(name: string): Promise<null> {
    const image = images.get(name).summary
    const users = containers.usersOfImage(image.name)
    if (users.length > 0)
      throw new BulkheadError('ImageInUse', `image ${image.name} is in use by ${users.join(', ')}`, {
        hint: 'Remove those containers first.',
      })
    images.remove(name)
    await images.collect(containers.usedLayers(), { leftovers: false })
    publishImage('delete', image.id, image.name)
    return null
  }

  function publishImage(action: 'import' | 'delete', id: string, name: string): void {
    events.publish({ type: 'image', action, id, time: Date.now(), attributes: { name } })
  }

  async function changed(reference: string, change: (container: Container) => Promise<void> | void) {
    const container = containers.get(reference)
    await change(container)
    return container.summary()
  }

  return {
    version: () => ({
      version,
      protocol: protocolVersion,
      kernel: release(),
      cgroups: cgroups.version,
      pid: process.pid,
      node: process.version,
    }),
    'containers/list': () => containers.list(),
    'containers/run': run,
    'containers/start': async ({ container }, session) => {
      policy.require(session.caller, grantsFor(containers.get(container).record.request))
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
    'images/list': () => images.list(),
    'images/import': ({ name }, session) => importImage(name, session),
    'images/remove': ({ name }) => removeImage(name),
  }
}

function inspect(containers: Containers, cgroups: Cgroups, reference: string): Record<string, unknown> {
  const container = containers.get(reference)
  const { record, folder } = container
  return {
    ...container.summary(),
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
