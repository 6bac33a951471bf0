import { setTimeout as sleep } from 'node:timers/promises'

/** Whether something ends within so many milliseconds; no timer is left behind. */
export async function endsWithin(end: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const timer = new AbortController()
  const timeout = sleep(milliseconds, false, { signal: timer.signal }).catch(() => false)
  return await Promise.race([end.then(() => true), timeout]).finally(() => timer.abort())
}
