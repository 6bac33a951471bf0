import assert from 'node:assert/strict'
import { FrameReader, frameType, makeFrame, resizeFrame, signalFrame } from '../../../helper/containers/frames.ts'

describe('frames of a watcher', () => {
  const exited = Buffer.alloc(24)
  exited.writeUInt32LE(137, 0)
  exited.writeUInt32LE(9, 4)
  exited.writeUInt32LE(1, 8)
  exited.writeBigUInt64LE(1_700_000_000_123_000_000n, 16)
  const stream = Buffer.concat([makeFrame(frameType.stdout, Buffer.from('hello')), makeFrame(frameType.exited, exited)])
  const expected = [
    { type: 'stdout', bytes: Buffer.from('hello') },
    { type: 'exited', exitCode: 137, signal: 9, oomKills: 1, finishedAt: 1_700_000_000_123 },
  ]

  it('are put together however they were cut', () => {
    for (let cut = 0; cut <= stream.byteLength; cut++) {
      const reader = new FrameReader()
      assert.deepEqual([...reader.push(stream.subarray(0, cut)), ...reader.push(stream.subarray(cut))], expected)
    }
  })

  it('are refused when their type is unknown', () => {
    assert.throws(() => new FrameReader().push(makeFrame(99)), /unknown type 99/)
  })

  it('carry signals and sizes as the watcher reads them', () => {
    assert.deepEqual(signalFrame(15), Buffer.from([4, 0, 0, 0, 16, 15, 0, 0, 0]))
    assert.deepEqual(resizeFrame(24, 80), Buffer.from([4, 0, 0, 0, 19, 24, 0, 80, 0]))
  })
})
