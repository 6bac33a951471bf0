/** Which charts there are, and each as uPlot draws it. */
import uPlot from 'uplot'
import type { UsageColumn } from '../../helper/protocol/usageColumns.ts'
import { isInSight, valueText, type Unit } from '../graphs/values.ts'
import type { Samples } from './data.ts'
import type { ChartName, Mark, MarkKind, ShownSeries, Texts } from './messages.ts'

interface ChartKind {
  readonly name: ChartName
  readonly unit: Unit
  /** What is shown of several; of one alone its `parts`, too. */
  readonly columns: readonly UsageColumn[]
  readonly parts: readonly UsageColumn[]
  readonly limit?: UsageColumn
}

export const chartKinds: readonly ChartKind[] = [
  { name: 'cpu', unit: 'percent', columns: ['cpu'], parts: ['cpuSystem', 'throttled'], limit: 'cpuLimit' },
  {
    name: 'memory',
    unit: 'bytes',
    columns: ['memory'],
    parts: ['anonymous', 'file', 'kernel', 'swap'],
    limit: 'memoryLimit',
  },
  { name: 'io', unit: 'rate', columns: ['read', 'written'], parts: [] },
  { name: 'network', unit: 'rate', columns: ['received', 'sent'], parts: [] },
  { name: 'pids', unit: 'count', columns: ['pids'], parts: [], limit: 'pidsLimit' },
  { name: 'pressure', unit: 'percent', columns: ['cpuPressure', 'memoryPressure', 'ioPressure'], parts: [] },
]

/** A line of a chart. */
export interface Line {
  readonly series: number
  readonly column: UsageColumn
  readonly label: string
  readonly color: string
  readonly dash: number[] | undefined
  readonly isLimit: boolean
}

/** Red is for limits; the theme's orange is hard to see on dark ground. */
const colorNames = ['blue', 'green', 'yellow', 'purple', 'foreground'] as const

export interface Theme {
  readonly colors: readonly string[]
  readonly foreground: string
  readonly faint: string
  readonly background: string
  readonly red: string
  readonly font: string
}

export function readTheme(): Theme {
  const style = getComputedStyle(document.body)
  const variable = (name: string, otherwise: string): string =>
    style.getPropertyValue(`--vscode-${name}`).trim() || otherwise
  return {
    colors: colorNames.map((name) => variable(`charts-${name}`, '#3794ff')),
    foreground: variable('descriptionForeground', '#808080'),
    faint: 'rgba(128, 128, 128, 0.25)',
    background: variable('editor-background', '#1e1e1e'),
    red: variable('charts-red', '#e51400'),
    font: `11px ${variable('font-family', 'sans-serif')}`,
  }
}

const dashes = [undefined, [6, 3], [2, 3], [8, 3, 2, 3], [1, 2]]

/** Of one series each column has its colour; of several each series has, and the column its dashes. */
export function linesOf(
  kind: ChartKind,
  series: readonly ShownSeries[],
  { theme, texts }: { theme: Theme; texts: Texts },
): Line[] {
  const isAlone = series.length === 1
  const columns = isAlone ? [...kind.columns, ...kind.parts] : kind.columns
  const lines = series.flatMap(({ name }, at) =>
    columns.map((column, index): Line => {
      const word = texts.columns[column] ?? column
      return {
        ...{ series: at, column, isLimit: false },
        label: isAlone ? word : columns.length === 1 ? name : `${name}, ${word}`,
        color: theme.colors[(isAlone ? index : at) % theme.colors.length]!,
        dash: isAlone ? undefined : dashes[index],
      }
    }),
  )
  if (kind.limit === undefined) return lines
  const { limit } = kind
  return [
    ...lines,
    ...series.map(({ name }, at): Line => ({
      ...{ series: at, column: limit, isLimit: true, dash: [5, 4] },
      label: isAlone ? texts.limit : `${name}, ${texts.limit}`,
      color: isAlone ? theme.red : theme.colors[at % theme.colors.length]!,
    })),
  ]
}

