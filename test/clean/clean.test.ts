import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { leftovers } from '../support/leftovers.ts'

/** Runs last: what any suite has left on the machine that was not there before the first. */
describe('after all tests', () => {
  const known = new Set(JSON.parse(process.env['BULKHEAD_BEFORE'] ?? '[]') as string[])
  let left: string[] = []

  before(async function () {
    this.timeout(15_000)
    // What ends by itself may take a moment.
    for (let tries = 0; tries < 50; tries++) {
      left = leftovers().filter((line) => !known.has(line))
      if (left.every((line) => line === 'link lo')) return
      await sleep(200)
    }
  })

  for (const kind of ['process', 'mount', 'cgroup', 'link', 'table', 'folder'])
    it(`no ${kind} remains`, () => {
      assert.deepEqual(
        left.filter((line) => line.startsWith(`${kind} `) && line !== 'link lo'),
        [],
      )
    })
})
