/** Paths through the symbolic links of a root, as the kernel follows them, from a list of all links. */

const maxHops = 40

export interface Followed {
  /** Without a leading slash and without links in it; undefined when it goes round in circles. */
  readonly path: string | undefined
  /** The links on the way. */
  readonly links: readonly string[]
}

/** `links`: each link's path and where it leads to. */
export function follow(path: string, links: ReadonlyMap<string, string>): Followed {
  const passed: string[] = []
  const ahead = path.split('/').toReversed()
  const done: string[] = []
  while (ahead.length > 0) {
    const name = ahead.pop()!
    if (name === '' || name === '.') continue
    if (name === '..') {
      done.pop()
      continue
    }
    done.push(name)
    const here = done.join('/')
    const target = links.get(here)
    if (target === undefined) continue
    if (passed.length === maxHops) return { path: undefined, links: passed }
    passed.push(here)
    done.pop()
    if (target.startsWith('/')) done.length = 0
    ahead.push(...target.split('/').toReversed())
  }
  return { path: done.join('/'), links: passed }
}
