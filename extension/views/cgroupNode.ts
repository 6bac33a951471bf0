/** Rows of the Cgroups view. Ids never change; what changes is in description, icon and tooltip. */
import * as vscode from 'vscode'
import type { Cgroup, CgroupDetails, CgroupProcess, Owner } from '../../helper/protocol/cgroupSchemas.ts'
import { isContainer, type LimitName } from '../../helper/protocol/kernelWords.ts'
import { sizeText } from '../../helper/protocol/text.ts'
import { processesText } from './counts.ts'
import { programOf } from './program.ts'
import { tableTooltip } from './tooltip.ts'

const { None, Collapsed } = vscode.TreeItemCollapsibleState

function iconOf({ owner, frozen, idle, path }: Cgroup): vscode.ThemeIcon {
  if (frozen) return new vscode.ThemeIcon('debug-pause', new vscode.ThemeColor('charts.yellow'))
  const color = idle ? undefined : new vscode.ThemeColor('charts.green')
  if (owner !== null && isContainer(owner)) return new vscode.ThemeIcon('vm', color)
  if (owner?.kind === 'slice' || path === '/') return new vscode.ThemeIcon('layers')
  if (owner?.kind === 'service') return new vscode.ThemeIcon('gear', color)
  return new vscode.ThemeIcon('folder', color)
}

export function ownerText({ kind, name }: Owner): string {
  if (kind === 'bulkhead') return vscode.l10n.t('container {0}', name)
  return isContainer({ kind }) ? vscode.l10n.t('{0} container {1}', kind, name) : name
}

export class CgroupNode extends vscode.TreeItem {
  cgroup: Cgroup
  readonly parent: CgroupNode | undefined
  readonly title: string
  hasUsage = false

  constructor(cgroup: Cgroup, parent?: CgroupNode) {
    const { owner, name, path } = cgroup
    const isContainers = owner !== null && isContainer(owner)
    const title = isContainers ? owner.name : name
    super(title, None)
    this.title = title
    this.cgroup = cgroup
    this.parent = parent
    this.id = `cgroup:${path}`
    this.take(cgroup)
  }

  /** Id of the container of this helper's whose it is. */
  get containerId(): string | undefined {
    const { owner } = this.cgroup
    return owner?.kind === 'bulkhead' ? owner.id : undefined
  }

  /** As it is now. */
  take(cgroup: Cgroup): void {
    this.cgroup = cgroup
    const { owner, hasChildren, processes, path } = cgroup
    this.iconPath = iconOf(cgroup)
    const isOurs = owner?.kind === 'bulkhead'
    const kind = path === '/' ? 'root' : isOurs ? 'container' : 'other'
    this.contextValue = `cgroup.${kind}.${cgroup.frozen ? 'frozen' : 'thawed'}`
    if (!hasChildren && processes === 0) this.collapsibleState = None
    else this.collapsibleState ||= Collapsed
  }

  /** `usage`: as a row shows it; empty where there is none. */
  show(usage: string): boolean {
    const { owner, frozen, processes, path } = this.cgroup
    this.hasUsage = usage !== ''
    const words = [
      usage,
      ...(frozen ? [vscode.l10n.t('frozen')] : []),
      ...(owner !== null && isContainer(owner) && owner.kind !== 'bulkhead' ? [owner.kind] : []),
      ...(usage === '' && processes > 0 ? [processesText(processes)] : []),
    ]
    const description = words.filter(Boolean).join(' · ')
    if (description === this.description) return false
    this.description = description
    const whose = owner === null ? path : `${path}, ${ownerText(owner)}`
    this.accessibilityInformation = {
      // Blocks of a curve are not to be read out.
      label: vscode.l10n.t('cgroup {0}, {1}', whose, description.replaceAll(/[▁-█]+ ?/g, '')),
    }
    return true
  }
}

export class CgroupProcessNode extends vscode.TreeItem {
  readonly process: CgroupProcess

  constructor(parent: CgroupNode, process: CgroupProcess) {
    super(programOf(process.command), None)
    this.process = process
    this.id = `${parent.id}:process:${process.pid}`
    this.description = `${process.pid} · ${sizeText(process.memory)}`
    this.iconPath = new vscode.ThemeIcon('circle-small-filled')
    this.contextValue = 'hostProcess'
    this.tooltip = tableTooltip(process.command, [
      [vscode.l10n.t('Process'), String(process.pid)],
      [vscode.l10n.t('User'), String(process.uid)],
    ])
    this.accessibilityInformation = { label: vscode.l10n.t('process {0}, {1}', process.pid, process.command) }
  }
}

/** There are more than are shown. */
export class MoreCgroupsNode extends vscode.TreeItem {
  readonly parent: CgroupNode | undefined

  constructor(parent: CgroupNode | undefined, left: number) {
    super(vscode.l10n.t('{0} more', left), None)
    this.parent = parent
    this.id = `more:${parent?.cgroup.path ?? '/'}`
    this.iconPath = new vscode.ThemeIcon('ellipsis')
    this.contextValue = 'moreCgroups'
    this.command = { command: 'bulkhead.showMoreCgroups', title: vscode.l10n.t('Show More'), arguments: [this] }
    this.accessibilityInformation = { label: vscode.l10n.t('{0} more cgroups, not shown', left) }
  }
}

export type CgroupTreeNode = CgroupNode | CgroupProcessNode | MoreCgroupsNode

/** Titles of limits, in the order in which they are shown. */
export function limitTitle(limit: LimitName): string {
  return {
    memory: vscode.l10n.t('Memory'),
    memoryHigh: vscode.l10n.t('Memory, slowed down above'),
    swap: vscode.l10n.t('Swap'),
    cpus: vscode.l10n.t('Processors'),
    cpuWeight: vscode.l10n.t('Weight of processor time'),
    cpuset: vscode.l10n.t('Set of processors'),
    pids: vscode.l10n.t('Processes'),
    ioWeight: vscode.l10n.t('Weight of disk time'),
  }[limit]
}

/** A limit's value for people; the kernel's `max` is no limit. */
export function limitText(limit: LimitName, value: string): string {
  if (value === 'max') return vscode.l10n.t('none')
  if (['memory', 'memoryHigh', 'swap'].includes(limit)) return sizeText(Number(value))
  return value === '' ? vscode.l10n.t('all') : value
}

const bounds: readonly LimitName[] = ['memory', 'memoryHigh', 'swap', 'cpus', 'pids']

/** Made when somebody hovers, not before. */
export function cgroupTooltip(details: CgroupDetails): vscode.MarkdownString {
  const { path, owner, controllers, processes, limits, devices } = details
  const rows: [string, string][] = []
  if (owner !== null) rows.push([vscode.l10n.t('Belongs to'), ownerText(owner)])
  rows.push([vscode.l10n.t('Controllers'), controllers.join(' ') || '–'])
  rows.push([vscode.l10n.t('Processes in it'), String(processes)])
  for (const [limit, value] of Object.entries(limits) as [LimitName, string][])
    // What everybody has is not worth a row: weights, and all processors.
    if (bounds.includes(limit) && value !== 'max')
      rows.push([vscode.l10n.t('Limit: {0}', limitTitle(limit)), limitText(limit, value)])
  for (const { device, read, written } of devices)
    rows.push([
      vscode.l10n.t('Disk {0}', device),
      vscode.l10n.t('{0} read, {1} written', sizeText(read), sizeText(written)),
    ])
  return tableTooltip(path, rows)
}
