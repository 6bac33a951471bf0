import assert from 'node:assert/strict'
import { chainIds } from '../../../helper/images/layerFolders.ts'

describe('names of layers', () => {
  it('chain as the image specification says', () => {
    const [a, b] = ['sha256:'.concat('a'.repeat(64)), 'sha256:'.concat('b'.repeat(64))]
    // printf 'sha256:aaa… sha256:bbb…' | sha256sum
    const both = 'sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c'
    assert.deepEqual(chainIds([a, b]), [a, both])
  })
})
