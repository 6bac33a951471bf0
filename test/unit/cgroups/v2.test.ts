import assert from 'node:assert/strict'
import { ioWeight, weightOfShares } from '../../../helper/cgroups/v2.ts'

describe('weights of cgroup v2', () => {
  it('span the same range as v1’s', () => {
    assert.deepEqual([2, 1024, 262_144].map(weightOfShares), [1, 39, 10_000])
    assert.deepEqual([10, 500, 1000].map(ioWeight), [1, 4950, 10_000])
  })
})
