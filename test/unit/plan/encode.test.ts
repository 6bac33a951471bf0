import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodePlan } from '../../../helper/plan/encode.ts'
import { describe as describeFormat, header, types } from '../../../scripts/generate-plan.ts'

const root = join(import.meta.dirname, '../../..')

describe('the plan’s format', () => {
  it('is the same for the watcher and the helper', () => {
    assert.equal(readFileSync(join(root, 'native/plan/operations.h'), 'utf8'), header(describeFormat()))
    assert.equal(readFileSync(join(root, 'helper/plan/operations.ts'), 'utf8'), types(describeFormat()))
  })

  it('is written byte by byte as reader.h tells', () => {
    const bytes = encodePlan([
      { operation: 'set hostname', hostname: 'é' },
      { operation: 'exec', arguments: ['a'], environment: [] },
    ])
    const code = (name: string): number => describeFormat().operations.findIndex((operation) => operation.name === name)
    const expected = Buffer.concat([
      Buffer.from('BHPLAN'),
      Buffer.from([1, 0, 2, 0, 0, 0]),
      Buffer.from([code('set hostname'), 0, 7, 0, 0, 0, 2, 0, 0, 0, 0xc3, 0xa9, 0]),
      Buffer.from([code('exec'), 0, 14, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 0, 0]),
    ])
    assert.deepEqual(bytes, expected)
  })

  it('grows for a long command', () => {
    const argument = 'x'.repeat(200_000)
    assert.ok(encodePlan([{ operation: 'exec', arguments: [argument], environment: [] }]).includes(argument))
  })

  it('refuses a NUL inside a string', () => {
    assert.throws(() => encodePlan([{ operation: 'set hostname', hostname: 'a\0b' }]), /NUL/)
  })
})
