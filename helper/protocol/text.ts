/** Forms that people write and read, known to both sides. */
import type { RestartPolicy } from './lifecycleSchemas.ts'

const factors = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

/** `512m` as bytes, with Docker's units: b, k, m, g, t, each of 1024. Undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text)
  if (match === null) return undefined
  return Math.round(Number(match[1]) * factors[match[2]!.toLowerCase() as keyof typeof factors])
}

const units = ['B', 'kB', 'MB', 'GB', 'TB']

/** `12.3 MB` for bytes, in steps of 1000, as Docker shows sizes. */
export function sizeText(bytes: number): string {
  const step = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** step
  return `${step === 0 ? value : Number(value.toPrecision(3))} ${units[step]}`
}

/** `always`, `on-failure:3` as Docker writes them. Undefined for anything else. */
export function parseRestart(text: string): RestartPolicy | undefined {
  const match = /^(?:(no|always|unless-stopped)|on-failure(?::(\d+))?)$/.exec(text)
  if (match === null) return undefined
  const name = (match[1] ?? 'on-failure') as RestartPolicy['name']
  return { name, maximumRetryCount: Number(match[2] ?? 0) }
}
