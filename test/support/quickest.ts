/**
 * The least of times, in milliseconds, that something took in up to five tries; the first within the goal ends them. What
 * else a machine does can only make them longer, so that one which is short enough is the truth.
 */
export async function quickest(goal: number, measure: () => Promise<number>): Promise<number> {
  let least = Infinity
  for (let tries = 0; tries < 5 && least > goal; tries++) least = Math.min(least, await measure())
  return least
}
