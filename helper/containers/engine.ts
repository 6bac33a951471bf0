/** What every container needs of its surroundings. */
import type { Logger } from 'pino'
import type { Cgroups } from '../cgroups/cgroups.ts'
import type { Native } from '../host/native.ts'
import type { Paths } from '../host/paths.ts'
import type { Attachment } from '../network/networks.ts'
import type { Health } from '../protocol/lifecycleSchemas.ts'
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
  /** What a container has of networks, and how it is, while it runs. */
  attachmentOf(id: string): Attachment
  healthOf(id: string): Health | undefined
  /** A container has ended: lets go of what it had. Milliseconds until it is started again; undefined when it is not. */
  ended(container: Container, ended: { exitCode: number; ran: number }): number | undefined
  /** Starts it again, by its restart policy. */
  startAgain(container: Container): Promise<void>
  /** Removes a container that ended and was run with --rm. */
  removeEnded(container: Container): Promise<void>
}
