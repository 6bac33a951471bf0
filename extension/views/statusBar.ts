/** How many containers run, at the window's foot, while there is a helper. */
import * as vscode from 'vscode'
import { commands } from '../contributions.ts'
import type { Context } from '../context.ts'

export function statusBar(context: Context): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('bulkhead.running', vscode.StatusBarAlignment.Left)
  item.name = vscode.l10n.t('Bulkhead: Running Containers')
  item.command = commands.focusContainers
  const show = (): void => {
    if (context.connection.state !== 'connected') return item.hide()
    const { running } = context.containers
    item.text = `$(vm) ${running}`
    item.tooltip =
      running === 1 ? vscode.l10n.t('1 running container') : vscode.l10n.t('{0} running containers', running)
    item.accessibilityInformation = { label: item.tooltip }
    item.show()
  }
  show()
  return vscode.Disposable.from(item, context.connection.onDidChange(show), context.containers.onDidChange(show))
}
