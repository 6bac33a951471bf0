const units = [
  [60_000, 's', 1000],
  [3_600_000, 'm', 60_000],
  [86_400_000, 'h', 3_600_000],
  [Infinity, 'd', 86_400_000],
] as const

/** `5m` for a span of milliseconds: short enough for a row. */
export function shortSpan(milliseconds: number): string {
  const [, unit, size] = units.find(([below]) => milliseconds < below)!
  return `${Math.max(0, Math.floor(milliseconds / size))}${unit}`
}
