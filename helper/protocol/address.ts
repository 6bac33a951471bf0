/** Where the helper's socket is. */
import { BulkheadError } from './errors.ts'

export const defaultSocket = '/run/bulkhead/helper.sock'

/** The socket's path of a `unix:///path`, as in BULKHEAD_HOST. @throws BulkheadError for anything else */
export function socketPath(host: string): string {
  const match = /^unix:\/\/(\/.+)$/.exec(host)
  if (match !== null) return match[1]!
  throw new BulkheadError('InvalidRequest', `${host} is not the address of a helper`, {
    hint: 'It looks like unix:///run/bulkhead/helper.sock.',
  })
}
