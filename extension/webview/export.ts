/** What is shown, as files. */
import { usageColumns } from '../../helper/protocol/usageColumns.ts'
import { escape } from '../graphs/escape.ts'
import { valueText } from '../graphs/values.ts'
import { chartKinds, columnAt, dataOf, linesOf, type Theme } from './charts.ts'
import type { Samples } from './data.ts'
import type { ShownSeries, Texts } from './messages.ts'

export interface Shown {
  readonly series: readonly ShownSeries[]
  readonly samples: Samples
  readonly theme: Theme
  readonly texts: Texts
  /** Seconds since 1970. */
  readonly range: readonly [from: number, to: number]
}

function quoted(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** One line for each sample of each cgroup (RFC 4180). */
export function csvOf({ series, samples, range }: Shown): string {
  const lines = samples.rows.flatMap((rows, at) =>
    rows
      .filter(([time]) => time! / 1000 >= range[0] && time! / 1000 <= range[1])
      .map(([time, ...values]) =>
        [new Date(time!).toISOString(), quoted(series[at]!.name), ...values.map((value) => value ?? '')].join(','),
      ),
  )
  return [['time', 'name', ...usageColumns].join(','), ...lines].join('\r\n') + '\r\n'
}

const size = { width: 640, height: 180, left: 70, top: 24, bottom: 18 }

/** The charts one below the other, as lines that can be scaled. */
export function svgOf(shown: Shown): string {
  const { series, samples, theme, texts, range } = shown
  const times = samples.times().filter((time) => time >= range[0] && time <= range[1])
  const [from, to] = range
  const plotWidth = size.width - size.left - 10
  const plotHeight = size.height - size.top - size.bottom
  const x = (time: number): number => size.left + ((time - from) / Math.max(1, to - from)) * plotWidth
  const parts = chartKinds.map((kind, row) => {
    const lines = linesOf(kind, series, shown)
    const data = dataOf(samples, lines, times)
    const columns = lines.map((_line, at) => columnAt(data, at))
    const known = columns.flatMap((values, at) => (lines[at]!.isLimit ? [] : values.filter((value) => value != null)))
    const most = Math.max(1, ...known) * 1.1
    const y = (value: number): number => size.top + plotHeight - (Math.min(value, most) / most) * plotHeight
    const curves = lines.map(({ color, dash, label, isLimit }, at) => {
      const points = columns[at]!.flatMap((value, index) =>
        value == null || (isLimit && value > most) ? [] : `${x(times[index]!).toFixed(1)},${y(value).toFixed(1)}`,
      )
      const dashed = dash === undefined ? '' : ` stroke-dasharray="${dash.join(' ')}"`
      return `<polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-width="1.5"${dashed}><title>${escape(label)}</title></polyline>`
    })
    const text = (left: number, top: number, content: string): string =>
      `<text x="${left}" y="${top}" fill="${theme.foreground}" font-size="11" font-family="sans-serif">${escape(content)}</text>`
    return `<g transform="translate(0 ${row * size.height})">
${text(size.left, 14, texts.charts[kind.name])}${text(4, size.top + 8, valueText(kind.unit, most))}${text(4, size.top + plotHeight, valueText(kind.unit, 0))}
<rect x="${size.left}" y="${size.top}" width="${plotWidth}" height="${plotHeight}" fill="none" stroke="${theme.faint}"/>
${curves.join('\n')}
${text(size.left, size.height - 4, new Date(from * 1000).toLocaleString())}
<text x="${size.width - 10}" y="${size.height - 4}" text-anchor="end" fill="${theme.foreground}" font-size="11" font-family="sans-serif">${escape(new Date(to * 1000).toLocaleString())}</text>
</g>`
  })
  const height = chartKinds.length * size.height
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${height}" viewBox="0 0 ${size.width} ${height}"><rect width="100%" height="100%" fill="${theme.background}"/>${parts.join('\n')}</svg>\n`
}

/** The same as pixels; base64. */
export async function pngOf(shown: Shown): Promise<string> {
  const image = new Image()
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgOf(shown))}`
  await image.decode()
  const canvas = document.createElement('canvas')
  const scale = 2
  canvas.width = image.width * scale
  canvas.height = image.height * scale
  const context = canvas.getContext('2d')!
  context.scale(scale, scale)
  context.drawImage(image, 0, 0)
  return canvas.toDataURL('image/png').split(',')[1]!
}
