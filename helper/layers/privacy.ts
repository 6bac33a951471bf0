/** The privacy layer of image `host`: what others may not read on this machine, hidden. Kept by a process of its own,
 * native/privacy, which follows the root file system; this is its other end. */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { createInterface } from 'node:readline'
import type { Native } from '../host/native.ts'
import type { Paths } from '../host/paths.ts'
import { limits } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'

/** Hidden with everything below, whatever its mode: people's files, and what engines keep for their containers. */
const hiddenWhole = [
  '/home',
  '/root',
  '/run',
  '/etc/bulkhead',
  '/etc/ssh',
  '/var/lib/bulkhead',
  '/var/lib/containerd',
  '/var/lib/containers',
  '/var/lib/docker',
  '/var/lib/incus',
  '/var/lib/kubelet',
  '/var/lib/lxc',
  '/var/lib/lxd',
  '/var/lib/machines',
  '/var/lib/rancher',
  '/var/run',
]

type Answer = { resolve: () => void; reject: (error: Error) => void }

export class PrivacyLayer {
  readonly directory: string
  readonly #paths: Paths
  readonly #native: Native
  #process: ChildProcessByStdio<Writable, Readable, null> | undefined
  #ready: Promise<void> = Promise.resolve()
  #waiting: Answer[] = []
  #stopping = false
  /** How many files and directories are hidden. */
  hidden = 0

  constructor(paths: Paths, native: Native) {
    this.directory = paths.privacyLayer
    this.#paths = paths
    this.#native = native
  }

  /** Begins the first walk of the root file system, which takes about a second; `sync` waits for it. */
  start(): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o755 })
    const hidden = [...hiddenWhole, this.#paths.state, this.#paths.run]
    const child = spawn(this.#native.privacy, [this.directory, ...hidden], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {},
    })
    this.#process = child
    child.on('error', (error) => this.#fail(error))
    child.on('exit', () => {
      this.#process = undefined
      this.#fail(new Error('its process ended'))
      // Killed by somebody: a new one cleans up after it, and has the next start wait less.
      if (!this.#stopping) setTimeout(() => this.#process ?? this.start(), 1000).unref()
    })
    child.stdin.on('error', () => undefined)
    createInterface(child.stdout).on('line', (line) => this.#onLine(line))
    this.#ready = this.#answer()
    this.#ready.catch(() => undefined)
  }

  /** Resolves when every change made on the host before this call is in the layer. */
  async sync(): Promise<void> {
    if (this.#process === undefined) this.start()
    await this.#ready
    const answer = this.#answer()
    this.#process?.stdin.write('sync\n')
    await answer
  }

  /** Ends the process, which unmounts what it mounted. */
  async stop(): Promise<void> {
    this.#stopping = true
    const child = this.#process
    if (child === undefined) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), limits.shutdown)
      child.once('exit', () => {
        clearTimeout(timer)
        resolve()
      })
      child.stdin.end()
    })
    // One that was killed in the middle of its first walk, on a busy machine, has left it there.
    this.#native.addon.detachMount(this.directory)
  }

  #answer(): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  #onLine(line: string): void {
    const [word, ...rest] = line.split(' ')
    const waiting = this.#waiting.shift()
    if (word === 'error') {
      waiting?.reject(this.#problem(rest.join(' ')))
      return
    }
    this.hidden = Number(rest[0])
    waiting?.resolve()
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(this.#problem(error.message))
  }

  #problem(why: string): BulkheadError {
    return new BulkheadError('StartFailed', `the privacy layer of image host cannot be kept: ${why}`, {
      hint: 'Without it a container could read secrets of this machine, so none is started. An imported image needs no privacy layer.',
    })
  }
}
