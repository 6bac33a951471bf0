/**
 * The byte stream of a connection. JSON-RPC goes in text frames; a connection that asked for a stream (`containers/run`
 * with `attach`, `containers/logs`, `images/import`) carries it in binary frames: one byte that names the channel, then
 * the bytes. One stream a connection, so that a slow reader holds up nobody but itself.
 */
export const channel = { stdin: 0, stdout: 1, stderr: 2 } as const
export type Channel = (typeof channel)[keyof typeof channel]

/** Bytes of a frame at most, with its channel. */
export const maxFrame = 64 * 1024 + 1

export function frame(on: Channel, bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(bytes.byteLength + 1)
  whole[0] = on
  whole.set(bytes, 1)
  return whole
}

/** An empty frame on stdin means its end. */
export const endOfStdin = new Uint8Array([channel.stdin])
