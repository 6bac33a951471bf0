/** One row of the Containers view. Its id never changes; what changes is in its description, icon and tooltip. */
import * as vscode from 'vscode'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'

const icons: Record<ContainerSummary['state'], vscode.ThemeIcon> = {
  created: new vscode.ThemeIcon('circle-outline'),
  running: new vscode.ThemeIcon('vm-running', new vscode.ThemeColor('charts.green')),
  paused: new vscode.ThemeIcon('debug-pause', new vscode.ThemeColor('charts.yellow')),
  restarting: new vscode.ThemeIcon('debug-restart', new vscode.ThemeColor('charts.yellow')),
  exited: new vscode.ThemeIcon('vm-outline'),
  removing: new vscode.ThemeIcon('trash'),
}

const failed = new vscode.ThemeIcon('vm-outline', new vscode.ThemeColor('charts.red'))

export function stateText(container: ContainerSummary): string {
  switch (container.state) {
    case 'created':
      return vscode.l10n.t('created')
    case 'running':
      return vscode.l10n.t('running')
    case 'paused':
      return vscode.l10n.t('paused')
    case 'restarting':
      return vscode.l10n.t('restarting ({0})', String(container.exitCode))
    case 'exited':
      return container.oomKilled
        ? vscode.l10n.t('out of memory')
        : vscode.l10n.t('exited ({0})', String(container.exitCode))
    case 'removing':
      return vscode.l10n.t('being removed')
  }
}

export class ContainerNode extends vscode.TreeItem {
  readonly container: ContainerSummary

  constructor(container: ContainerSummary) {
    super(container.name, vscode.TreeItemCollapsibleState.None)
    this.container = container
    this.id = container.id
    const command = container.command.join(' ')
    const state = container.state === 'running' ? '' : `${stateText(container)} · `
    // As Docker lists it: the usual tag goes without saying.
    this.description = `${state}${container.image.replace(/:latest$/, '')} · ${command}`
    this.iconPath =
      container.state === 'exited' && (container.exitCode !== 0 || container.oomKilled)
        ? failed
        : icons[container.state]
    this.contextValue = `container.${container.state}`
    this.accessibilityInformation = {
      label: vscode.l10n.t(
        'container {0}, {1}, image {2}, command {3}',
        container.name,
        stateText(container),
        container.image,
        command,
      ),
    }
  }
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toLocaleString()
}

/** Made when somebody hovers, not before. */
export function tooltipOf(container: ContainerSummary): vscode.MarkdownString {
  const rows: [string, string][] = [
    [vscode.l10n.t('State'), stateText(container)],
    [vscode.l10n.t('Image'), container.image],
    [vscode.l10n.t('Command'), container.command.join(' ')],
    [vscode.l10n.t('Id'), container.id.slice(0, 12)],
  ]
  if (container.pid > 0) rows.push([vscode.l10n.t('Process'), String(container.pid)])
  if (container.startedAt !== null) rows.push([vscode.l10n.t('Started'), time(container.startedAt)])
  if (container.finishedAt !== null) rows.push([vscode.l10n.t('Ended'), time(container.finishedAt)])
  const tooltip = new vscode.MarkdownString('', true)
  tooltip.appendMarkdown('**').appendText(container.name).appendMarkdown('**\n\n| | |\n|---|---|\n')
  // Names and commands are not ours: as text, never as Markdown.
  for (const [name, value] of rows)
    tooltip
      .appendMarkdown(`| ${name} | `)
      .appendText(value.replaceAll('|', '¦').replaceAll('\n', ' '))
      .appendMarkdown(' |\n')
  return tooltip
}
