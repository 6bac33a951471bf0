/** Runs inside a real VS Code, in the extension host: Mocha with the suites beside this file. */
import Mocha from 'mocha'
import { resolve } from 'node:path'
import type { Counts } from '../support/counts.ts'
import { observedSuites } from './observed.ts'
import { suites } from './suites.ts'

/** What VS Code calls; a rejection is the verdict "failed". */
export function run(): Promise<void> {
  const mocha = new Mocha({ ui: 'bdd', timeout: 20_000, forbidOnly: true, reporter: 'spec', color: false })
  mocha.suite.emit('pre-require', globalThis, resolve(__filename), mocha)
  suites()
  observedSuites()
  return new Promise((done, fail) => {
    const runner = mocha.run((failures) => (failures === 0 ? done() : fail(new Error(`${failures} failed`))))
    const failed: string[] = []
    runner.on('fail', (test, error: Error) => failed.push(`${test.fullTitle()}: ${error.message}`))
    // Read by the runner outside, from this window's console.
    runner.once('end', () => {
      const { passes, failures, pending } = runner.stats!
      const counts: Counts = { passed: passes, failed: failures, skipped: pending, failures: failed }
      console.log(`BULKHEAD_COUNTS ${JSON.stringify(counts)}`)
    })
  })
}
