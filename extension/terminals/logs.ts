/** A container's log in a terminal: followed, its colours kept; keys show time stamps, filter lines, and go back in time. */
import { TextDecoder } from 'node:util'
import * as vscode from 'vscode'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import type { Client } from '../../helper/client/client.ts'
import type { ConnectedContext } from '../context.ts'

/** Lines of the end that are shown at first. */
const tail = 1000

const clear = '\x1b[2J\x1b[3J\x1b[H'
const dim = (text: string): string => `\x1b[2m${text}\x1b[0m\r\n`

interface View {
  readonly timestamps: boolean
  readonly filter: string
  /** Milliseconds since 1970; undefined for the last lines. */
  readonly since: number | undefined
}

/** Lines with a word in them, whatever its case and colours; what is not a whole line yet is kept back. */
export class LineFilter {
  readonly #word: string
  #rest = ''

  constructor(word: string) {
    this.#word = word.toLowerCase()
  }

  push(text: string): string {
    if (this.#word === '') return text
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!
    const plain = (line: string): string => line.replaceAll(/\x1b\[[0-9;]*m/g, '').toLowerCase()
    return lines
      .filter((line) => plain(line).includes(this.#word))
      .map((line) => `${line}\n`)
      .join('')
  }
}

/** Milliseconds of `10m`, `2h`, `1d`; undefined for anything else. */
export function spanOf(text: string): number | undefined {
  const match = /^(\d+)\s*([smhd])$/.exec(text.trim())
  if (match === null) return undefined
  return Number(match[1]) * { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as 's' | 'm' | 'h' | 'd']
}

class LogTerminal implements vscode.Pseudoterminal {
  readonly #context: ConnectedContext
  readonly #container: ContainerSummary
  readonly #onDidWrite = new vscode.EventEmitter<string>()
  readonly onDidWrite = this.#onDidWrite.event
  #client: Client | undefined
  #view: View = { timestamps: false, filter: '', since: undefined }

  constructor(context: ConnectedContext, container: ContainerSummary) {
    this.#context = context
    this.#container = container
  }

  open(): void {
    this.#show(this.#view)
  }

  handleInput(key: string): void {
    const view = this.#view
    switch (key) {
      case 't':
        return this.#show({ ...view, timestamps: !view.timestamps })
      case 'f':
        return void this.#ask(
          vscode.l10n.t('Show lines with this in them; empty for all'),
          view.filter,
          () => undefined,
        ).then((filter) => filter !== undefined && this.#show({ ...view, filter }))
      case 's':
        return void this.#ask(vscode.l10n.t('Since how long ago; empty for the last {0} lines', tail), '', (text) =>
          text === '' || spanOf(text) !== undefined ? undefined : vscode.l10n.t('Such as 10m, 2h or 1d'),
        ).then((text) => {
          if (text === undefined) return
          const span = spanOf(text)
          this.#show({ ...view, since: span === undefined ? undefined : Date.now() - span })
        })
    }
  }

  close(): void {
    this.#client?.close()
    this.#onDidWrite.dispose()
  }

  async #ask(
    prompt: string,
    value: string,
    validate: (text: string) => string | undefined,
  ): Promise<string | undefined> {
    return await vscode.window.showInputBox({
      title: vscode.l10n.t('Log of {0}', this.#container.name),
      ...{ prompt, value, validateInput: validate },
    })
  }

  #show(view: View): void {
    this.#view = view
    this.#client?.close()
    this.#client = undefined
    const shown = [
      ...(view.filter === '' ? [] : [vscode.l10n.t('lines with “{0}”', view.filter)]),
      ...(view.since === undefined ? [] : [vscode.l10n.t('since {0}', new Date(view.since).toLocaleTimeString())]),
    ]
    const keys = vscode.l10n.t('t time stamps · f filter · s since')
    this.#onDidWrite.fire(clear + dim([...shown, keys].join(' · ')))
    this.#follow(view).catch((error: unknown) =>
      this.#onDidWrite.fire(dim(error instanceof Error ? error.message : String(error))),
    )
  }

  async #follow(view: View): Promise<void> {
    const client = await this.#context.connection.openStream()
    if (view !== this.#view) return client.close()
    this.#client = client
    // One of each for each channel: a character, or a line, may be cut in two between frames.
    const channels = new Map<number, { decoder: TextDecoder; filter: LineFilter }>()
    client.stream = {
      onBytes: (on, bytes) => {
        if (view !== this.#view) return
        const known = channels.get(on) ?? { decoder: new TextDecoder(), filter: new LineFilter(view.filter) }
        channels.set(on, known)
        const text = known.filter.push(known.decoder.decode(bytes, { stream: true }))
        // A pipe has no terminal that would return the carriage.
        if (text !== '') this.#onDidWrite.fire(text.replaceAll(/\r?\n/g, '\r\n'))
      },
      onEnd: ({ exitCode }) => {
        const end =
          exitCode === null
            ? vscode.l10n.t('end of the log')
            : vscode.l10n.t('the container ended with exit code {0}', exitCode)
        if (view === this.#view) this.#onDidWrite.fire(`\r\n${dim(end)}`)
        client.close()
      },
    }
    const { timestamps, since } = view
    const which = since === undefined ? { tail } : { since }
    await client.call('containers/logs', { container: this.#container.id, follow: true, timestamps, ...which })
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
