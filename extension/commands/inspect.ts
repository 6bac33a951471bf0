/** What is known of a container: as a document, as an id, as its log, as its start. */
import * as vscode from 'vscode'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import { commands } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { showStartTrace } from '../graphs/startTrace.ts'
import { viewLogs } from '../terminals/logs.ts'
import { attach, attachShell } from '../terminals/shell.ts'
import { anyState, pickContainers } from './pick.ts'
import { registerConnected } from './register.ts'

async function one(
  context: Context,
  args: readonly unknown[],
  states: readonly ContainerSummary['state'][],
): Promise<ContainerSummary | undefined> {
  const options = { states, placeholder: vscode.l10n.t('Container'), many: false }
  return (await pickContainers(context, args, options))[0]
}

async function inspect({ client }: ConnectedContext, container: ContainerSummary): Promise<void> {
  const all = await client.call('containers/inspect', { container: container.id })
  const document = await vscode.workspace.openTextDocument({ language: 'json', content: JSON.stringify(all, null, 2) })
  await vscode.window.showTextDocument(document, { preview: true })
}

export function inspectCommands(context: Context): vscode.Disposable {
  const forOne = (
    id: (typeof commands)[keyof typeof commands],
    show: (context: ConnectedContext, container: ContainerSummary) => unknown,
    states: readonly ContainerSummary['state'][] = anyState,
  ) =>
    registerConnected(context, id, async (connected, ...args) => {
      const container = await one(context, args, states)
      if (container !== undefined) await show(connected, container)
    })
  return vscode.Disposable.from(
    forOne(commands.inspect, inspect),
    forOne(commands.copyId, (_context, { id }) => vscode.env.clipboard.writeText(id)),
    forOne(commands.viewLogs, viewLogs),
    forOne(commands.attachShell, attachShell, ['running']),
    forOne(commands.attach, attach, ['running', 'paused']),
    forOne(commands.showStartTrace, showStartTrace),
  )
}
