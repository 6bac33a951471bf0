/** Wasted bytes of an image, counted as dive counts them: what is written in one layer and written again, or removed, in a
 * later one. */
import type { Change, Efficiency } from '../protocol/imageSchemas.ts'

interface Seen {
  count: number
  size: number
  least: number
}

/** `layers`: the changes of each layer, lowest first. */
export function efficiencyOf(layers: readonly (readonly Change[])[]): Efficiency {
  const seen = new Map<string, Seen>()
  for (const changes of layers)
    for (const { path, type, kind, ...change } of changes) {
      if (type === 'directory' && kind !== 'removed') continue
      // A file that is removed costs nothing more; a directory that is, what it held.
      const size = kind === 'removed' && type !== 'directory' ? 0 : change.size
      const file = seen.get(path) ?? { count: 0, size: 0, least: Infinity }
      file.count++
      file.size += size
      file.least = Math.min(file.least, size)
      seen.set(path, file)
    }
  let all = 0
  let least = 0
  const files = []
  for (const [path, file] of seen) {
    all += file.size
    least += file.least
    if (file.count > 1) files.push({ path, count: file.count, size: file.size })
  }
  files.sort((a, b) => b.size - a.size || (a.path < b.path ? -1 : 1))
  return {
    score: all === 0 ? 1 : least / all,
    wasted: files.reduce((sum, { size }) => sum + size, 0),
    files,
  }
}
