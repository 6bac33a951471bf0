/** The methods `networks/…` and `volumes/…`. */
import type { BulkheadEvent } from '../protocol/schemas.ts'
import type { Engine } from './handlers.ts'
import type { Handlers } from './session.ts'

type Method = Extract<keyof Handlers, `networks/${string}` | `volumes/${string}`>

export function networkHandlers({ networks, volumes, containers, events }: Engine): Pick<Handlers, Method> {
  function publish(type: BulkheadEvent['type'], action: BulkheadEvent['action'], id: string, name: string): void {
    events.publish({ type, action, id, time: Date.now(), attributes: { name } })
  }

  function removeNetwork(reference: string): string {
    const { id, name } = networks.remove(reference, (network) => containers.usersOfNetwork(network))
    publish('network', 'destroy', id, name)
    return name
  }

  return {
    'networks/list': () => networks.list(),
    'networks/inspect': ({ network }) => networks.get(network),
    'networks/create': (request) => {
      const made = networks.create(request)
      publish('network', 'create', made.id, made.name)
      return made
    },
    'networks/remove': ({ network }) => {
      removeNetwork(network)
      return null
    },
    'networks/prune': () =>
      networks
        .list()
        .filter(
          ({ name, driver, containers: running }) =>
            driver === 'bridge' &&
            name !== 'bridge' &&
            running.length === 0 &&
            containers.usersOfNetwork(name).length === 0,
        )
        .map(({ id }) => removeNetwork(id)),
    'networks/connect': async ({ container, network, ...options }) => {
      const found = containers.get(container)
      await containers.places.connect(found, network, options)
      return found.summary()
    },
    'networks/disconnect': ({ container, network }) => {
      const found = containers.get(container)
      containers.places.disconnect(found, network)
      return found.summary()
    },
    'volumes/list': () => volumes.list(),
    'volumes/inspect': ({ volume }) => volumes.get(volume),
    'volumes/create': (request) => {
      const isNew = request.name === undefined || !volumes.has(request.name)
      const made = volumes.create(request)
      if (isNew) publish('volume', 'create', made.name, made.name)
      return made
    },
    'volumes/remove': async ({ volume }) => {
      await volumes.remove(volume)
      publish('volume', 'destroy', volume, volume)
      return null
    },
    'volumes/prune': async ({ all }) => {
      const pruned = await volumes.prune(all)
      for (const name of pruned.volumes) publish('volume', 'destroy', name, name)
      return pruned
    },
  }
}
