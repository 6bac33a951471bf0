/** What a user should know at once: a container that ran out of memory, and one that ends again and again. */
import * as vscode from 'vscode'
import type { BulkheadEvent, ContainerSummary } from '../helper/protocol/schemas.ts'
import { commands } from './contributions.ts'
import type { Context } from './context.ts'
import { ContainerNode } from './views/containerNode.ts'

/** Restarts after which it is a loop. */
const loop = 3

interface Warning {
  readonly text: string
  readonly actions: readonly (readonly [title: string, command: string])[]
}

/** Undefined for what need not be said. */
export function warningOf({ action, container }: Pick<BulkheadEvent, 'action' | 'container'>): Warning | undefined {
  if (container === undefined) return undefined
  const logs = [vscode.l10n.t('View Logs'), commands.viewLogs] as const
  if (action === 'oom')
    return {
      text: vscode.l10n.t('Container “{0}” ran out of memory: the kernel killed a process in it.', container.name),
      actions: [[vscode.l10n.t('Edit Limits'), commands.editLimits], logs],
    }
  if (action === 'die' && container.state === 'restarting' && container.restartCount + 1 === loop)
    return {
      text: vscode.l10n.t(
        'Container “{0}” ends again and again: {1} times so far, with exit code {2}.',
        container.name,
        loop,
        String(container.exitCode),
      ),
      actions: [logs, [vscode.l10n.t('Stop'), commands.stop]],
    }
  return undefined
}

async function warn({ text, actions }: Warning, container: ContainerSummary): Promise<void> {
  const chosen = await vscode.window.showWarningMessage(text, ...actions.map(([title]) => title))
  const command = actions.find(([title]) => title === chosen)?.[1]
  if (command !== undefined) await vscode.commands.executeCommand(command, new ContainerNode(container))
}

export function notifications({ containers }: Context): vscode.Disposable {
  return containers.onEvent((event) => {
    const warning = warningOf(event)
    if (warning !== undefined && event.container !== undefined) void warn(warning, event.container)
  })
}
