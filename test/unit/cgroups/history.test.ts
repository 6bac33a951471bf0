import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { historyBytes, UsageHistory } from '../../../helper/cgroups/history.ts'
import { columnIndex } from '../../../helper/cgroups/sampler.ts'

describe('the history of what a cgroup used', () => {
  const directory = mkdtempSync('/tmp/history-')
  after(() => rmSync(directory, { recursive: true }))
  /** A whole minute. */
  const start = 1_800_000_000

  function values(cpu: number, oomKills = 0): (column: number) => number {
    const known = new Map([
      [columnIndex('cpu'), cpu],
      [columnIndex('oomKills'), oomKills],
    ])
    return (column) => known.get(column) ?? NaN
  }

  it('keeps ten minutes second by second, and a minute’s mean and sum, in a file that does not grow', () => {
    const history = new UsageHistory(join(directory, 'a'))
    for (let second = 0; second < 1500; second++)
      history.add(start + second, values(second % 60, second % 30 === 0 ? 1 : 0))
    const now = start + 1499
    const seconds = history.read('second', now)
    assert.equal(seconds.length, 600)
    assert.deepEqual([seconds[0]!.second, seconds.at(-1)!.second], [now - 599, now])
    assert.equal(seconds.at(-1)!.values[columnIndex('cpu')], 1499 % 60)
    assert.ok(Number.isNaN(seconds[0]!.values[columnIndex('memory')]))
    const minutes = history.read('minute', now)
    assert.equal(minutes.length, 25)
    assert.equal(minutes[0]!.second, start)
    assert.equal(minutes[0]!.values[columnIndex('cpu')], 29.5)
    assert.equal(minutes[0]!.values[columnIndex('oomKills')], 2)
    assert.ok(statSync(join(directory, 'a')).size <= historyBytes)
    history.close()
  })

  it('leaves out what is older, and the time when nobody wrote', () => {
    const history = new UsageHistory(join(directory, 'b'))
    history.add(start, values(1))
    history.add(start + 300, values(2))
    history.add(start + 650, values(3))
    assert.deepEqual(
      history.read('second', start + 650).map(({ second }) => second - start),
      [300, 650],
    )
    history.close()
  })

  it('is there again when the file is opened anew, as after a kill', () => {
    const first = new UsageHistory(join(directory, 'c'))
    first.add(start + 5, values(42))
    const second = new UsageHistory(join(directory, 'c'))
    assert.equal(second.read('second', start + 6)[0]!.values[columnIndex('cpu')], 42)
    first.close()
    second.close()
  })
})
