/** A container's log in a terminal, followed until it ends. */
import { TextDecoder } from 'node:util'
import * as vscode from 'vscode'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import type { Client } from '../../helper/client/client.ts'
import type { ConnectedContext } from '../context.ts'

/** A pipe has no terminal that would return the carriage. */
function withCarriageReturns(text: string): string {
  return text.replaceAll(/\r?\n/g, '\r\n')
}

class LogTerminal implements vscode.Pseudoterminal {
  readonly #context: ConnectedContext
  readonly #container: ContainerSummary
  readonly #onDidWrite = new vscode.EventEmitter<string>()
  readonly onDidWrite = this.#onDidWrite.event
  #client: Client | undefined

  constructor(context: ConnectedContext, container: ContainerSummary) {
    this.#context = context
    this.#container = container
  }

  open(): void {
    this.#follow().catch((error: unknown) => this.#say(error instanceof Error ? error.message : String(error)))
  }

  close(): void {
    this.#client?.close()
    this.#onDidWrite.dispose()
  }

  async #follow(): Promise<void> {
    const client = await this.#context.connection.openStream()
    this.#client = client
    // One decoder for each channel: a character may be cut in two between frames.
    const decoders = new Map<number, TextDecoder>()
    client.stream = {
      onBytes: (on, bytes) => {
        const decoder = decoders.get(on) ?? new TextDecoder()
        decoders.set(on, decoder)
        this.#onDidWrite.fire(withCarriageReturns(decoder.decode(bytes, { stream: true })))
      },
      onEnd: ({ exitCode }) => {
        this.#say(
          exitCode === null
            ? vscode.l10n.t('end of the log')
            : vscode.l10n.t('the container ended with exit code {0}', exitCode),
        )
        client.close()
      },
    }
    await client.call('containers/logs', { container: this.#container.id, follow: true, tail: 1000 })
  }

  #say(text: string): void {
    this.#onDidWrite.fire(`\r\n\x1b[2m${text}\x1b[0m\r\n`)
  }
}

export function viewLogs(context: ConnectedContext, container: ContainerSummary): void {
  vscode.window
    .createTerminal({
      name: vscode.l10n.t('Log of {0}', container.name),
      iconPath: new vscode.ThemeIcon('output'),
      pty: new LogTerminal(context, container),
      isTransient: true,
    })
    .show()
}
