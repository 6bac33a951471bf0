/** Which containers are started again when they end, and after what pause: Docker's policies and its back-off. */
import { limits } from '../limits.ts'
import type { RestartPolicy } from '../protocol/lifecycleSchemas.ts'

export interface Ended {
  readonly exitCode: number
  /** Milliseconds that it ran. */
  readonly ran: number
  /** Restarts since somebody started it. */
  readonly restarts: number
  /** Somebody wanted it to end. */
  readonly isStopped: boolean
}

function wants({ name, maximumRetryCount }: RestartPolicy, { exitCode, restarts, isStopped }: Ended): boolean {
  switch (name) {
    case 'no':
      return false
    case 'on-failure':
      return !isStopped && exitCode !== 0 && (maximumRetryCount === 0 || restarts < maximumRetryCount)
    case 'always':
    case 'unless-stopped':
      return !isStopped
  }
}

/** Milliseconds until its next start, twice those of the last time unless it ran well meanwhile; undefined for none. */
export function pauseBefore(policy: RestartPolicy, ended: Ended, last: number): number | undefined {
  if (!wants(policy, ended)) return undefined
  const { first, most, well } = limits.restart
  return ended.ran >= well || last === 0 ? first : Math.min(last * 2, most)
}

/** Of one that does not run when a helper starts: the machine may have gone down with it. */
export function startsWithHelper(
  { name }: RestartPolicy,
  { exitCode, isStopped }: { exitCode: number; isStopped: boolean },
): boolean {
  switch (name) {
    case 'no':
      return false
    case 'on-failure':
      return exitCode !== 0 && !isStopped
    case 'always':
      return true
    case 'unless-stopped':
      return !isStopped
  }
}
