import assert from 'node:assert/strict'
import { BulkheadError, errorKinds, fromWire, toWire } from '../../../helper/protocol/errors.ts'

describe('errors on the wire', () => {
  it('keep reason, message and hint', () => {
    const error = new BulkheadError('NameInUse', 'the name web is in use', { hint: 'choose another' })
    const back = fromWire(JSON.parse(JSON.stringify(toWire(error))))
    assert.deepEqual(
      [back.reason, back.message, back.hint, back.exitCode],
      ['NameInUse', 'the name web is in use', 'choose another', 125],
    )
  })

  it('have a code each', () => {
    const codes = Object.values(errorKinds).map(({ code }) => code)
    assert.equal(new Set(codes).size, codes.length)
  })

  it('exit as Docker does for a command that is not there, or cannot run', () => {
    assert.equal(errorKinds.CommandNotFound.exitCode, 127)
    assert.equal(errorKinds.CommandNotExecutable.exitCode, 126)
  })

  it('are Internal when they are not ours', () =>
    assert.equal(fromWire({ code: -32601, message: 'x' }).reason, 'Internal'))
})
