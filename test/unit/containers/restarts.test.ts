import assert from 'node:assert/strict'
import { judge } from '../../../helper/containers/health.ts'
import { pauseBefore, startsWithHelper } from '../../../helper/containers/restarts.ts'
import type { RestartPolicy } from '../../../helper/protocol/lifecycleSchemas.ts'

const policy = (name: RestartPolicy['name'], maximumRetryCount = 0): RestartPolicy => ({ name, maximumRetryCount })
const ended = { exitCode: 1, ran: 5, restarts: 0, isStopped: false }

describe('a restart policy', () => {
  it('says who is started again', () => {
    assert.equal(pauseBefore(policy('no'), ended, 0), undefined)
    assert.equal(pauseBefore(policy('always'), ended, 0), 100)
    assert.equal(pauseBefore(policy('unless-stopped'), { ...ended, exitCode: 0 }, 0), 100)
    assert.equal(pauseBefore(policy('on-failure'), { ...ended, exitCode: 0 }, 0), undefined)
    assert.equal(pauseBefore(policy('on-failure', 3), { ...ended, restarts: 2 }, 0), 100)
    assert.equal(pauseBefore(policy('on-failure', 3), { ...ended, restarts: 3 }, 0), undefined)
    for (const name of ['always', 'unless-stopped', 'on-failure'] as const)
      assert.equal(pauseBefore(policy(name), { ...ended, isStopped: true }, 0), undefined, name)
  })

  it('waits twice as long each time, a minute at most, and anew for one that ran well', () => {
    const pauses: number[] = []
    for (let last = 0; pauses.length < 12; pauses.push(last)) last = pauseBefore(policy('always'), ended, last)!
    assert.deepEqual(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000])
    assert.equal(pauseBefore(policy('always'), { ...ended, ran: 10_000 }, 60_000), 100)
  })

  it('says who starts with the machine', () => {
    const failed = { exitCode: 137, isStopped: false }
    const stopped = { exitCode: 137, isStopped: true }
    assert.deepEqual(
      (['no', 'on-failure', 'always', 'unless-stopped'] as const).map((name) => [
        startsWithHelper(policy(name), failed),
        startsWithHelper(policy(name), stopped),
      ]),
      [
        [false, false],
        [true, false],
        [true, true],
        [true, false],
      ],
    )
  })
})

describe('a health check', () => {
  const settings = { test: ['CMD', 'x'], interval: 1, timeout: 1, startPeriod: 100, startInterval: 1, retries: 2 }
  const check = (exitCode: number, end: number) => ({ start: end - 1, end, exitCode, output: '' })
  const starting = { status: 'starting' as const, failingStreak: 0, log: [] }

  it('is unhealthy after so many failures in a row, those of the beginning left out', () => {
    const early = judge(starting, check(1, 50), settings, 0)
    assert.deepEqual([early.status, early.failingStreak], ['starting', 0])
    const first = judge(early, check(1, 150), settings, 0)
    assert.deepEqual([first.status, first.failingStreak], ['starting', 1])
    assert.equal(judge(first, check(1, 160), settings, 0).status, 'unhealthy')
    assert.equal(judge(first, check(0, 160), settings, 0).status, 'healthy')
  })

  it('counts early failures once it was healthy, and remembers the last checks', () => {
    let health = judge(starting, check(0, 10), settings, 0)
    assert.equal(health.status, 'healthy')
    for (let n = 0; n < 10; n++) health = judge(health, check(1, 20 + n), settings, 0)
    assert.equal(health.status, 'unhealthy')
    assert.equal(health.failingStreak, 10)
    assert.equal(health.log.length, 5)
  })
})
