/** The methods `namespaces/…`. */
import { enter } from '../containers/enter.ts'
import { compare } from '../containers/compare.ts'
import { sharesOf } from '../containers/shares.ts'
import { NamespaceInspector } from '../namespaces/contents.ts'
import type { EnterRequest } from '../protocol/namespaceSchemas.ts'
import type { Engine } from './handlers.ts'
import type { Handlers, Session } from './session.ts'
import { passStdio } from './stdio.ts'

type Method = Extract<keyof Handlers, `namespaces/${string}`> | 'containers/shares'

export function namespaceHandlers(engine: Engine): Pick<Handlers, Method> {
  const { native, namespaces, containers, execs, policy } = engine
  const inspector = new NamespaceInspector(native, namespaces)
  /** What ends it, of those who follow. */
  const following = new WeakMap<Session, () => void>()

  function follow(session: Session): void {
    if (following.has(session)) return
    const end = namespaces.follow(() => session.sendNews('namespaces/changed', {}))
    following.set(session, end)
    session.closed.addEventListener('abort', end, { once: true })
  }

  async function enterStreaming(request: EnterRequest, session: Session) {
    policy.require(session.caller, ['enter'])
    session.openStream()
    try {
      const { id, pid, attach, exit } = await enter(execs, namespaces.table, request)
      session.takeInput(passStdio(session, attach!, { exit: () => exit, once: true }))
      return { id, pid }
    } catch (error) {
      session.endStream({ exitCode: null, oomKilled: false })
      throw error
    }
  }

  return {
    'namespaces/list': ({ type }) => namespaces.list(type),
    'namespaces/members': ({ type, id }) => namespaces.members(type, id),
    'namespaces/processes': () => namespaces.processes(),
    'namespaces/inspect': ({ type, id }) => inspector.inspect(type, id),
    'namespaces/compare': ({ left, right }) => compare({ containers, namespaces }, left, right),
    'namespaces/follow': ({ follow: wanted }, session) => {
      if (wanted) follow(session)
      else {
        following.get(session)?.()
        following.delete(session)
      }
      return null
    },
    'namespaces/enter': enterStreaming,
    'containers/shares': ({ container }) => sharesOf(engine, containers.get(container)),
  }
}
