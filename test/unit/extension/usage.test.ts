import assert from 'node:assert/strict'
import { graph, sparkline } from '../../../extension/graphs/sparkline.ts'
import { Samples } from '../../../extension/webview/data.ts'
import { marksOf } from '../../../extension/webview/marks.ts'
import type { Row } from '../../../extension/webview/messages.ts'
import { usageColumns, type UsageColumn } from '../../../helper/protocol/usageColumns.ts'

function row(second: number, values: Partial<Record<UsageColumn, number>> = {}): Row {
  return [second * 1000, ...usageColumns.map((column) => values[column] ?? null)]
}

describe('curves', () => {
  it('are blocks of text, the latest last', () => {
    assert.equal(sparkline([0, 50, 100], 8, 100), '▁▄█')
    assert.equal(sparkline([1, 2, 3, 4], 2), '▆█')
    assert.equal(sparkline([0, 0, null], 3), '▁▁▁')
    assert.equal(sparkline([], 5), '▁')
    assert.equal(sparkline([200], 3, 100), '█')
  })

  it('are an image with the limit in it', () => {
    const svg = graph([1, null, 3], 4)
    assert.match(svg, /<polyline points="[\d., ]+"/)
    assert.match(svg, /stroke-dasharray/)
    assert.doesNotMatch(graph([1], null), /stroke-dasharray/)
    assert.equal(graph([null, 1, 2], null), graph([1, 2], null))
    assert.doesNotMatch(graph([1], 5), /stroke-dasharray/, 'it would flatten the curve')
    assert.doesNotMatch(graph([], 1e9), /NaN|Infinity/)
  })
})

describe('events of a graph', () => {
  const series = { cgroup: '/x', name: 'web', startedAt: 100_500 }
  const kinds = (rows: Row[], of = series) => marksOf(of, rows).map(({ time, kind }) => `${time / 1000} ${kind}`)

  it('are read off the samples: a start, a kill, a limit that was changed', () => {
    const rows = [
      row(101, { pids: 1, memoryLimit: 64 }),
      row(102, { pids: 1, memoryLimit: 64, oomKills: 1 }),
      row(103, { pids: 1, memoryLimit: 96 }),
    ]
    assert.deepEqual(kinds(rows), ['100.5 start', '102 oom', '103 limit'])
  })

  it('say once that it is throttled, and again after a pause', () => {
    const throttled = (second: number) => row(second, { pids: 1, throttled: 40 })
    const rows = [
      throttled(101),
      throttled(102),
      row(103, { pids: 1 }),
      throttled(104),
      row(130, { pids: 1 }),
      throttled(131),
    ]
    assert.deepEqual(kinds(rows, { ...series, startedAt: 1000 }), ['101 throttled', '131 throttled'])
  })

  it('do not take the end of a container for a change of its limits', () => {
    const rows = [row(101, { pids: 1, memoryLimit: 64 }), row(102)]
    assert.deepEqual(kinds(rows, { ...series, startedAt: 1000 }), [])
  })
})

describe('samples of a graph', () => {
  it('are of the range alone, each second once, and have gaps where one has none', () => {
    const samples = new Samples([[row(1), row(2)], []], 'second')
    samples.add([row(2), row(2)])
    samples.add([row(500, { cpu: 5 }), row(500)])
    assert.deepEqual(samples.times(), [1, 2, 500])
    assert.deepEqual(samples.values(0, 'cpu', samples.times()), [null, null, 5])
    samples.add([row(702), row(702)])
    assert.deepEqual(samples.times(), [500, 702])
    assert.deepEqual(samples.values(1, 'cpu', [500, 501]), [null, null])
  })
})
