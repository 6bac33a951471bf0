/** Values of graphs as people read them, in rows and on pages. */
import { sizeText } from '../../helper/protocol/text.ts'

export type Unit = 'percent' | 'bytes' | 'rate' | 'count'

export function valueText(unit: Unit, value: number): string {
  switch (unit) {
    case 'percent':
      return `${value.toFixed(value < 10 ? 1 : 0)} %`
    case 'bytes':
      return sizeText(Number(value.toPrecision(3)))
    case 'rate':
      return `${valueText('bytes', value)}/s`
    case 'count':
      return String(Math.round(value))
  }
}

/** One far above what is used would flatten the curve: it is said in words alone. */
export function isInSight(limit: number, used: number): boolean {
  return limit <= used * 4
}
