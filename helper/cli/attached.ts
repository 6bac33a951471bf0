/** A command whose stdio is this process's own: input, output, signals, and the size of the terminal. */
import { spawnSync } from 'node:child_process'
import { constants } from 'node:os'
import { InvalidArgumentError, Option } from 'commander'
import type { Client } from '../client/client.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { writeStream } from './session.ts'

interface Size {
  readonly rows: number
  readonly columns: number
}

interface Attachment {
  readonly tty: boolean
  readonly openStdin: boolean
  /** What leaves it running, typed at a terminal; empty for nothing. */
  readonly detachKeys: string
  /** Starts it; answers its id. */
  readonly start: () => Promise<string>
  readonly signal: (id: string, signal: number) => Promise<unknown>
  readonly resize: (id: string, size: Size) => Promise<unknown>
}

/** Of the terminal; some say that they have no size at all. */
export function windowSize(): Size {
  return { rows: process.stdout.rows || 24, columns: process.stdout.columns || 80 }
}

/** The bytes of `ctrl-p,ctrl-q`, as Docker writes them. */
function keysOf(text: string): string {
  return text
    .split(',')
    .filter(Boolean)
    .map((key) => {
      const letter = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1]
      if (letter !== undefined) return String.fromCharCode(letter.toUpperCase().charCodeAt(0) & 0x1f)
      if (key.length === 1) return key
      throw new InvalidArgumentError('It must be keys such as ctrl-p,ctrl-q.')
    })
    .join('')
}

export function detachKeysOption(): Option {
  return new Option('--detach-keys <keys>', 'what leaves it running')
    .argParser(keysOf)
    .default(keysOf('ctrl-p,ctrl-q'), 'ctrl-p,ctrl-q')
}

/** Finds a sequence of keys in what is typed. What may be its beginning is held back until the next key. */
export class DetachKeys {
  readonly #keys: Buffer
  #matched = 0

  constructor(keys: string) {
    this.#keys = Buffer.from(keys, 'latin1')
  }

  /** What is to be sent on, and whether the sequence is complete: then nothing after it is. */
  push(bytes: Buffer): { send: Buffer; detached: boolean } {
    if (this.#keys.byteLength === 0) return { send: bytes, detached: false }
    const send: number[] = []
    for (const byte of bytes) {
      if (byte === this.#keys[this.#matched]) {
        if (++this.#matched === this.#keys.byteLength) return { send: Buffer.from(send), detached: true }
        continue
      }
      send.push(...this.#keys.subarray(0, this.#matched))
      this.#matched = byte === this.#keys[0] ? 1 : 0
      if (this.#matched === 0) send.push(byte)
    }
    return { send: Buffer.from(send), detached: false }
  }
}

/** Sends what is typed or piped in; back-pressure reaches whoever writes it. True when somebody detached. */
async function sendInput(client: Client, detachKeys: string): Promise<boolean> {
  const keys = new DetachKeys(detachKeys)
  for await (const chunk of process.stdin) {
    const { send, detached } = keys.push(chunk as Buffer)
    if (send.byteLength > 0) await client.send(send)
    if (detached) return true
  }
  client.endInput()
  return false
}

/** From before the command runs, so that none ends this process instead: those that come early are sent on then. */
function forwardSignals(signal: Attachment['signal']): (id: string) => void {
  const started = Promise.withResolvers<string>()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)
    process.on(name, () => {
      void started.promise.then((id) => signal(id, constants.signals[name])).catch(() => undefined) // it has ended meanwhile
    })
  return started.resolve
}

function enterRawMode(): void {
  process.stdin.setRawMode(true)
  // Node's raw mode still turns each line feed into two characters on output, which full-screen programs stumble over.
  spawnSync('stty', ['-opost'], { stdio: 'inherit' })
}

/** Answers the exit code; 0 when somebody detached. */
export async function attached(
  client: Client,
  { tty, openStdin, detachKeys, start, signal, resize }: Attachment,
): Promise<number> {
  if (tty && openStdin && !process.stdin.isTTY)
    throw new BulkheadError('InvalidRequest', 'the input is not a terminal', {
      hint: 'Leave out -t, or run it at a terminal.',
    })
  const end = writeStream(client)
  const forwardTo = tty ? undefined : forwardSignals(signal)
  const id = await start()
  forwardTo?.(id)
  const raw = tty && process.stdin.isTTY
  if (raw) enterRawMode()
  try {
    if (tty) process.stdout.on('resize', () => void resize(id, windowSize()).catch(() => undefined))
    const detached = Promise.withResolvers<number>()
    if (openStdin)
      void sendInput(client, tty ? detachKeys : '').then(
        (left) => left && detached.resolve(0),
        () => undefined,
      )
    return await Promise.race([end.then(({ exitCode }) => exitCode ?? 125), detached.promise])
  } finally {
    if (raw) process.stdin.setRawMode(false)
    if (openStdin) process.stdin.destroy()
  }
}
