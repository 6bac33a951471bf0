/** Rows of the Namespaces view. Ids never change; what changes is in the description. */
import * as vscode from 'vscode'
import type { Owner } from '../../helper/protocol/cgroupSchemas.ts'
import type { NamespaceType } from '../../helper/protocol/kernelWords.ts'
import type { Holder, NamespaceProcess, NamespaceSummary } from '../../helper/protocol/namespaceSchemas.ts'
import { processesText } from './counts.ts'
import { ownerName, typeIcons, typeMeaning, typeSubject, typeTitle } from './namespaceWords.ts'
import { programOf } from './program.ts'
import { tableTooltip } from './tooltip.ts'

const { None, Collapsed } = vscode.TreeItemCollapsibleState

export class TypeNode extends vscode.TreeItem {
  readonly type: NamespaceType

  constructor(type: NamespaceType, count: number) {
    super(typeTitle(type), Collapsed)
    this.type = type
    this.id = `type:${type}`
    this.description = `${count} · ${typeSubject(type)}`
    this.iconPath = new vscode.ThemeIcon(typeIcons[type])
    this.contextValue = 'namespaceType'
    this.tooltip = typeMeaning(type)
    this.accessibilityInformation = { label: vscode.l10n.t('{0}, {1} namespaces', typeTitle(type), count) }
  }
}

function holderText(holder: Holder): string {
  return holder.kind === 'mount'
    ? vscode.l10n.t('bind mount {0}', holder.path)
    : vscode.l10n.t('{0} ({1}) has it open', holder.command, holder.pid)
}

