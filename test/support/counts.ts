/** How many tests of a suite passed: handed to the runner in the file BULKHEAD_COUNTS. */
import { writeFileSync } from 'node:fs'

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export function writeCounts(counts: Counts): void {
  const file = process.env['BULKHEAD_COUNTS']
  if (file !== undefined) writeFileSync(file, JSON.stringify(counts))
}
