/** A real helper of the test's own: its roots in a temporary folder, gone again at the end. */
import assert from 'node:assert/strict'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '../../helper/client/connect.ts'
import type { Client } from '../../helper/client/client.ts'
import { BulkheadError } from '../../helper/protocol/errors.ts'
import type { Params } from '../../helper/protocol/methods.ts'
import type { BulkheadEvent, ContainerSummary } from '../../helper/protocol/schemas.ts'
import { busyboxArchive } from './busybox.ts'
import { makeNetworkNamespace, type NetworkNamespace } from './networkNamespace.ts'
import { within } from './within.ts'

export const root = join(import.meta.dirname, '../..')
const bundle = join(root, 'dist/bulkhead.cjs')

export interface CliResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export class TestHelper {
  readonly directory: string
  readonly state: string
  readonly run: string
  log = ''
  #process: ChildProcess | undefined
  /** A later helper has the same one. */
  #namespace: NetworkNamespace | undefined
  readonly #network: 'own' | 'host'
  /** A command that becomes the helper: it is given its words. */
  readonly #within: readonly string[]
  readonly #clients: Client[] = []

  /** Its network namespace is its own, unless told otherwise: bridges and rules come and go with it. */
  constructor(options: { state?: string; network?: 'own' | 'host'; within?: readonly string[] } = {}) {
    this.#network = options.network ?? 'own'
    this.#within = options.within ?? []
    this.directory = mkdtempSync('/tmp/bulkhead-test-')
    this.state = options.state ?? join(this.directory, 'state')
    this.run = join(this.directory, 'run')
  }

  /** Resolves when it listens. */
  static async start(
    options: {
      state?: string
      env?: Record<string, string>
      network?: 'own' | 'host'
      within?: readonly string[]
    } = {},
  ): Promise<TestHelper> {
    const helper = new TestHelper(options)
    await helper.start(options.env)
    return helper
  }

  get socket(): string {
    return join(this.run, 'helper.sock')
  }
  /** Its mirrors and special registries; not there unless a test writes it. */
  get registries(): string {
    return join(this.directory, 'registries.json')
  }
  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** Folders of containers, without those that are kept ready for the next ones: empty but for two directories. */
  containerFolders(): string[] {
    const all = join(this.state, 'containers')
    return readdirSync(all).filter((name) => readdirSync(join(all, name)).length > 2)
  }

