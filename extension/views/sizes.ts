/** Sizes for people, in steps of 1000, as Docker shows them. */

const units = ['B', 'kB', 'MB', 'GB', 'TB']

export function sizeText(bytes: number): string {
  const step = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** step
  return `${step === 0 ? value : Number(value.toPrecision(3))} ${units[step]}`
}
