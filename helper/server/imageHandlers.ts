/** The methods `images/…` that change or show what is here, and `system/…`. */
import { historyOf, type Image } from '../images/image.ts'
import { makeHostImage } from '../containers/hostFiles.ts'
import { compare, scan } from '../layers/changes.ts'
import { efficiencyOf } from '../layers/efficiency.ts'
import { makeSmaller, proposeSmaller } from '../layers/minimize.ts'
import { squash } from '../layers/squash.ts'
import { limits } from '../limits.ts'
import type { CheckedParams } from '../protocol/methods.ts'
import type { ImageSummary } from '../protocol/imageSchemas.ts'
import type { BulkheadEvent } from '../protocol/schemas.ts'
import type { Engine } from './handlers.ts'
import type { Handlers } from './session.ts'

type Method =
  | 'images/list'
  | 'images/inspect'
  | 'images/history'
  | 'images/layers'
  | 'images/efficiency'
  | 'images/compare'
  | 'images/sharing'
  | 'images/tag'
  | 'images/remove'
  | 'images/squash'
  | 'images/host'
  | 'images/minimize'
  | 'images/minimizeTo'
  | 'system/df'
  | 'system/prune'

export function publishImage(
  { events }: Pick<Engine, 'events'>,
  action: BulkheadEvent['action'],
  id: string,
  name: string | null,
): void {
  events.publish({ type: 'image', action, id, time: Date.now(), attributes: { name: name ?? '' } })
}

export function imageHandlers(engine: Engine): Pick<Handlers, Method> {
  const { native, images, containers, contents, usage, privacy, facts } = engine
  const parts = { native, store: images }

  function made(action: BulkheadEvent['action'], { summary }: Image): ImageSummary {
    publishImage(engine, action, summary.id, summary.name)
    return summary
  }

  async function efficiency(name: string) {
    const image = images.getStored(name)
    const upwards = image.layers.toReversed()
    const layers = await Promise.all(
      upwards.map((directory, at) => scan(native, { directory, below: upwards.slice(0, at).toReversed() })),
    )
    return efficiencyOf(layers)
  }

  async function remove({ name, force }: CheckedParams<'images/remove'>) {
    const { summary } = images.getStored(name)
    const removed = images.remove(name, { force, users: containers.usersOfImage(summary) })
    await images.collect({ leftovers: false })
    for (const untagged of removed.untagged) publishImage(engine, 'untag', summary.id, untagged)
    for (const id of removed.deleted) publishImage(engine, 'delete', id, summary.name)
    return removed
  }

  function inspect(name: string): Record<string, unknown> {
    const image = images.get(name)
    const { summary, stored } = image
    return {
      ...summary,
      names: images.namesOf(summary.id),
      ...(stored !== undefined && { manifest: stored.manifest, configuration: stored.document }),
      layers: usage.layers(image),
      directories: image.layers,
    }
  }

  return {
    'images/list': () => images.list(),
    'images/inspect': ({ name }) => inspect(name),
    'images/history': ({ name }) => historyOf(images.get(name), images.layers),
    'images/layers': ({ name }) => usage.layers(images.get(name)),
    'images/efficiency': ({ name }) => efficiency(name),
    'images/compare': async ({ name, with: other }) => {
      const [from, to] = [images.getStored(name), images.getStored(other)]
      return (await compare(native, from.layers, to.layers)).slice(0, limits.listing)
    },
    'images/sharing': (params) =>
      'name' in params
        ? usage.imageSharing(images.get(params.name))
        : usage.containerSharing(containers.get(params.container)),
    'images/tag': ({ name, target }) => made('tag', images.tag(name, target)),
    'images/remove': remove,
    'images/squash': async ({ name, target, from }) =>
      made('commit', await squash(parts, images.getStored(name), { from, target })),
    'images/host': async ({ name, paths }) =>
      made(
        'import',
        await makeHostImage(
          { native, store: images, privacy, containers, privateIds: facts.idmappedTmpfs },
          { name, paths },
        ),
      ),
    'images/minimize': ({ container, keep }) => proposeSmaller(parts, contents.opened(containers.get(container), keep)),
    'images/minimizeTo': async ({ container, keep, target }) =>
      made('commit', await makeSmaller(parts, { ...contents.opened(containers.get(container), keep), target })),
    'system/df': () => usage.usage(),
    'system/prune': async (options) => {
      const pruned = await usage.prune(options)
      if (!options.dryRun) for (const name of pruned.images) publishImage(engine, 'delete', name, name)
      return pruned
    },
  }
}
