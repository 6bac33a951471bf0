/** Forms that people write, known to both sides. */
import type { RestartPolicy } from './lifecycleSchemas.ts'

const factors = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

/** `512m` as bytes, with Docker's units: b, k, m, g, t, each of 1024. Undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text)
  if (match === null) return undefined
  return Math.round(Number(match[1]) * factors[match[2]!.toLowerCase() as keyof typeof factors])
}

/** `always`, `on-failure:3` as Docker writes them. Undefined for anything else. */
export function parseRestart(text: string): RestartPolicy | undefined {
  const match = /^(?:(no|always|unless-stopped)|on-failure(?::(\d+))?)$/.exec(text)
  if (match === null) return undefined
  const name = (match[1] ?? 'on-failure') as RestartPolicy['name']
  return { name, maximumRetryCount: Number(match[2] ?? 0) }
}
