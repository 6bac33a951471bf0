/** Numbers of things, as one says them. */
import * as vscode from 'vscode'

export function processesText(count: number): string {
  return count === 1 ? vscode.l10n.t('1 process') : vscode.l10n.t('{0} processes', count)
}
