/** Asks until it is so: what is true, or what was found. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | false | undefined> | T | false | undefined,
  milliseconds = 10_000,
): Promise<T> {
  const end = performance.now() + milliseconds
  while (performance.now() < end) {
    const found = await probe()
    if (found !== undefined && found !== false) return found
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error(`${what}: not within ${milliseconds} ms`)
}
