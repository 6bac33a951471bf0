/** A command whose stdio is this process's own: input, output, signals, and the size of the terminal. */
import { spawnSync } from 'node:child_process'
import { constants } from 'node:os'
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
  /** Starts it; answers its id. */
  readonly start: () => Promise<string>
  readonly signal: (id: string, signal: number) => Promise<unknown>
  readonly resize: (id: string, size: Size) => Promise<unknown>
}

/** Of the terminal; some say that they have no size at all. */
export function windowSize(): Size {
  return { rows: process.stdout.rows || 24, columns: process.stdout.columns || 80 }
}

/** Sends what is typed or piped in; back-pressure reaches whoever writes it. */
async function sendInput(client: Client): Promise<void> {
  for await (const chunk of process.stdin) await client.send(chunk as Buffer)
  client.endInput()
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

/** Answers the exit code. */
export async function attached(client: Client, { tty, openStdin, start, signal, resize }: Attachment): Promise<number> {
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
    if (openStdin) void sendInput(client).catch(() => undefined)
    const { exitCode } = await end
    return exitCode ?? 125
  } finally {
    if (raw) process.stdin.setRawMode(false)
    if (openStdin) process.stdin.destroy()
  }
}