const markColors: Readonly<Record<MarkKind, string>> = {
  start: '#89d185',
  oom: '#f14c4c',
  throttled: '#cca700',
  limit: '#b180d7',
}
const markSigns: Readonly<Record<MarkKind, string>> = { start: '▶', oom: '✖', throttled: '◆', limit: '▲' }

/** Vertical lines, with a sign each at the top. */
function drawMarks(plot: uPlot, marks: readonly Mark[]): void {
  const { ctx, bbox } = plot
  ctx.save()
  ctx.font = `${11 * devicePixelRatio}px sans-serif`
  ctx.textAlign = 'center'
  for (const { time, kind } of marks) {
    const x = plot.valToPos(time / 1000, 'x', true)
    if (x < bbox.left || x > bbox.left + bbox.width) continue
    ctx.strokeStyle = markColors[kind]
    ctx.fillStyle = markColors[kind]
    ctx.lineWidth = devicePixelRatio
    ctx.setLineDash([3, 3])
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
    ctx.fillText(markSigns[kind], x, bbox.top + 10 * devicePixelRatio)
  }
  ctx.restore()
}

export function signOf(kind: MarkKind): { sign: string; color: string } {
  return { sign: markSigns[kind], color: markColors[kind] }
}

/** Seconds only where they differ. */
function timeText(second: number, splits: readonly number[]): string {
  const isFine = (splits[1] ?? 0) - (splits[0] ?? 0) < 60
  return new Date(second * 1000).toLocaleTimeString([], {
    ...{ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    ...(isFine && { second: '2-digit' }),
  })
}

export interface ChartOptions {
  readonly kind: ChartKind
  readonly lines: readonly Line[]
  readonly theme: Theme
  readonly size: { readonly width: number; readonly height: number }
  readonly marks: () => readonly Mark[]
  readonly onZoom: (from: number, to: number) => void
  readonly onCursor: (index: number | null) => void
}

export function dataOf(samples: Samples, lines: readonly Line[], times: readonly number[]): uPlot.AlignedData {
  return [
    times as number[],
    ...lines.map(({ series, column }) => samples.values(series, column, times)),
  ] as uPlot.AlignedData
}

/** The values of a line; null where there is none. */
export function columnAt(data: uPlot.AlignedData, line: number): (number | null)[] {
  return Array.from(data[line + 1] as ArrayLike<number | null | undefined>, (value) => value ?? null)
}

export function makeChart(
  into: HTMLElement,
  { kind, lines, theme, size, marks, onZoom, onCursor }: ChartOptions,
): uPlot {
  const axis = {
    stroke: theme.foreground,
    font: theme.font,
    grid: { stroke: theme.faint, width: 1 },
    ticks: { stroke: theme.faint, width: 1 },
  }
  return new uPlot(
    {
      ...size,
      legend: { show: false },
      cursor: { sync: { key: 'usage' }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
      scales: {
        y: {
          range: (plot) => {
            const known = (at: number): number[] => columnAt(plot.data, at).filter((one) => one !== null)
            const used = lines.flatMap(({ isLimit }, at) => (isLimit ? [] : known(at)))
            const bounds = lines.flatMap(({ isLimit }, at) => (isLimit ? known(at).slice(-1) : []))
            const most = Math.max(kind.unit === 'percent' ? 1 : kind.unit === 'count' ? 4 : 1000, ...used)
            const near = bounds.filter((bound) => isInSight(bound, most))
            return [0, Math.max(most, ...near) * 1.1]
          },
        },
      },
      axes: [
        { ...axis, values: (_plot, splits) => splits.map((second) => timeText(second, splits)) },
        { ...axis, size: 64, values: (_plot, splits) => splits.map((value) => valueText(kind.unit, value)) },
      ],
      series: [
        {},
        ...lines.map(({ label, color, dash }) => ({
          ...{ label, stroke: color, width: 1.5, points: { show: false } },
          ...(dash !== undefined && { dash }),
        })),
      ],
      hooks: {
        draw: [(plot) => drawMarks(plot, marks())],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select
            if (width < 4) return
            onZoom(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'))
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          },
        ],
        setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)],
      },
    },
    [[], ...lines.map(() => [])] as uPlot.AlignedData,
    into,
  )
}
