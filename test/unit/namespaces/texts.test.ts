import assert from 'node:assert/strict'
import { parseMountInfo } from '../../../helper/namespaces/mountTable.ts'
import { addressOf } from '../../../helper/namespaces/sockets.ts'

describe('what /proc says of namespaces', () => {
  it('is a mount table, with propagation and with spaces in names', () => {
    const text = [
      '22 27 0:21 / /proc rw,relatime - proc proc rw',
      '42 27 254:0 /run/netns /run/netns rw shared:1 master:2 - ext4 /dev/vda rw',
      '50 27 0:4 net:[4026532000] /run/netns/a\\040b rw - nsfs nsfs rw',
      '',
    ].join('\n')
    const [proc, shared, space] = parseMountInfo(text)
    assert.deepEqual(
      [proc!.id, proc!.parent, proc!.target, proc!.fileSystem, proc!.propagation],
      [22, 27, '/proc', 'proc', ''],
    )
    assert.deepEqual(
      [shared!.root, shared!.propagation, shared!.source],
      ['/run/netns', 'shared:1 master:2', '/dev/vda'],
    )
    assert.deepEqual([space!.root, space!.target, space!.fileSystem], ['net:[4026532000]', '/run/netns/a b', 'nsfs'])
  })

  it('is addresses in words of four bytes', () => {
    assert.equal(addressOf('0100007F'), '127.0.0.1')
    assert.equal(addressOf('00000000'), '0.0.0.0')
    assert.equal(addressOf('00000000000000000000000001000000'), '::1')
    assert.equal(addressOf('000080FE00000000FF4202010100D0FE'), 'fe80::102:42ff:fed0:1')
  })
})
