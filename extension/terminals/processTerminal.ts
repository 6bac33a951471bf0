/** A process in a container, as a terminal of the editor: what it prints, what is typed, its size and its end. */
import { TextDecoder } from 'node:util'
import * as vscode from 'vscode'
import type { Client } from '../../helper/client/client.ts'
import type { Connection } from '../connection/connection.ts'

export interface Size {
  readonly rows: number
  readonly columns: number
}

/** What runs in the terminal. */
export interface TerminalProcess {
  /** Starts it, or attaches to it, on this connection; answers what it is called then. */
  readonly start: (client: Client, size: Size) => Promise<string>
  readonly resize?: (client: Client, id: string, size: Size) => Promise<unknown>
  /** The terminal is closed: so is who reads it. */
  readonly leave?: (client: Client, id: string) => Promise<unknown>
  /** It prints for a pipe: lines end without returning the carriage. */
  readonly isPipe?: () => boolean
  /** Said before the reason when it cannot be started. */
  readonly failure: string
  /** Stay open at its end, and say how it ended. */
  readonly stays?: boolean
}

export class ProcessTerminal implements vscode.Pseudoterminal {
  readonly #connection: Connection
  readonly #process: TerminalProcess
  readonly #onDidWrite = new vscode.EventEmitter<string>()
  readonly onDidWrite = this.#onDidWrite.event
  readonly #onDidClose = new vscode.EventEmitter<number>()
  readonly onDidClose = this.#onDidClose.event
  #client: Client | undefined
  #id: string | undefined
  #size: Size = { rows: 24, columns: 80 }

  constructor(connection: Connection, process: TerminalProcess) {
    this.#connection = connection
    this.#process = process
  }

  open(size: vscode.TerminalDimensions | undefined): void {
    if (size !== undefined) this.setDimensions(size)
    this.#run().catch((error: unknown) => {
      const hint = (error as { hint?: string }).hint
      const message = [error instanceof Error ? error.message : String(error), hint].filter(Boolean).join('. ')
      this.#onDidWrite.fire(`\x1b[31m${this.#process.failure}: ${message}\x1b[0m\r\n`)
      if (this.#process.stays !== true) this.#onDidClose.fire(125)
    })
  }

  handleInput(data: string): void {
    this.#client?.send(Buffer.from(data)).catch(() => undefined) // it has ended, and says so
  }

  setDimensions({ rows, columns }: vscode.TerminalDimensions): void {
    if (rows < 1 || columns < 1) return
    this.#size = { rows, columns }
    const { client } = this.#connection
    if (this.#id !== undefined && client !== undefined)
      this.#process.resize?.(client, this.#id, this.#size).catch(() => undefined)
  }

  close(): void {
    const { client } = this.#connection
    if (this.#id !== undefined && client !== undefined) this.#process.leave?.(client, this.#id).catch(() => undefined)
    this.#client?.close()
    vscode.Disposable.from(this.#onDidWrite, this.#onDidClose).dispose()
  }

  async #run(): Promise<void> {
    if (this.#connection.state === 'connecting') await this.#connection.open()
    const client = await this.#connection.openStream()
    this.#client = client
    // One decoder for each channel: a character may be cut in two between frames.
    const decoders = new Map<number, TextDecoder>()
    client.stream = {
      onBytes: (on, bytes) => {
        const decoder = decoders.get(on) ?? new TextDecoder()
        decoders.set(on, decoder)
        const text = decoder.decode(bytes, { stream: true })
        this.#onDidWrite.fire(this.#process.isPipe?.() === true ? text.replaceAll(/\r?\n/g, '\r\n') : text)
      },
      onEnd: ({ exitCode }) => {
        this.#id = undefined
        client.close()
        if (this.#process.stays === true)
          this.#onDidWrite.fire(`\r\n\x1b[2m${vscode.l10n.t('ended with exit code {0}', String(exitCode))}\x1b[0m\r\n`)
        else this.#onDidClose.fire(exitCode ?? 125)
      },
    }
    this.#id = await this.#process.start(client, this.#size)
  }
}
