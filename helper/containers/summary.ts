/** What is told of a container. */
import type { Attachment } from '../network/networks.ts'
import type { Health } from '../protocol/lifecycleSchemas.ts'
import type { ContainerState, ContainerSummary } from '../protocol/schemas.ts'
import { shownMount } from './mounts.ts'
import type { ContainerRecord, ExitRecord } from './record.ts'

export interface Live {
  readonly state: ContainerState
  readonly startedAt: number | null
  readonly exit: ExitRecord | undefined
  readonly pid: number
  readonly restartCount: number
  readonly attachment: Attachment
  readonly health: Health | undefined
}

const endedStates: readonly ContainerState[] = ['exited', 'restarting', 'removing']

export function summaryOf(record: ContainerRecord, live: Live): ContainerSummary {
  const { id, name, image, command, createdAt, request, mounts } = record
  // It has let go of its ports and addresses, or is about to.
  const attached = live.pid > 0 ? live.attachment : undefined
  const ended = endedStates.includes(live.state) ? live.exit : undefined
  return {
    id,
    name,
    image,
    command,
    state: live.state,
    createdAt,
    startedAt: live.startedAt,
    finishedAt: ended?.finishedAt ?? null,
    exitCode: ended?.exitCode ?? null,
    oomKilled: ended?.oomKilled ?? false,
    pid: live.pid,
    labels: request.labels,
    restartCount: live.restartCount,
    health: live.health?.status ?? null,
    network: request.network,
    ports: [...(attached?.ports ?? [])],
    endpoints: [...(attached?.endpoints ?? [])],
    mounts: mounts.map(shownMount),
  }
}
