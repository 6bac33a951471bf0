/** An error of the helper's, by its reason. */
import assert from 'node:assert/strict'
import { BulkheadError, type ErrorReason } from '../../helper/protocol/errors.ts'

export async function rejects(reason: ErrorReason, work: Promise<unknown>, message = /./): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof BulkheadError, String(error))
    assert.equal(error.reason, reason, error.message)
    assert.match(error.message, message)
    return true
  })
}
