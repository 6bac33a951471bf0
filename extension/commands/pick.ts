/** Which containers a command is for: the rows that are selected, or those that are picked when it came from the palette. */
import * as vscode from 'vscode'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import type { CommandId } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { ContainerNode, GroupNode, stateText } from '../views/containerNode.ts'
import { registerConnected } from './register.ts'
import { pickValues, selectedRows, type PickOptions } from './selection.ts'

type State = ContainerSummary['state']

function selected(args: readonly unknown[]): ContainerSummary[] {
  const containers = selectedRows(args).flatMap((node) => {
    if (node instanceof ContainerNode) return [node.container]
    return node instanceof GroupNode ? node.containers : []
  })
  return [...new Map(containers.map((container) => [container.id, container])).values()]
}

/** Empty when the user thought better of it. `states`: in which the command makes sense. */
export async function pickContainers(
  context: Context,
  args: readonly unknown[],
  options: PickOptions & { readonly states: readonly State[] },
): Promise<ContainerSummary[]> {
  const fits = ({ state }: ContainerSummary): boolean => options.states.includes(state)
  const chosen = selected(args)
  if (chosen.length > 0) return chosen.filter(fits)
  const items = context.containers
    .all()
    .filter(fits)
    .map((container) => ({
      label: container.name,
      description: `${stateText(container)} · ${container.image}`,
      value: container,
    }))
  if (items.length === 0) {
    void vscode.window.showInformationMessage(
      vscode.l10n.t('There is no container that is {0}.', options.states.join(vscode.l10n.t(' or '))),
    )
    return []
  }
  return await pickValues(items, options)
}

export const anyState: readonly State[] = ['created', 'running', 'paused', 'restarting', 'exited']

/** Registers a command for one container that is in one of these states. */
export function registerForOne(
  context: Context,
  id: CommandId,
  run: (context: ConnectedContext, container: ContainerSummary) => unknown,
  states = anyState,
): vscode.Disposable {
  return registerConnected(context, id, async (connected, ...args) => {
    const options = { states, placeholder: vscode.l10n.t('Container'), many: false }
    const [container] = await pickContainers(context, args, options)
    if (container !== undefined) await run(connected, container)
  })
}