  /** Bytes resident of the helper. */
  memory(): number {
    const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))!
    return Number(kilobytes) * 1024
  }

  get isGone(): boolean {
    return this.#process === undefined || this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  async start(env: Record<string, string> = {}): Promise<void> {
    const args = [
      ...(await this.#networkPrefix()),
      ...this.#within,
      process.execPath,
      bundle,
      'helper',
      '--state',
      this.state,
      '--run',
      this.run,
      '--policy',
      join(this.directory, 'policy.json'),
      '--registries',
      this.registries,
    ]
    const [command, ...rest] = args
    const child = spawn(command!, rest, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...env },
    })
    this.#process = child
    await new Promise<void>((resolve, reject) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        this.log += text
        if (this.log.includes('"msg":"ready"')) resolve()
      })
      child.once('exit', (code) => reject(new Error(`the helper ended with ${code}:\n${this.log}`)))
    })
    child.removeAllListeners('exit')
    this.log = ''
  }

  /** What runs a command in the helper's network namespace. nsenter(1) becomes it. */
  async #networkPrefix(): Promise<string[]> {
    if (this.#network === 'host') return []
    this.#namespace ??= await makeNetworkNamespace()
    return [...this.#namespace.enter]
  }

  /** Arguments of nsenter(1) that lead to the helper's network namespace. */
  async enter(): Promise<string[]> {
    return (await this.#networkPrefix()).slice(1)
  }

  /** Runs a command in the helper's network namespace; what it printed. It may fail. */
  async inNetwork(command: string, args: readonly string[], options: { input?: string } = {}): Promise<CliResult> {
    const [enter, ...rest] = [...(await this.#networkPrefix()), command, ...args]
    return await new Promise((resolve) => {
      const child = execFile(enter!, rest, { timeout: 20_000 }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 255, stdout, stderr }),
      )
      child.stdin?.end(options.input)
    })
  }

  /** `SIGKILL` unless told otherwise; resolves when it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const child = this.#process
    if (child === undefined || this.isGone) return child?.exitCode ?? null
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
    return child.exitCode
  }

  /** Removes every container, ends the helper, removes its folders. */
  async stop(): Promise<void> {
    await this.removeContainers()
    for (const open of this.#clients.splice(0)) open.close()
    await within(15_000, 'the end of the helper', this.kill('SIGTERM'))
    this.#namespace?.close()
    rmSync(this.directory, { recursive: true, force: true })
  }

  async removeContainers(): Promise<void> {
    const client = await this.client()
    for (const { id } of await client.call('containers/list')) {
      const removed = client.call('containers/remove', { container: id, force: true }).catch((error: unknown) => {
        // One that is removed when it ends has been quicker.
        if (!(error instanceof BulkheadError && error.reason === 'ContainerNotFound')) throw error
      })
      await within(15_000, `removal of container ${id}`, removed)
    }
    client.close()
  }

  async client(): Promise<Client> {
    const client = await connect(this.socket)
    this.#clients.push(client)
    return client
  }

  /** Imports the busybox root as image `busybox`. */
  async importBusybox(): Promise<void> {
    const result = await this.cli('import', busyboxArchive(), 'busybox')
    if (result.code !== 0) throw new Error(result.stderr)
  }

  /** Runs `bulkhead`. */
  cli(...args: string[]): Promise<CliResult> {
    return this.cliWith({}, ...args)
  }

  /** Runs `bulkhead`, which must succeed; what it printed. */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.cli(...args)
    assert.equal(code, 0, stderr)
    return stdout
  }

  cliWith(
    options: { input?: string | Uint8Array; env?: Record<string, string> },
    ...args: string[]
  ): Promise<CliResult> {
    return new Promise((resolve) => {
      const env = { ...process.env, BULKHEAD_HOST: `unix://${this.socket}`, ...options.env }
      const child = execFile(
        process.execPath,
        [bundle, ...args],
        { env, maxBuffer: 1 << 28 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255
          resolve({ code, stdout, stderr })
        },
      )
      if (options.input !== undefined) child.stdin?.end(options.input)
    })
  }
}

/** Runs a container to its end, and answers how it ended and what it printed. */
export async function runToEnd(
  helper: TestHelper,
  params: Params<'containers/run'>,
): Promise<{ exitCode: number | null; oomKilled: boolean; output: string }> {
  const client = await helper.client()
  let output = ''
  const end = Promise.withResolvers<{ exitCode: number | null; oomKilled: boolean }>()
  client.stream = { onBytes: (_on, bytes) => (output += Buffer.from(bytes).toString('utf8')), onEnd: end.resolve }
  await client.call('containers/run', { ...params, attach: true, autoRemove: true })
  const { exitCode, oomKilled } = await end.promise
  client.close()
  return { exitCode, oomKilled, output }
}

/** Resolves at the first event that fits; `events` must have been collected from before it can come. */
export function nextEvent(client: Client, fits: (event: BulkheadEvent) => boolean): Promise<BulkheadEvent> {
  return new Promise((resolve) => client.onEvent((event) => fits(event) && resolve(event)))
}

export async function untilState(
  client: Client,
  id: string,
  state: ContainerSummary['state'],
): Promise<ContainerSummary> {
  for (let tries = 0; tries < 500; tries++) {
    const found = (await client.call('containers/list')).find((container) => container.id === id)
    if (found?.state === state) return found
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`container ${id} did not become ${state} within five seconds`)
}
