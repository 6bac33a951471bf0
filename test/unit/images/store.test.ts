import assert from 'node:assert/strict'
import { chainIds, withTag } from '../../../helper/images/store.ts'

describe('names of images and layers', () => {
  it('have the tag latest when none is given', () => {
    assert.deepEqual(['a', 'a:1', 'host.example:5000/a', 'x/y:z'].map(withTag), [
      'a:latest',
      'a:1',
      'host.example:5000/a:latest',
      'x/y:z',
    ])
  })

  it('chain as the image specification says', () => {
    const [a, b] = ['sha256:'.concat('a'.repeat(64)), 'sha256:'.concat('b'.repeat(64))]
    // printf 'sha256:aaa… sha256:bbb…' | sha256sum
    const both = 'sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c'
    assert.deepEqual(chainIds([a, b]), [a, both])
  })
})