/** Who is in it, in a word or two. */
function inhabitants({ isHost, belongsTo, command, heldBy, processes }: NamespaceSummary): string {
  if (isHost) return vscode.l10n.t('host')
  if (belongsTo.length > 0) return belongsTo.map(ownerName).join(', ')
  if (processes > 0) return command
  const mount = heldBy.find((holder) => holder.kind === 'mount')
  if (mount?.kind === 'mount') return mount.path.replace(/.*\//, '')
  return heldBy[0] === undefined ? vscode.l10n.t('nobody') : vscode.l10n.t('nobody, but held')
}

export class NamespaceNode extends vscode.TreeItem {
  namespace: NamespaceSummary
  readonly #name: string | undefined

  /** `within`: the row that it is shown in, since a process's row has it, too. `name`: instead of who is in it. */
  constructor(namespace: NamespaceSummary, within = '', name?: string) {
    super('', Collapsed)
    this.namespace = namespace
    this.#name = name
    this.id = `${within}${namespace.type}:${namespace.id}`
    this.take(namespace)
  }

  take(namespace: NamespaceSummary): void {
    this.namespace = namespace
    const { type, id, processes, isHost, belongsTo } = namespace
    this.label = this.#name ?? inhabitants(namespace)
    const shared = belongsTo.length > 1 && !isHost ? [vscode.l10n.t('shared by {0}', belongsTo.length)] : []
    const members = processesText(processes)
    this.description = [...shared, members, String(id)].join(' · ')
    this.iconPath = new vscode.ThemeIcon(
      isHost ? 'home' : typeIcons[type],
      belongsTo.length > 1 && !isHost ? new vscode.ThemeColor('charts.blue') : undefined,
    )
    this.contextValue = `namespace.${type}.${processes > 0 ? 'inhabited' : 'held'}`
    this.accessibilityInformation = {
      label: vscode.l10n.t('{0} namespace {1} of {2}, {3}', typeTitle(type), id, inhabitants(namespace), members),
    }
  }
}

export function namespaceTooltip({
  type,
  id,
  parent,
  owner,
  uid,
  heldBy,
  belongsTo,
}: NamespaceSummary): vscode.MarkdownString {
  const rows: [string, string][] = [[vscode.l10n.t('Kind'), `${typeTitle(type)}, ${typeSubject(type)}`]]
  if (belongsTo.length > 0) rows.push([vscode.l10n.t('Who shares it'), belongsTo.map(ownerName).join(', ')])
  if (parent !== null) rows.push([vscode.l10n.t('Made in'), String(parent)])
  if (owner !== null) rows.push([vscode.l10n.t('User namespace that owns it'), String(owner)])
  if (uid !== null) rows.push([vscode.l10n.t('Made by user'), String(uid)])
  for (const holder of heldBy.slice(0, 5)) rows.push([vscode.l10n.t('Kept by'), holderText(holder)])
  const tooltip = tableTooltip(`${type}:[${id}]`, rows)
  return tooltip.appendText(`\n\n${typeMeaning(type)}`)
}

/** A heading inside a namespace, and what is below it. */
export class InsideNode extends vscode.TreeItem {
  readonly children: () => Promise<vscode.TreeItem[]> | vscode.TreeItem[]

  constructor(
    id: string,
    label: string,
    icon: string,
    { count, children }: { count?: number; children: () => Promise<vscode.TreeItem[]> | vscode.TreeItem[] },
  ) {
    super(label, count === 0 ? None : Collapsed)
    this.id = id
    this.children = children
    if (count !== undefined) this.description = String(count)
    this.iconPath = new vscode.ThemeIcon(icon)
    this.contextValue = 'inside'
    this.accessibilityInformation = { label: count === undefined ? label : `${label}, ${count}` }
  }
}

/** A fact: name and value. `id`: unlike any other's. */
export class FactNode extends vscode.TreeItem {
  readonly value: string

  constructor(id: string, label: string, value: string, { icon = 'circle-small', more = '' } = {}) {
    super(label, None)
    this.id = id
    this.value = value === '' ? label : value
    this.description = value
    this.iconPath = new vscode.ThemeIcon(icon)
    this.contextValue = 'fact'
    // A narrow view cuts a long value off.
    this.tooltip = more === '' ? [label, value].filter(Boolean).join(': ') : more
    this.accessibilityInformation = { label: value === '' ? label : `${label}, ${value}` }
  }
}

export class HostProcessNode extends vscode.TreeItem {
  readonly process: NamespaceProcess

  /** `isOpen`: its namespaces are below it. */
  constructor(process: NamespaceProcess, within: string, isOpen = false) {
    super(programOf(process.command), isOpen ? Collapsed : None)
    this.process = process
    this.id = `${within}process:${process.pid}`
    const { pid, pids, command, uid, belongsTo } = process
    const numbers = pids.length > 1 ? vscode.l10n.t('{0} here, {1} inside', pid, pids.at(-1)!) : String(pid)
    this.description = numbers
    this.iconPath = new vscode.ThemeIcon(pids.length > 1 && pids.at(-1) === 1 ? 'circle-filled' : 'circle-small-filled')
    this.contextValue = 'hostProcess'
    this.tooltip = tableTooltip(command, [
      [vscode.l10n.t('Numbers, from outside to inside'), pids.join(' → ')],
      [vscode.l10n.t('User on the host'), String(uid)],
      [vscode.l10n.t('Belongs to'), belongsTo === null ? '–' : ownerName(belongsTo)],
    ])
    this.accessibilityInformation = { label: vscode.l10n.t('process {0}, {1}', numbers, command) }
  }
}

/** Processes that belong together, each in namespaces that are not the host's. */
export class OwnerNode extends vscode.TreeItem {
  readonly #title: string
  readonly owner: Owner | null
  processes: readonly NamespaceProcess[]

  constructor(owner: Owner | null, processes: readonly NamespaceProcess[]) {
    const title = owner === null ? vscode.l10n.t('Others') : ownerName(owner)
    super(title, Collapsed)
    this.#title = title
    this.owner = owner
    this.processes = processes
    this.id = OwnerNode.idOf(owner)
    this.iconPath = new vscode.ThemeIcon(owner === null ? 'server-process' : 'vm')
    this.contextValue = owner?.kind === 'bulkhead' ? 'owner.bulkhead' : 'owner'
    this.take(processes)
  }

  static idOf(owner: Owner | null): string {
    return `owner:${owner?.kind ?? ''}:${owner?.name ?? ''}`
  }

  take(processes: readonly NamespaceProcess[]): void {
    this.processes = processes
    this.description = String(processes.length)
    const members = processesText(processes.length)
    this.accessibilityInformation = {
      label: vscode.l10n.t('{0}, {1} in namespaces of their own', this.#title, members),
    }
  }
}
