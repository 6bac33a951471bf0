import assert from 'node:assert/strict'
import { DetachKeys } from '../../../helper/cli/attached.ts'
import { isWanted, requireKnown } from '../../../helper/cli/events.ts'
import { duration, moment } from '../../../helper/cli/units.ts'

describe('detach keys', () => {
  const push = (keys: DetachKeys, text: string): [string, boolean] => {
    const { send, detached } = keys.push(Buffer.from(text, 'latin1'))
    return [send.toString('latin1'), detached]
  }

  it('are found in one piece and in several, and what follows is left out', () => {
    assert.deepEqual(push(new DetachKeys('\x10\x11'), 'ab\x10\x11cd'), ['ab', true])
    const keys = new DetachKeys('\x10\x11')
    assert.deepEqual(push(keys, 'a\x10'), ['a', false])
    assert.deepEqual(push(keys, '\x11'), ['', true])
  })

  it('are sent on when they were only their beginning', () => {
    const keys = new DetachKeys('\x10\x11')
    assert.deepEqual(push(keys, '\x10'), ['', false])
    assert.deepEqual(push(keys, 'x'), ['\x10x', false])
    assert.deepEqual(push(keys, '\x10\x10\x11'), ['\x10', true])
  })

  it('may be none', () => assert.deepEqual(push(new DetachKeys(''), '\x10\x11'), ['\x10\x11', false]))
})

describe('filters of events', () => {
  const event = {
    type: 'container',
    action: 'die',
    id: 'abcdef',
    time: 0,
    attributes: { name: 'web', image: 'busybox' },
  } as const

  it('of one key are alternatives, of several must all fit', () => {
    assert.ok(isWanted(event, ['event=start', 'event=die']))
    assert.ok(isWanted(event, ['container=web', 'event=die']))
    assert.ok(isWanted(event, ['container=abcd', 'image=busybox']))
    assert.ok(!isWanted(event, ['container=other', 'event=die']))
    assert.throws(() => requireKnown(['event=die', 'colour=red']), /there is no filter colour/)
  })
})

describe('times', () => {
  it('are read as Docker writes them', () => {
    assert.equal(duration('1m30s'), 90_000)
    assert.equal(duration('1.5h'), 5_400_000)
    assert.equal(duration('200ms'), 200)
    assert.equal(duration('3'), 3000)
    assert.throws(() => duration('1m x'))
    assert.equal(moment('2026-01-31T12:00:00Z'), Date.UTC(2026, 0, 31, 12))
    assert.equal(moment('1.5'), 1500)
    assert.ok(Math.abs(moment('10m') - (Date.now() - 600_000)) < 1000)
    assert.throws(() => moment('yesterday'))
  })
})
