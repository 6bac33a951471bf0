/** Mocha's spec output for people, and the counts for the runner: JSON in the file BULKHEAD_COUNTS. */
const { writeFileSync } = require('node:fs')
const { reporters } = require('mocha')

module.exports = class extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options)
    runner.once('end', () => {
      const { passes, failures, pending } = this.stats
      const file = process.env.BULKHEAD_COUNTS
      const failed = this.failures.map((test) => `${test.fullTitle()}: ${test.err?.message}`)
      if (file !== undefined)
        writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, skipped: pending, failures: failed }))
    })
  }
}
