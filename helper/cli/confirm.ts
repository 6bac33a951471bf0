/** A question before something goes. */
import { createInterface } from 'node:readline/promises'
import { BulkheadError } from '../protocol/errors.ts'

/** @throws BulkheadError where nobody can answer */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new BulkheadError('InvalidRequest', 'nobody can be asked whether to remove all that', {
      hint: 'Say so with --force.',
    })
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await asking.question(`${question} [y/N] `)
  asking.close()
  return /^y(?:es)?$/i.test(answer.trim())
}
