/** Later settings of a variable replace earlier ones; each is `NAME=VALUE`. */
export function mergeVariables(entries: readonly string[]): string[] {
  const variables = new Map<string, string>()
  for (const entry of entries) {
    const equals = entry.indexOf('=')
    variables.set(entry.slice(0, equals), entry.slice(equals + 1))
  }
  return [...variables].map(([name, value]) => `${name}=${value}`)
}
