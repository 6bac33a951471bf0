/** What a cgroup uses, in words: for rows, hovers and screen readers. */
import * as vscode from 'vscode'
import type { Metric } from '../../helper/protocol/usageColumns.ts'
import type { UsageModel, Values } from '../connection/usageModel.ts'
import { graph, sparkline } from '../graphs/sparkline.ts'
import { valueText } from '../graphs/values.ts'
import { shortSpan } from './shortSpan.ts'

/** What a row shows: one of these. */
export type ShownMetric = Exclude<Metric, 'detail'>
export const shownMetrics: readonly ShownMetric[] = ['cpu', 'memory', 'io', 'pids']

export function metricTitle(metric: ShownMetric): string {
  return {
    cpu: vscode.l10n.t('CPU'),
    memory: vscode.l10n.t('Memory'),
    io: vscode.l10n.t('I/O'),
    pids: vscode.l10n.t('Processes'),
  }[metric]
}

const units = { cpu: 'percent', memory: 'bytes', io: 'rate', pids: 'count' } as const

/** A row has no room for parts of a byte. */
function textOf(metric: ShownMetric, value: number): string {
  return valueText(units[metric], metric === 'cpu' ? value : Math.round(value))
}

function sum(a: number | null | undefined, b: number | null | undefined): number | null {
  return a == null && b == null ? null : (a ?? 0) + (b ?? 0)
}

/** I/O is both directions together. */
export function valuesOf(values: Values, metric: ShownMetric): readonly (number | null)[] {
  if (metric !== 'io') return values(metric)
  const written = values('written')
  return values('read').map((read, at) => sum(read, written[at]))
}

/** `▁▂▅ 12 %`; empty before there is a value. `length`: blocks of the curve. */
export function usageText(usage: UsageModel, cgroup: string, metric: ShownMetric, length = 8): string {
  const values = valuesOf(usage.live(cgroup), metric)
  const latest = values.at(-1)
  if (latest == null) return ''
  // A whole block is a whole processor, so that an idle one is flat.
  const full = metric === 'cpu' ? 100 : undefined
  return `${sparkline(values, length, full)} ${textOf(metric, latest)}`
}

const limitColumns = { cpu: 'cpuLimit', memory: 'memoryLimit', pids: 'pidsLimit', io: undefined } as const

/** The limit that was recorded last; null for none. */
export function limitIn(values: Values, metric: ShownMetric): number | null {
  const column = limitColumns[metric]
  return column === undefined ? null : (values(column).at(-1) ?? null)
}

/** A larger curve with its minimum, average, maximum and limit. */
export function appendGraph(
  tooltip: vscode.MarkdownString,
  { values, metric, limit = null }: { values: readonly (number | null)[]; metric: ShownMetric; limit?: number | null },
): void {
  const known = values.filter((value) => value !== null)
  if (known.length === 0) return
  const image = Buffer.from(graph(values, limit)).toString('base64')
  const mean = known.reduce((total, value) => total + value, 0) / known.length
  const words = [
    vscode.l10n.t('min {0}', textOf(metric, Math.min(...known))),
    vscode.l10n.t('avg {0}', textOf(metric, mean)),
    vscode.l10n.t('max {0}', textOf(metric, Math.max(...known))),
    ...(limit === null ? [] : [vscode.l10n.t('limit {0}', textOf(metric, limit))]),
  ]
  tooltip
    .appendMarkdown(`\n\n![](data:image/svg+xml;base64,${image})\n\n`)
    .appendText(
      vscode.l10n.t('{0}, last {1}: {2}', metricTitle(metric), shortSpan(known.length * 1000), words.join(' · ')),
    )
}
