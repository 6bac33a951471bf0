/** How the tests of a suite ended: handed to the runner in the file BULKHEAD_COUNTS. */
import { writeFileSync } from 'node:fs'

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Titles of those that failed, each with its reason. */
  readonly failures: readonly string[]
}

export function writeCounts(counts: Counts): void {
  const file = process.env['BULKHEAD_COUNTS']
  if (file !== undefined) writeFileSync(file, JSON.stringify(counts))
}

/** Counts in the output of a suite that runs where it cannot write a file of ours: a line of its own. */
export function countsIn(output: string): Counts | undefined {
  const match = /BULKHEAD_COUNTS (\{.*\})/.exec(output)
  return match === null ? undefined : (JSON.parse(match[1]!) as Counts)
}
