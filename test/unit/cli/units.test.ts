import assert from 'node:assert/strict'
import { bytes, size, span } from '../../../helper/cli/units.ts'

describe('values on the command line', () => {
  it('are bytes with Docker’s units', () => {
    assert.deepEqual(['0', '1b', '2k', '512m', '1.5g', '1GB', '1GiB'].map(bytes), [
      0,
      1,
      2048,
      1 << 29,
      1.5 * 2 ** 30,
      2 ** 30,
      2 ** 30,
    ])
    for (const wrong of ['', 'm', '-1', '1x', '0x10', '1 000']) assert.throws(() => bytes(wrong), /such as 512m/, wrong)
  })

  it('are spans and sizes for people', () => {
    assert.deepEqual([0, 1000, 61_000, 7_200_000, 90_000_000].map(span), [
      'less than a second',
      '1 second',
      '1 minute',
      '2 hours',
      '1 day',
    ])
    assert.deepEqual([0, 999, 1234, 12_345_678].map(size), ['0B', '999B', '1.23kB', '12.3MB'])
  })
})
