/** Lists for people (columns) and for programs (a JSON object a line), as Docker prints them. */
import { Option } from 'commander'

export type Format = 'table' | 'json'

export function formatOption(): Option {
  return new Option('--format <format>', 'how to print').choices(['table', 'json']).default('table')
}

export type Row = Readonly<Record<string, string>>

/** Columns are padded to their widest cell, three spaces apart; titles are the rows' keys. */
export function table(titles: readonly string[], rows: readonly Row[]): string {
  const widths = titles.map((title) => Math.max(title.length, ...rows.map((row) => row[title]!.length)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join('   ')
      .trimEnd()
  return [line(titles), ...rows.map((row) => line(titles.map((title) => row[title]!)))]
    .map((text) => `${text}\n`)
    .join('')
}

export function jsonLines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('')
}

/** What `diff` and `compare` write before a path. */
export const changeLetters = { added: 'A', changed: 'C', removed: 'D' } as const
