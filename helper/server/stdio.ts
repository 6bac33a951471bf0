/** Moves a container's stdio between its watcher and the client that started it attached. */
import type { Socket } from 'node:net'
import type { Exit } from '../containers/container.ts'
import { FrameReader, frameType, makeFrame, maxOutgoing } from '../containers/frames.ts'
import { channel } from '../protocol/stream.ts'
import type { Session } from './session.ts'

/** Takes over an attached socket. `exit`: how it will have ended. `once`: its input ends with this client's, as with
 * Docker; otherwise others may attach later, and go on. */
export function passStdio(
  session: Session,
  watcher: Socket,
  { exit, once }: { exit: () => Promise<Exit>; once: boolean },
): (bytes: Buffer) => void {
  const reader = new FrameReader()
  let sending = Promise.resolve()
  let pending = 0

  watcher.on('data', (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) {
      if (frame.type !== 'stdout' && frame.type !== 'stderr') continue
      const on = channel[frame.type]
      pending++
      sending = sending
        .then(() => session.sendBytes(on, frame.bytes))
        .then(() => {
          if (--pending === 0) watcher.resume()
        })
    }
    if (pending > 0) watcher.pause()
  })
  watcher.on('error', () => undefined) // 'close' follows
  watcher.on('close', () => {
    void sending.then(exit).then(
      (ended) => session.endStream(ended),
      () => session.endStream({ exitCode: null, oomKilled: false }),
    )
  })
  watcher.on('drain', () => session.holdInput(false))
  session.closed.addEventListener('abort', () => {
    if (once) watcher.write(makeFrame(frameType.stdinEnd), () => watcher.destroy())
    else watcher.destroy()
  })

  return (bytes) => {
    if (bytes.byteLength === 0) {
      if (once) watcher.write(makeFrame(frameType.stdinEnd))
      return
    }
    let room = true
    for (let at = 0; at < bytes.byteLength; at += maxOutgoing)
      room = watcher.write(makeFrame(frameType.stdin, bytes.subarray(at, at + maxOutgoing)))
    if (!room) session.holdInput(true)
  }
}
