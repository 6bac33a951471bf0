/** Changes of one container: its limits, at once, and its name. */
import * as vscode from 'vscode'
import type { ContainerSummary, Resources } from '../../helper/protocol/schemas.ts'
import { commands } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { formatLimits, parseLimits } from './limits.ts'
import { registerForOne } from './pick.ts'
import { nameProblem, problemIn } from './typed.ts'

async function editLimits({ client }: ConnectedContext, { id, name }: ContainerSummary): Promise<void> {
  const { request } = (await client.call('containers/inspect', { container: id })) as {
    request: { resources: Resources }
  }
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t('Limits of {0}', name),
    prompt: vscode.l10n.t('They hold at once. There are memory, cpus and pids.'),
    placeHolder: 'memory=512m cpus=1.5 pids=100',
    value: formatLimits(request.resources),
    validateInput: (value) => problemIn(parseLimits(value)),
  })
  if (text === undefined) return
  const resources = parseLimits(text)
  if (typeof resources === 'string') return
  await client.call('containers/update', { container: id, resources })
  vscode.window.setStatusBarMessage(vscode.l10n.t('Limits of {0}: {1}', name, formatLimits(resources)), 5000)
}

async function rename({ client }: ConnectedContext, { id, name }: ContainerSummary): Promise<void> {
  const wanted = await vscode.window.showInputBox({
    title: vscode.l10n.t('Rename {0}', name),
    value: name,
    validateInput: nameProblem,
  })
  if (wanted !== undefined && wanted !== name) await client.call('containers/rename', { container: id, name: wanted })
}

export function changeCommands(context: Context): vscode.Disposable {
  return vscode.Disposable.from(
    registerForOne(context, commands.editLimits, editLimits),
    registerForOne(context, commands.rename, rename),
  )
}
