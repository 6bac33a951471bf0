/** Registers commands; those that need the helper get it, or offer to start it. */
import * as vscode from 'vscode'
import { BulkheadError } from '../../helper/protocol/errors.ts'
import { commands, type CommandId } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'

/** An error with what to do about it; those of the helper bring their hint. */
export async function showError(context: Context, error: unknown): Promise<void> {
  context.log.error(error instanceof Error ? error : String(error))
  const message = error instanceof Error ? error.message : String(error)
  const hint = error instanceof BulkheadError && error.hint !== undefined ? ` ${error.hint}` : ''
  const showLog = vscode.l10n.t('Show Log')
  if ((await vscode.window.showErrorMessage(`${sentence(message)}${hint}`, showLog)) === showLog) context.log.show()
}

function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(start) ? start : `${start}.`
}

async function offerHelper(context: Context): Promise<void> {
  const start = vscode.l10n.t('Start Helper')
  const answer = await vscode.window.showWarningMessage(
    vscode.l10n.t('There is no connection to the Bulkhead helper.'),
    start,
  )
  if (answer === start) await vscode.commands.executeCommand(commands.startHelper)
  else context.log.debug('not started')
}

export function register(
  context: Context,
  id: CommandId,
  run: (context: Context, ...args: unknown[]) => unknown,
): vscode.Disposable {
  return vscode.commands.registerCommand(id, async (...args: unknown[]) => {
    try {
      return await run(context, ...args)
    } catch (error) {
      return await showError(context, error)
    }
  })
}

/** Progress is shown in the view, not in a notification. */
export function registerConnected(
  context: Context,
  id: CommandId,
  run: (context: ConnectedContext, ...args: unknown[]) => unknown,
): vscode.Disposable {
  return register(context, id, async (_context, ...args) => {
    // Woken by this very command, the connection may be a moment away.
    if (context.connection.state === 'connecting') await context.connection.open()
    const { client } = context.connection
    if (client === undefined) return await offerHelper(context)
    return await run({ ...context, client }, ...args)
  })
}
