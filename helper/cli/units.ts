/** Values as people write them on a command line. */
import { constants } from 'node:os'
import { InvalidArgumentError } from 'commander'
import { parseBytes, sizeText } from '../protocol/text.ts'

/** @throws InvalidArgumentError, which commander prints */
export function bytes(text: string): number {
  const parsed = parseBytes(text)
  if (parsed !== undefined) return parsed
  throw new InvalidArgumentError('It must be a number with a unit of b, k, m or g, such as 512m.')
}

/** As `bytes`, or -1 for no limit. */
export function bytesOrUnlimited(text: string): number {
  return text === '-1' ? -1 : bytes(text)
}

export function integer(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

export function decimal(text: string): number {
  if (!/^\d+(?:\.\d+)?$/.test(text)) throw new InvalidArgumentError('It must be a number, such as 1.5.')
  return Number(text)
}

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds of `1m30s`, `500ms`, as Docker writes them; a number alone is seconds. */
export function duration(text: string): number {
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text)
    throw new InvalidArgumentError('It must be a duration such as 1m30s.')
  return Math.round(
    parts.reduce(
      (sum, [, number, unit]) => sum + Number(number) * durationUnits[unit as keyof typeof durationUnits],
      0,
    ),
  )
}

/** Milliseconds since 1970 of `2026-01-31T12:00:00`, of seconds since 1970, or of a duration ago: `10m`. */
export function moment(text: string): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000
  if (/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return Date.now() - duration(text)
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new InvalidArgumentError('It must be a time such as 2026-01-31T12:00:00, or 10m.')
  return time
}

/** `KILL`, `SIGTERM`, `15`. */
export function signalNumber(text: string): number {
  const name = `SIG${text.toUpperCase().replace(/^SIG/, '')}`
  const number = /^\d+$/.test(text) ? Number(text) : (constants.signals as Record<string, number>)[name]
  if (number === undefined) throw new InvalidArgumentError('It must be a signal such as KILL, TERM or 15.')
  return number
}

const units = [
  ['second', 60],
  ['minute', 60],
  ['hour', 24],
  ['day', 7],
  ['week', 52],
  ['year', Infinity],
] as const

/** `3 minutes` for a span of milliseconds. */
export function span(milliseconds: number): string {
  let value = Math.max(0, milliseconds / 1000)
  if (value < 1) return 'less than a second'
  for (const [unit, next] of units) {
    if (value < next) return `${Math.floor(value)} ${unit}${Math.floor(value) === 1 ? '' : 's'}`
    value /= next
  }
  return ''
}

/** `12.3MB` for bytes, in steps of 1000, as Docker shows sizes. */
export function size(value: number): string {
  return sizeText(value).replace(' ', '')
}

/** `12.3MiB` for bytes, in steps of 1024, as Docker shows memory. */
export function binarySize(value: number): string {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const step = Math.min(names.length - 1, value < 1 ? 0 : Math.floor(Math.log2(value) / 10))
  const number = value / 1024 ** step
  return `${step === 0 ? number : Number(number.toPrecision(4))}${names[step]}`
}

/** `1f2e3d4c5b6a` of a digest. */
export function shortId(digest: string): string {
  return digest.replace('sha256:', '').slice(0, 12)
}

/** For an option that may be given several times. */
export const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value]

/** Without what is undefined. */
export function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never
}
