/** A promise that must not take longer: what hangs is named, instead of a suite that times out. */
export async function within<T>(milliseconds: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${milliseconds} ms`)), milliseconds)
  })
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
