/** Forms that people write, known to both sides. */

const factors = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

/** `512m` as bytes, with Docker's units: b, k, m, g, t, each of 1024. Undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text)
  if (match === null) return undefined
  return Math.round(Number(match[1]) * factors[match[2]!.toLowerCase() as keyof typeof factors])
}
