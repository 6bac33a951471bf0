/** The one connection of this window: made when the extension wakes, and made again whenever it is lost. */
import { watch, type FSWatcher } from 'node:fs'
import { dirname } from 'node:path'
import * as vscode from 'vscode'
import type { Client } from '../../helper/client/client.ts'
import type { ConnectFailure } from '../../helper/client/connect.ts'
import { defaultSocket, socketPath } from '../../helper/protocol/address.ts'
import { settings } from '../contributions.ts'

export type ConnectionState = 'connecting' | 'connected' | 'absent' | 'notPermitted' | 'unreachable' | 'notLinux'

/** Milliseconds: the first and the longest pause between tries. A new socket file is seen at once, without waiting. */
const retry = { first: 500, longest: 10_000 }

export function configuredSocket(): string {
  const configured = vscode.workspace.getConfiguration().get<string>(settings.host, '') || process.env['BULKHEAD_HOST']
  return configured === undefined || configured === '' ? defaultSocket : socketPath(configured)
}

/** Loaded with the first connection: waking must not wait for a WebSocket library. */
async function connect(socket: string): Promise<Client> {
  const client = await import('../../helper/client/connect.ts')
  return await client.connect(socket)
}

export class Connection implements vscode.Disposable {
  readonly #log: vscode.LogOutputChannel
  readonly #onDidChange = new vscode.EventEmitter<ConnectionState>()
  readonly onDidChange = this.#onDidChange.event
  #state: ConnectionState = 'connecting'
  #client: Client | undefined
  #pause = retry.first
  #timer: NodeJS.Timeout | undefined
  #watcher: FSWatcher | undefined
  #disposed = false

  constructor(log: vscode.LogOutputChannel) {
    this.#log = log
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** The helper, while there is a connection. */
  get client(): Client | undefined {
    return this.#client
  }

  /** Tries now, whatever the pause. */
  async open(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#disposed || this.#client !== undefined) return
    if (process.platform !== 'linux') return this.#change('notLinux')
    let socket: string
    try {
      socket = configuredSocket()
      this.#accept(await connect(socket), socket)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** A connection of its own, for a byte stream. */
  async openStream(): Promise<Client> {
    return await connect(configuredSocket())
  }

  dispose(): void {
    this.#disposed = true
    clearTimeout(this.#timer)
    this.#watcher?.close()
    this.#client?.close()
    this.#onDidChange.dispose()
  }

  #accept(client: Client, socket: string): void {
    if (this.#disposed) return client.close()
    this.#watcher?.close()
    this.#watcher = undefined
    this.#pause = retry.first
    this.#client = client
    this.#log.info(`connected to ${socket}`)
    client.onClose(() => {
      if (this.#client !== client) return
      this.#client = undefined
      if (this.#disposed) return
      this.#log.warn('the helper closed the connection')
      this.#change('absent')
      void this.open()
    })
    this.#change('connected')
  }

  #fail(error: unknown): void {
    const { failure = 'other' } = error as { failure?: ConnectFailure }
    this.#log.debug(error instanceof Error ? error.message : String(error))
    this.#change(failure === 'other' ? 'unreachable' : failure)
    this.#timer = setTimeout(() => void this.open(), this.#pause)
    this.#pause = Math.min(this.#pause * 2, retry.longest)
    this.#watchFolder()
  }

  /** Where the folder exists, a helper that starts is seen at once. */
  #watchFolder(): void {
    if (this.#watcher !== undefined) return
    try {
      this.#watcher = watch(dirname(configuredSocket()), () => void this.open())
      this.#watcher.on('error', () => undefined)
    } catch {
      this.#watcher = undefined
    }
  }

  #change(state: ConnectionState): void {
    if (state === this.#state) return
    this.#state = state
    this.#onDidChange.fire(state)
  }
}
