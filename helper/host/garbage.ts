/** Garbage is collected when V8 feels the need, which looks at its own heap: buffers of bytes that pass through lie outside
 * of that, and pile up. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options: { type: 'minor' | 'major'; flavor?: 'last-resort' }) => void

/** Also gives back the room that young objects once needed: what is loaded at the start makes that grow to 16 MB. */
export function collectGarbage(): void {
  collect({ type: 'major', flavor: 'last-resort' })
}

/** Bytes that may pass before the buffers that carried them are given back. */
const enough = 16 * 1024 * 1024
let passed = 0

/** To be told of bytes that have passed through. About a millisecond each 16 MB. */
export function bytesPassed(count: number): void {
  passed += count
  if (passed < enough) return
  passed = 0
  collect({ type: 'minor' })
}
