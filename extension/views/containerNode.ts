/** Rows of the Containers view for containers and their groups. Ids never change; what changes is in description, icon and
 * tooltip. */
import * as vscode from 'vscode'
import type { PublishedPort } from '../../helper/protocol/networkSchemas.ts'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import { runs } from '../connection/containerModel.ts'
import { composeService } from './containerGroups.ts'
import { shortSpan } from './shortSpan.ts'
import { tableTooltip } from './tooltip.ts'

const icons: Record<ContainerSummary['state'], vscode.ThemeIcon> = {
  created: new vscode.ThemeIcon('circle-outline'),
  running: new vscode.ThemeIcon('vm-running', new vscode.ThemeColor('charts.green')),
  paused: new vscode.ThemeIcon('debug-pause', new vscode.ThemeColor('charts.yellow')),
  restarting: new vscode.ThemeIcon('debug-restart', new vscode.ThemeColor('charts.yellow')),
  exited: new vscode.ThemeIcon('vm-outline'),
  removing: new vscode.ThemeIcon('trash'),
}

const failed = new vscode.ThemeIcon('vm-outline', new vscode.ThemeColor('charts.red'))
const unhealthy = new vscode.ThemeIcon('vm-running', new vscode.ThemeColor('charts.red'))

export function stateText(container: ContainerSummary): string {
  switch (container.state) {
    case 'created':
      return vscode.l10n.t('created')
    case 'running':
      return container.health === 'unhealthy' ? vscode.l10n.t('unhealthy') : vscode.l10n.t('running')
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

/** `8080→80`, and the protocol where it is not the usual one. */
export function portText({ hostPort, containerPort, protocol }: PublishedPort): string {
  return `${hostPort}→${containerPort}${protocol === 'tcp' ? '' : `/${protocol}`}`
}

/** Since its last start or end. */
function age({ startedAt, finishedAt, createdAt }: ContainerSummary): string {
  return shortSpan(Date.now() - (finishedAt ?? startedAt ?? createdAt))
}

function iconOf(container: ContainerSummary): vscode.ThemeIcon {
  const { state, exitCode, oomKilled, health } = container
  if (state === 'exited' && (exitCode !== 0 || oomKilled)) return failed
  return state === 'running' && health === 'unhealthy' ? unhealthy : icons[state]
}

export class ContainerNode extends vscode.TreeItem {
  readonly container: ContainerSummary
  hasUsage = false

  constructor(container: ContainerSummary) {
    super(
      container.labels[composeService] ?? container.name,
      runs(container) ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None,
    )
    this.container = container
    this.id = container.id
    const state = stateText(container)
    this.show('')
    this.iconPath = iconOf(container)
    this.contextValue = `container.${container.state}`
    this.accessibilityInformation = {
      label: vscode.l10n.t(
        'container {0}, {1}, image {2}, command {3}',
        container.name,
        container.ports.length === 0
          ? state
          : `${state}, ${vscode.l10n.t('ports')} ${container.ports.map(portText).join(', ')}`,
        container.image,
        container.command.join(' '),
      ),
    }
  }

  /** As Docker lists it, with what it uses: the usual tag, and that it runs, go without saying. False when nothing changed. */
  show(usage: string): boolean {
    const { container } = this
    this.hasUsage = usage !== ''
    const description = [
      ...(usage === '' ? [] : [usage]),
      ...(container.state === 'running' && container.health !== 'unhealthy' ? [] : [stateText(container)]),
      container.image.replace(/:latest$/, ''),
      ...container.ports.map(portText),
      age(container),
    ].join(' · ')
    const isChanged = description !== this.description
    this.description = description
    return isChanged
  }
}

/** Containers that belong together. */
export class GroupNode extends vscode.TreeItem {
  readonly containers: readonly ContainerSummary[]

  constructor(name: string, containers: readonly ContainerSummary[], key: string) {
    super(name, vscode.TreeItemCollapsibleState.Expanded)
    this.containers = containers
    this.id = `group:${key}:${name}`
    const running = containers.filter(runs).length
    this.description = vscode.l10n.t('{0} of {1} run', running, containers.length)
    this.iconPath = new vscode.ThemeIcon('group-by-ref-type')
    this.contextValue = 'group'
    this.accessibilityInformation = { label: vscode.l10n.t('group {0}, {1} containers', name, containers.length) }
  }
}

/** A tooltip does not wrap. */
function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toLocaleString()
}

/** Made when somebody hovers, not before. */
export function tooltipOf(container: ContainerSummary): vscode.MarkdownString {
  const { ports, endpoints, mounts, network, restartCount, health, labels } = container
  const rows: [string, string][] = [
    [vscode.l10n.t('State'), stateText(container)],
    [vscode.l10n.t('Image'), container.image],
    [vscode.l10n.t('Command'), shortened(container.command.join(' '))],
    [vscode.l10n.t('Id'), container.id.slice(0, 12)],
  ]
  if (container.pid > 0) rows.push([vscode.l10n.t('Process'), String(container.pid)])
  if (health !== null) rows.push([vscode.l10n.t('Health'), health])
  if (restartCount > 0) rows.push([vscode.l10n.t('Restarts'), String(restartCount)])
  if (container.startedAt !== null) rows.push([vscode.l10n.t('Started'), time(container.startedAt)])
  if (container.finishedAt !== null) rows.push([vscode.l10n.t('Ended'), time(container.finishedAt)])
  if (endpoints.length === 0) rows.push([vscode.l10n.t('Network'), network])
  for (const { networkName, address, address6 } of endpoints)
    rows.push([vscode.l10n.t('Network'), [networkName, address, address6].filter(Boolean).join(' ')])
  if (ports.length > 0) rows.push([vscode.l10n.t('Ports'), ports.map(portText).join(', ')])
  for (const { name, source, target } of mounts) rows.push([vscode.l10n.t('Mount'), `${name ?? source} → ${target}`])
  for (const [name, value] of Object.entries(labels).slice(0, 5)) rows.push([name, value])
  return tableTooltip(container.name, rows)
}
