import assert from 'node:assert/strict'
import { leftovers } from '../support/leftovers.ts'

/** Runs last: what any suite has left on the machine that was not there before the first. */
describe('after all tests', () => {
  const before = new Set(JSON.parse(process.env['BULKHEAD_BEFORE'] ?? '[]') as string[])
  const left = leftovers().filter((line) => !before.has(line))

  for (const kind of ['process', 'mount', 'cgroup', 'link', 'table', 'folder'])
    it(`no ${kind} remains`, () => {
      assert.deepEqual(
        left.filter((line) => line.startsWith(`${kind} `) && line !== 'link lo'),
        [],
      )
    })
})
