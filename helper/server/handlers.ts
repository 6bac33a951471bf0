/** What each method of the protocol does: put together of its areas. */
import { release } from 'node:os'
import type { Cgroups } from '../cgroups/cgroups.ts'
import type { Hierarchies } from '../cgroups/hierarchies.ts'
import type { UsageSampler } from '../cgroups/sampler.ts'
import type { CgroupTree } from '../cgroups/tree.ts'
import type { Containers } from '../containers/containers.ts'
import type { Contents } from '../containers/contents.ts'
import type { Execs } from '../containers/exec.ts'
import type { Events } from '../containers/events.ts'
import type { Recorder } from '../containers/recorder.ts'
import type { UsageOf } from '../containers/usage.ts'
import type { HostFacts } from '../host/facts.ts'
import type { Native } from '../host/native.ts'
import type { Namespaces } from '../namespaces/namespaces.ts'
import type { Networks } from '../network/networks.ts'
import type { Volumes } from '../volumes/volumes.ts'
import type { ImageStore } from '../images/store.ts'
import type { ChangeTrees } from '../layers/changes.ts'
import type { PrivacyLayer } from '../layers/privacy.ts'
import type { Roots } from '../layers/roots.ts'
import { protocolVersion } from '../protocol/methods.ts'
import type { Registries } from '../registry/registries.ts'
import { version } from '../version.ts'
import { cgroupHandlers } from './cgroupHandlers.ts'
import { containerHandlers } from './containerHandlers.ts'
import { fileHandlers } from './fileHandlers.ts'
import { namespaceHandlers } from './namespaceHandlers.ts'
import { networkHandlers } from './networkHandlers.ts'
import { imageHandlers } from './imageHandlers.ts'
import type { Policy } from './policy.ts'
import type { Handlers } from './session.ts'
import { transferHandlers } from './transferHandlers.ts'

export interface Engine {
  readonly native: Native
  readonly facts: HostFacts
  readonly containers: Containers
  readonly contents: Contents
  readonly execs: Execs
  readonly images: ImageStore
  readonly networks: Networks
  readonly volumes: Volumes
  readonly usage: UsageOf
  readonly trees: ChangeTrees
  readonly roots: Roots
  readonly privacy: PrivacyLayer
  readonly cgroups: Cgroups
  readonly hierarchies: Hierarchies
  readonly tree: CgroupTree
  readonly sampler: UsageSampler
  readonly recorder: Recorder
  readonly namespaces: Namespaces
  readonly events: Events
  readonly policy: Policy
  /** Loaded with the first pull or push: a helper that only runs containers must not carry an HTTP client. */
  readonly registries: () => Promise<Registries>
}

export function makeHandlers(engine: Engine): Handlers {
  return {
    version: () => ({
      version,
      protocol: protocolVersion,
      kernel: release(),
      cgroups: engine.cgroups.version,
      cgroupParent: engine.cgroups.parent,
      pid: process.pid,
      node: process.version,
    }),
    'system/events': ({ since, until }) => engine.events.between(since, until ?? Date.now()),
    ...containerHandlers(engine),
    ...cgroupHandlers(engine),
    ...namespaceHandlers(engine),
    ...networkHandlers(engine),
    ...imageHandlers(engine),
    ...transferHandlers(engine),
    ...fileHandlers(engine),
  }
}
