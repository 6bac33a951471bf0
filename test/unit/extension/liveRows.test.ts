import assert from 'node:assert/strict'
import { LiveRows } from '../../../extension/views/liveRows.ts'

interface Row {
  readonly name: string
  hasUsage: boolean
}

describe('rows whose text follows samples', () => {
  const row = (name: string, hasUsage = true): Row => ({ name, hasUsage })
  /** Names of the rows that each of so many samples writes. */
  function writtenBy(samples: number, rows: readonly Row[], live = new LiveRows<Row>()): string[] {
    return Array.from({ length: samples }, () =>
      live
        .written(rows, { write: () => true, isOpen: ({ name }) => name === 'open' })
        .map(({ name }) => name)
        .join(),
    )
  }

  it('are written every third time', () => {
    assert.deepEqual(writtenBy(5, [row('a'), row('b')]), ['a,b', '', '', 'a,b', ''])
  })

  it('do not wait for their first value', () => {
    const late = row('late', false)
    const live = new LiveRows<Row>()
    assert.deepEqual(writtenBy(2, [row('a'), late], live), ['a,late', 'late'])
    late.hasUsage = true
    assert.deepEqual(writtenBy(2, [row('a'), late], live), ['', 'a,late'])
  })

  it('are written every ninth time while they are open', () => {
    assert.deepEqual(writtenBy(16, [row('open')]).join(';'), ';;;;;;open;;;;;;;;;open')
  })

  it('are left alone while their hover is open', () => {
    const rows = [row('a'), row('b')]
    const live = new LiveRows<Row>()
    live.hover(rows[0]!)
    assert.deepEqual(writtenBy(1, rows, live), ['b'])
  })

  it('have each their turn when there are many, and none is told of twice', () => {
    const rows = Array.from({ length: 400 }, (_, n) => row(String(n)))
    const written = writtenBy(4, rows).map((names) => names.split(',').length)
    assert.deepEqual(written, [150, 150, 100, 150])
  })

  it('are those alone whose text has changed', () => {
    const live = new LiveRows<Row>()
    const rows = [row('a'), row('b')]
    assert.deepEqual(live.written(rows, { write: ({ name }) => name === 'b', isOpen: () => false }), [rows[1]])
  })
})
