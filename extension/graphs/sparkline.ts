/** A curve in a row of text, and the larger one of a hover. */
import { isInSight } from './values.ts'

const blocks = '▁▂▃▄▅▆▇█'

/** Of the latest values: `▁▂▅▇`. `full`: the value of a whole block; without one, the largest of them. */
export function sparkline(values: readonly (number | null)[], length: number, full?: number): string {
  if (length === 0) return ''
  const shown = values.slice(-length).map((value) => value ?? 0)
  const most = Math.max(full ?? 0, ...shown)
  if (shown.length === 0 || most <= 0) return blocks[0]!.repeat(Math.min(length, Math.max(shown.length, 1)))
  return shown
    .map((value) => blocks[Math.min(blocks.length - 1, Math.floor((value / most) * (blocks.length - 0.001)))])
    .join('')
}

const width = 320
const height = 52

/** Samples that fill the width; fewer stand at its right. */
const least = 20

/** An SVG image of the values; `limit` as a dashed line where it is in sight. Colours that can be read in light and dark themes. */
export function graph(values: readonly (number | null)[], limit: number | null): string {
  const room = Math.max(least, values.length)
  // A rate has no value in its first second.
  const begin = Math.max(
    0,
    values.findIndex((value) => value !== null),
  )
  const known = values.slice(begin).map((value) => value ?? 0)
  const used = Math.max(1e-9, ...known)
  const shownLimit = limit !== null && isInSight(limit, used) ? limit : undefined
  const most = Math.max(used, shownLimit ?? 0) * 1.08
  const x = (at: number): number => width - ((known.length - 1 - at) / Math.max(1, room - 1)) * width
  const y = (value: number): number => height - 2 - (value / most) * (height - 6)
  const points = known.map((value, at) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`)
  const line =
    points.length === 0
      ? ''
      : `<polyline points="${points.join(' ')}" fill="none" stroke="#3794ff" stroke-width="1.5"/>`
  const area =
    points.length < 2
      ? ''
      : `<polygon points="${x(0).toFixed(1)},${height - 2} ${points.join(' ')} ${width},${height - 2}" fill="#3794ff" fill-opacity="0.18"/>`
  const bound =
    shownLimit === undefined
      ? ''
      : `<line x1="0" x2="${width}" y1="${y(shownLimit).toFixed(1)}" y2="${y(shownLimit).toFixed(1)}" stroke="#e51400" stroke-dasharray="5 4"/>`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="${width}" height="${height}" fill="#808080" fill-opacity="0.08"/>${area}${line}${bound}</svg>`
}
