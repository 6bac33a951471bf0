/** A shell in a running container, and its own stdio, in terminals of the editor. */
import * as vscode from 'vscode'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import { findShell } from '../../helper/protocol/shell.ts'
import type { ConnectedContext } from '../context.ts'
import { ProcessTerminal, type TerminalProcess } from './processTerminal.ts'

function show(context: ConnectedContext, name: string, icon: string, process: TerminalProcess): void {
  vscode.window
    .createTerminal({
      name,
      iconPath: new vscode.ThemeIcon(icon),
      isTransient: true,
      pty: new ProcessTerminal(context.connection, process),
    })
    .show()
}

export function attachShell(context: ConnectedContext, container: ContainerSummary): void {
  show(context, container.name, 'vm-running', {
    start: async (client, size) => {
      const request = { container: container.id, command: [...findShell], tty: true, openStdin: true, ...size }
      return (await client.call('containers/exec', request)).id
    },
    resize: (client, id, size) => client.call('exec/resize', { id, ...size }),
    leave: (client, id) => client.call('exec/kill', { id, signal: 1 }),
    failure: vscode.l10n.t('There is no shell to attach'),
  })
}

/** What it prints from now on, and its input. Closing the terminal leaves it running. */
export function attach(context: ConnectedContext, container: ContainerSummary): void {
  let isPipe = false
  show(context, vscode.l10n.t('{0} (attached)', container.name), 'plug', {
    start: async (client, { rows, columns }) => {
      const { id, tty } = await client.call('containers/attach', { container: container.id })
      isPipe = !tty
      if (tty) await context.client.call('containers/resize', { container: id, rows, columns })
      return id
    },
    resize: async (client, id, size) => {
      if (!isPipe) await client.call('containers/resize', { container: id, ...size })
    },
    isPipe: () => isPipe,
    failure: vscode.l10n.t('It cannot be attached to'),
    stays: true,
  })
}
