/** The helper and this window: starting it, being let in, its log. */
import * as vscode from 'vscode'
import { joinGroup, startHelper } from '../connection/startHelper.ts'
import { commands, views } from '../contributions.ts'
import type { Context } from '../context.ts'
import { register } from './register.ts'

export function helperCommands(context: Context): vscode.Disposable {
  const { extension, log } = context
  return vscode.Disposable.from(
    register(context, commands.startHelper, () => startHelper(extension, log)),
    register(context, commands.joinGroup, joinGroup),
    register(context, commands.reopenOnLinux, () => vscode.commands.executeCommand('workbench.action.remote.showMenu')),
    register(context, commands.showLog, () => log.show()),
    register(context, commands.focusContainers, () => vscode.commands.executeCommand(`${views.containers}.focus`)),
  )
}
