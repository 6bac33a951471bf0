/** What is known of a container: as a document, as an id, as its log, as its start. */
import * as vscode from 'vscode'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import { commands } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { showStartTrace } from '../graphs/startTrace.ts'
import { viewLogs } from '../terminals/logs.ts'
import { attach, attachShell } from '../terminals/shell.ts'
import { registerForOne } from './pick.ts'
import { showJson } from './showJson.ts'

async function inspect({ client }: ConnectedContext, { id }: ContainerSummary): Promise<void> {
  await showJson(await client.call('containers/inspect', { container: id }))
}

export function inspectCommands(context: Context): vscode.Disposable {
  return vscode.Disposable.from(
    registerForOne(context, commands.inspect, inspect),
    registerForOne(context, commands.copyId, (_context, { id }) => vscode.env.clipboard.writeText(id)),
    registerForOne(context, commands.viewLogs, viewLogs),
    registerForOne(context, commands.attachShell, attachShell, ['running']),
    registerForOne(context, commands.attach, attach, ['running', 'paused']),
    registerForOne(context, commands.showStartTrace, showStartTrace),
  )
}
