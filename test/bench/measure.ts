/** Measuring: medians, since machines are noisy; ratios, since they are not alike. */

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

export interface Line {
  readonly what: string
  readonly value: string
  readonly target?: string
  readonly met?: boolean
}

export function report(title: string, lines: readonly Line[]): void {
  const widest = Math.max(...lines.map(({ what }) => what.length))
  process.stdout.write(`\n${title}\n`)
  for (const { what, value, target, met } of lines) {
    const verdict = target === undefined ? '' : `   (${met === true ? 'met' : 'MISSED'}: ${target})`
    process.stdout.write(`  ${what.padEnd(widest)}   ${value}${verdict}\n`)
  }
}
