/** The methods that move images: archives in and out, registries. */
import { applyChanges } from '../images/changes.ts'
import { importImage } from '../images/import.ts'
import { loadImages } from '../images/load.ts'
import { saveImages } from '../images/save.ts'
import type { CheckedParams } from '../protocol/methods.ts'
import type { Engine } from './handlers.ts'
import { publishImage } from './imageHandlers.ts'
import type { Handlers, Session } from './session.ts'
import { receiveOrRead, reporter, send } from './streams.ts'

type Method = 'images/import' | 'images/load' | 'images/save' | 'images/pull' | 'images/push' | 'images/referrers'

export function transferHandlers(engine: Engine): Pick<Handlers, Method> {
  const { images } = engine

  async function importArchive(
    { name, message, changes, descriptor }: CheckedParams<'images/import'>,
    session: Session,
  ) {
    const settings = applyChanges({}, changes)
    const { summary } = await receiveOrRead(session, descriptor, (source) =>
      importImage(images, source, { name, settings, createdBy: 'bulkhead import', message }),
    )
    publishImage(engine, 'import', summary.id, summary.name)
    return summary
  }

  async function load({ descriptor }: CheckedParams<'images/load'>, session: Session) {
    const loaded = await receiveOrRead(session, descriptor, (source) => loadImages(images, source, reporter(session)))
    for (const { summary } of loaded) publishImage(engine, 'load', summary.id, summary.name)
    return loaded.map(({ summary }) => summary)
  }

  function transfer(
    { name, credentials }: Pick<CheckedParams<'images/push'>, 'name' | 'credentials'>,
    session: Session,
  ) {
    return { name, credentials, signal: session.closed, report: reporter(session) }
  }

  return {
    'images/import': importArchive,
    'images/load': load,
    'images/save': async ({ names }, session) => {
      await send(session, saveImages(images, names))
      return null
    },
    'images/pull': async (params, session) => {
      const registries = await engine.registries()
      const { summary } = await registries.pull({ ...transfer(params, session), platform: params.platform })
      publishImage(engine, 'pull', summary.id, summary.name)
      return summary
    },
    'images/push': async (params, session) => {
      const registries = await engine.registries()
      const digest = await registries.push(transfer(params, session))
      const { summary } = images.get(params.name)
      publishImage(engine, 'push', summary.id, summary.name)
      return { digest }
    },
    'images/referrers': async (params, session) =>
      await (await engine.registries()).referrers(transfer(params, session)),
  }
}
