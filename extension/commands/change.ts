/** Changes of one container: its limits, at once, and its name. */
import * as vscode from 'vscode'
import { containerName } from '../../helper/protocol/names.ts'
import type { ContainerSummary, Resources } from '../../helper/protocol/schemas.ts'
import { commands } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { formatLimits, parseLimits } from './limits.ts'
import { anyState, pickContainers } from './pick.ts'
import { registerConnected } from './register.ts'

async function editLimits({ client }: ConnectedContext, { id, name }: ContainerSummary): Promise<void> {
  const { request } = (await client.call('containers/inspect', { container: id })) as {
    request: { resources: Resources }
  }
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t('Limits of {0}', name),
    prompt: vscode.l10n.t('They hold at once. There are memory, cpus and pids.'),
    placeHolder: 'memory=512m cpus=1.5 pids=100',
    value: formatLimits(request.resources),
    validateInput: (value) => {
      const parsed = parseLimits(value)
      return typeof parsed === 'string' ? parsed : undefined
    },
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
    validateInput: (value) =>
      containerName.test(value)
        ? undefined
        : vscode.l10n.t('Letters, digits, _ . and -, at least two, beginning with a letter or digit.'),
  })
  if (wanted !== undefined && wanted !== name) await client.call('containers/rename', { container: id, name: wanted })
}

export function changeCommands(context: Context): vscode.Disposable {
  const forOne = (
    id: (typeof commands)[keyof typeof commands],
    change: (context: ConnectedContext, container: ContainerSummary) => Promise<void>,
  ) =>
    registerConnected(context, id, async (connected, ...args) => {
      const options = { states: anyState, placeholder: vscode.l10n.t('Container'), many: false }
      const [container] = await pickContainers(context, args, options)
      if (container !== undefined) await change(connected, container)
    })
  return vscode.Disposable.from(forOne(commands.editLimits, editLimits), forOne(commands.rename, rename))
}
