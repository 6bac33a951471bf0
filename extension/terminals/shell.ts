/** A shell in a running container, in a terminal of the editor. */
import { TextDecoder } from 'node:util'
import * as vscode from 'vscode'
import type { Client } from '../../helper/client/client.ts'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import type { ConnectedContext } from '../context.ts'

/** The best shell that there is: looked for inside, by the one that there always is. */
const findShell = ['/bin/sh', '-c', 'exec "$(command -v bash || command -v ash || command -v sh)"']

class ShellTerminal implements vscode.Pseudoterminal {
  readonly #context: ConnectedContext
  readonly #container: ContainerSummary
  readonly #onDidWrite = new vscode.EventEmitter<string>()
  readonly onDidWrite = this.#onDidWrite.event
  readonly #onDidClose = new vscode.EventEmitter<number>()
  readonly onDidClose = this.#onDidClose.event
  #client: Client | undefined
  #command: string | undefined

  constructor(context: ConnectedContext, container: ContainerSummary) {
    this.#context = context
    this.#container = container
  }

  open(size: vscode.TerminalDimensions | undefined): void {
    this.#run(size).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error)
      this.#onDidWrite.fire(`\x1b[31m${vscode.l10n.t('There is no shell to attach: {0}', message)}\x1b[0m\r\n`)
    })
  }

  handleInput(data: string): void {
    this.#client?.send(Buffer.from(data)).catch(() => undefined) // it has ended, and says so
  }

  setDimensions({ rows, columns }: vscode.TerminalDimensions): void {
    if (this.#command === undefined || rows < 1 || columns < 1) return
    this.#context.client.call('exec/resize', { id: this.#command, rows, columns }).catch(() => undefined)
  }

  close(): void {
    const { client } = this.#context
    // The terminal is gone: so is who reads it.
    if (this.#command !== undefined) client.call('exec/kill', { id: this.#command, signal: 1 }).catch(() => undefined)
    this.#client?.close()
    vscode.Disposable.from(this.#onDidWrite, this.#onDidClose).dispose()
  }

  async #run(size: vscode.TerminalDimensions | undefined): Promise<void> {
    const client = await this.#context.connection.openStream()
    this.#client = client
    const decoder = new TextDecoder()
    client.stream = {
      onBytes: (_on, bytes) => this.#onDidWrite.fire(decoder.decode(bytes, { stream: true })),
      onEnd: ({ exitCode }) => {
        this.#command = undefined
        if (exitCode !== null) this.#onDidClose.fire(exitCode)
      },
    }
    const { id } = await client.call('containers/exec', {
      container: this.#container.id,
      command: findShell,
      tty: true,
      openStdin: true,
      rows: size?.rows ?? 24,
      columns: size?.columns ?? 80,
    })
    this.#command = id
  }
}

export function attachShell(context: ConnectedContext, container: ContainerSummary): void {
  vscode.window
    .createTerminal({
      name: container.name,
      iconPath: new vscode.ThemeIcon('vm-running'),
      isTransient: true,
      pty: new ShellTerminal(context, container),
    })
    .show()
}
