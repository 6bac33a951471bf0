/** The Containers view and its badge: how many run. */
import * as vscode from 'vscode'
import { contextKeys, views } from '../contributions.ts'
import type { Context } from '../context.ts'
import { ContainerNode, tooltipOf } from './containerNode.ts'
import { dropFiles } from './dropFiles.ts'

class ContainersProvider implements vscode.TreeDataProvider<ContainerNode> {
  readonly #context: Context
  readonly onDidChangeTreeData: vscode.Event<void>

  constructor(context: Context) {
    this.#context = context
    this.onDidChangeTreeData = context.containers.onDidChange
  }

  getChildren(parent?: ContainerNode): ContainerNode[] {
    return parent === undefined ? this.#context.containers.all().map((container) => new ContainerNode(container)) : []
  }

  getTreeItem(node: ContainerNode): vscode.TreeItem {
    return node
  }

  resolveTreeItem(item: vscode.TreeItem, node: ContainerNode): vscode.TreeItem {
    item.tooltip = tooltipOf(node.container)
    return item
  }
}

export function containersView(context: Context): vscode.Disposable {
  const view = vscode.window.createTreeView(views.containers, {
    treeDataProvider: new ContainersProvider(context),
    canSelectMany: true,
    dragAndDropController: dropFiles<ContainerNode>(context, ({ container }) => container),
  })
  const showState = (): void =>
    void vscode.commands.executeCommand('setContext', contextKeys.state, context.connection.state)
  const showBadge = (): void => {
    const { running } = context.containers
    const tooltip =
      running === 1 ? vscode.l10n.t('1 running container') : vscode.l10n.t('{0} running containers', running)
    view.badge = running === 0 ? undefined : { value: running, tooltip }
  }
  showState()
  showBadge()
  return vscode.Disposable.from(
    view,
    context.connection.onDidChange(showState),
    context.containers.onDidChange(showBadge),
  )
}
