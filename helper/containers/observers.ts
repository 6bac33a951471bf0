/** What looks at the whole machine: its cgroups, what they use, and its namespaces. */
import type { Logger } from 'pino'
import { Accounting } from '../cgroups/accounting.ts'
import type { Cgroups } from '../cgroups/cgroups.ts'
import { Hierarchies } from '../cgroups/hierarchies.ts'
import { Owners } from '../cgroups/owners.ts'
import { UsageSampler } from '../cgroups/sampler.ts'
import { CgroupTree } from '../cgroups/tree.ts'
import type { Native } from '../host/native.ts'
import { Namespaces } from '../namespaces/namespaces.ts'
import type { Containers } from './containers.ts'
import type { Events } from './events.ts'
import { Recorder } from './recorder.ts'

interface Parts {
  readonly native: Native
  readonly cgroups: Cgroups
  readonly containers: Containers
  readonly events: Events
  readonly log: Logger
}

export function observe({ native, cgroups, containers, events, log }: Parts) {
  const hierarchies = new Hierarchies(native)
  const owners = new Owners((path) => {
    const id = path.slice(path.lastIndexOf('/') + 1)
    const container = cgroups.path(id) === path ? containers.find(id) : undefined
    return container === undefined ? undefined : { kind: 'bulkhead', id, name: container.record.name }
  })
  const sampler = new UsageSampler(native, hierarchies)
  const accounting = new Accounting(hierarchies, cgroups.parent)
  const recorder = new Recorder({ containers, cgroups, accounting, sampler, events, log })
  const namespaces = new Namespaces(native, owners)
  return {
    ...{ hierarchies, sampler, recorder, namespaces },
    tree: new CgroupTree(hierarchies, owners),
    resume: async () => {
      await accounting.clean((id) => containers.find(id)?.runs === true)
      recorder.resume()
    },
    close: () => {
      recorder.close()
      sampler.close()
      namespaces.close()
      accounting.close()
    },
  }
}
