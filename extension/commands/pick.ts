/** Which containers a command is for: the rows that are selected, or those that are picked when it came from the palette. */
import * as vscode from 'vscode'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import type { Context } from '../context.ts'
import { ContainerNode, GroupNode, stateText } from '../views/containerNode.ts'

type State = ContainerSummary['state']

function selected(args: readonly unknown[]): ContainerSummary[] {
  // A view hands over the row that was clicked, and all rows that are selected.
  const [clicked, all] = args
  const rows: unknown[] = Array.isArray(all) && all.length > 0 ? all : [clicked]
  const containers = rows.flatMap((node) => {
    if (node instanceof ContainerNode) return [node.container]
    return node instanceof GroupNode ? node.containers : []
  })
  return [...new Map(containers.map((container) => [container.id, container])).values()]
}

/** Empty when the user thought better of it. `states`: in which the command makes sense. */
export async function pickContainers(
  context: Context,
  args: readonly unknown[],
  options: { states: readonly State[]; placeholder: string; many: boolean },
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
      container,
    }))
  if (items.length === 0) {
    void vscode.window.showInformationMessage(
      vscode.l10n.t('There is no container that is {0}.', options.states.join(vscode.l10n.t(' or '))),
    )
    return []
  }
  const picked = await vscode.window.showQuickPick(items, {
    placeHolder: options.placeholder,
    canPickMany: options.many as true,
    matchOnDescription: true,
  })
  if (picked === undefined) return []
  return (Array.isArray(picked) ? picked : [picked]).map(({ container }) => container)
}

export const anyState: readonly State[] = ['created', 'running', 'paused', 'restarting', 'exited']
