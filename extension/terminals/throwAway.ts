/** The terminal profile "throw-away shell": a fresh container of this machine's own root, with the folder that is open. What
 * changes outside of the folder vanishes with the terminal. */
import * as vscode from 'vscode'
import { terminalProfiles } from '../contributions.ts'
import type { Context } from '../context.ts'
import { ProcessTerminal } from './processTerminal.ts'

export function throwAwayShell({ connection }: Context): vscode.Disposable {
  return vscode.window.registerTerminalProfileProvider(terminalProfiles.throwAway, {
    provideTerminalProfile: () => {
      const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath
      const pty = new ProcessTerminal(connection, {
        start: async (client, size) => {
          const request = {
            ...{ image: 'host', tty: true, openStdin: true, attach: true, autoRemove: true, init: true, ...size },
            ...(folder !== undefined && {
              workingDirectory: folder,
              mounts: [{ type: 'bind' as const, source: folder, target: folder }],
            }),
          }
          return (await client.call('containers/run', request)).id
        },
        resize: (client, id, size) => client.call('containers/resize', { container: id, ...size }),
        leave: (client, id) => client.call('containers/kill', { container: id }),
        failure: vscode.l10n.t('There is no throw-away shell'),
      })
      // The editor does not always bring its panel to the front for a profile of an extension.
      const opened = vscode.window.onDidOpenTerminal((terminal) => {
        if (!('pty' in terminal.creationOptions) || terminal.creationOptions.pty !== pty) return
        opened.dispose()
        terminal.show()
      })
      return new vscode.TerminalProfile({
        ...{ name: vscode.l10n.t('throw-away'), pty, isTransient: true },
        iconPath: new vscode.ThemeIcon('beaker'),
      })
    },
  })
}
