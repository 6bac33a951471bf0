/** Paths of cgroups below the root of every hierarchy, known to both sides. */

/** Of a child, or of a file. */
export function join(path: string, name: string): string {
  return path === '/' ? `/${name}` : `${path}/${name}`
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}
