/** What every container needs of its surroundings. */
import type { Logger } from 'pino'
import type { Cgroups } from '../cgroups/cgroups.ts'
import type { Native } from '../host/native.ts'
import type { Paths } from '../host/paths.ts'
import type { Container } from './container.ts'
import type { Events } from './events.ts'
import type { Watchers } from './watchers.ts'

export interface Engine {
  readonly paths: Paths
  readonly native: Native
  readonly cgroups: Cgroups
  readonly events: Events
  readonly watchers: Watchers
  readonly log: Logger
  /** Removes a container that ended and was run with --rm. */
  removeEnded(container: Container): Promise<void>
}
