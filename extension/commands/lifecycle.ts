/** Start, stop, kill, pause, unpause, remove: for one row or many. */
import * as vscode from 'vscode'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import { sizeText } from '../../helper/protocol/text.ts'
import { commands, views, type CommandId } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { runs } from '../connection/containerModel.ts'
import { anyState, pickContainers } from './pick.ts'
import { registerConnected, showError } from './register.ts'

interface Verb {
  readonly id: CommandId
  readonly states: readonly ContainerSummary['state'][]
  readonly placeholder: string
  readonly act: (context: ConnectedContext, container: ContainerSummary) => Promise<unknown>
  /** False when the user thought better of it. */
  readonly confirm?: (context: ConnectedContext, containers: readonly ContainerSummary[]) => Promise<boolean>
}

/** Says what would be lost: the bytes that the containers have written. */
async function confirmRemove({ client }: ConnectedContext, containers: readonly ContainerSummary[]): Promise<boolean> {
  const running = containers.filter(runs).length
  const what =
    containers.length === 1
      ? vscode.l10n.t('Remove container “{0}”?', containers[0]!.name)
      : vscode.l10n.t('Remove {0} containers?', containers.length)
  const sizes = await Promise.all(
    containers.map(({ id }) =>
      client.call('images/sharing', { container: id }).then(
        ({ own }) => own,
        () => 0,
      ),
    ),
  )
  const written = sizes.reduce((sum, size) => sum + size, 0)
  const lost =
    written === 0
      ? vscode.l10n.t('Nothing was written inside; the image stays.')
      : vscode.l10n.t(
          'What was written inside, {0}, is lost unless you commit it first; the image stays.',
          sizeText(written),
        )
  const killed = running === 0 ? '' : ` ${vscode.l10n.t('Those that run are killed.')}`
  const remove = vscode.l10n.t('Remove')
  return (await vscode.window.showWarningMessage(what, { modal: true, detail: `${lost}${killed}` }, remove)) === remove
}

function verbs(): Verb[] {
  return [
    {
      id: commands.start,
      states: ['created', 'exited'],
      placeholder: vscode.l10n.t('Containers to start'),
      act: ({ client }, { id }) => client.call('containers/start', { container: id }),
    },
    {
      id: commands.stop,
      states: ['running', 'paused', 'restarting'],
      placeholder: vscode.l10n.t('Containers to stop'),
      act: ({ client }, { id }) => client.call('containers/stop', { container: id }),
    },
    {
      id: commands.restart,
      states: ['running', 'paused', 'exited', 'restarting'],
      placeholder: vscode.l10n.t('Containers to restart'),
      act: ({ client }, { id }) => client.call('containers/restart', { container: id }),
    },
    {
      id: commands.kill,
      states: ['running', 'paused'],
      placeholder: vscode.l10n.t('Containers to kill'),
      act: ({ client }, { id }) => client.call('containers/kill', { container: id }),
    },
    {
      id: commands.pause,
      states: ['running'],
      placeholder: vscode.l10n.t('Containers to pause'),
      act: ({ client }, { id }) => client.call('containers/pause', { container: id }),
    },
    {
      id: commands.unpause,
      states: ['paused'],
      placeholder: vscode.l10n.t('Containers to let go on'),
      act: ({ client }, { id }) => client.call('containers/unpause', { container: id }),
    },
    {
      id: commands.remove,
      states: anyState,
      placeholder: vscode.l10n.t('Containers to remove'),
      act: ({ client }, { id }) => client.call('containers/remove', { container: id, force: true }),
      confirm: confirmRemove,
    },
  ]
}

async function carryOut(context: ConnectedContext, verb: Verb, args: readonly unknown[]): Promise<void> {
  const { states, placeholder } = verb
  const containers = await pickContainers(context, args, { states, placeholder, many: true })
  if (containers.length === 0) return
  if (verb.confirm !== undefined && !(await verb.confirm(context, containers))) return
  await vscode.window.withProgress({ location: { viewId: views.containers } }, async () => {
    const results = await Promise.allSettled(containers.map((container) => verb.act(context, container)))
    for (const result of results) if (result.status === 'rejected') void showError(context, result.reason)
  })
}

export function lifecycleCommands(context: Context): vscode.Disposable {
  return vscode.Disposable.from(
    ...verbs().map((verb) =>
      registerConnected(context, verb.id, (connected, ...args) => carryOut(connected, verb, args)),
    ),
  )
}
