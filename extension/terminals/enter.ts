/** A shell in chosen namespaces of a process, in a terminal of the editor. */
import * as vscode from 'vscode'
import type { NamespaceType } from '../../helper/protocol/kernelWords.ts'
import type { ConnectedContext } from '../context.ts'
import { ProcessTerminal } from './processTerminal.ts'

export function enterNamespaces(
  { connection }: ConnectedContext,
  { pid, types }: { pid: number; types: readonly NamespaceType[] },
): void {
  vscode.window
    .createTerminal({
      name: vscode.l10n.t('in {0} of {1}', types.length === 8 ? vscode.l10n.t('namespaces') : types.join(' '), pid),
      iconPath: new vscode.ThemeIcon('type-hierarchy'),
      isTransient: true,
      pty: new ProcessTerminal(connection, {
        start: async (client, size) => {
          const request = { pid, types: [...types], tty: true, openStdin: true, ...size }
          return (await client.call('namespaces/enter', request)).id
        },
        resize: (client, id, size) => client.call('exec/resize', { id, ...size }),
        leave: (client, id) => client.call('exec/kill', { id, signal: 1 }),
        failure: vscode.l10n.t('They cannot be entered'),
        stays: true,
      }),
    })
    .show()
}
