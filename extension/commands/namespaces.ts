/** Namespaces looked at by kind or by process, compared, entered. */
import * as vscode from 'vscode'
import { namespaceTypes, type NamespaceType } from '../../helper/protocol/kernelWords.ts'
import type { Params } from '../../helper/protocol/methods.ts'
import { runs } from '../connection/containerModel.ts'
import { commands, settings } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { showComparison } from '../graphs/comparison.ts'
import { enterNamespaces } from '../terminals/enter.ts'
import { CgroupProcessNode } from '../views/cgroupNode.ts'
import { ProcessNode } from '../views/containerParts.ts'
import { ContainerNode } from '../views/containerNode.ts'
import { HostProcessNode, NamespaceNode, OwnerNode } from '../views/namespaceNodes.ts'
import { typeMeaning, typeSubject, typeTitle } from '../views/namespaceWords.ts'
import { register, registerConnected } from './register.ts'
import { pickValues, selectedRows } from './selection.ts'

type Side = Params<'namespaces/compare'>['left']

async function lookBy(): Promise<void> {
  const configuration = vscode.workspace.getConfiguration()
  const now = configuration.get<string>(settings.namespacesBy, 'type')
  await configuration.update(
    settings.namespacesBy,
    now === 'type' ? 'process' : 'type',
    vscode.ConfigurationTarget.Global,
  )
}

/** A process that a row stands for; undefined for one that stands for none. */
function processOf(row: unknown): number | undefined {
  if (row instanceof HostProcessNode || row instanceof CgroupProcessNode || row instanceof ProcessNode)
    return row.process.pid
  if (row instanceof NamespaceNode) return row.namespace.pid ?? undefined
  if (row instanceof ContainerNode) return row.container.pid || undefined
  if (row instanceof OwnerNode) return row.processes[0]?.pid
  return undefined
}

function sideOf(row: unknown): Side | undefined {
  if (row instanceof ContainerNode) return runs(row.container) ? { container: row.container.id } : undefined
  if (row instanceof OwnerNode && row.owner?.kind === 'bulkhead') return { container: row.owner.id ?? row.owner.name }
  const pid = processOf(row)
  return pid === undefined ? undefined : { pid }
}

async function pickSide(context: ConnectedContext, placeholder: string): Promise<Side | undefined> {
  const containers = context.containers.all().filter(runs)
  const items = [
    { label: vscode.l10n.t('This machine'), description: vscode.l10n.t('the host'), value: { host: true } as Side },
    ...containers.map(({ id, name, image }) => ({ label: name, description: image, value: { container: id } })),
  ]
  return (await pickValues(items, { placeholder, many: false }))[0]
}

async function compare(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const chosen = selectedRows(args).flatMap((row) => sideOf(row) ?? [])
  const left = chosen[0] ?? (await pickSide(context, vscode.l10n.t('Compare the namespaces of…')))
  if (left === undefined) return
  const right = chosen[1] ?? (await pickSide(context, vscode.l10n.t('…with those of')))
  if (right !== undefined) await showComparison(context, { left, right })
}

/** Root's rights, unconfined: said before, and each namespace chosen. */
async function enter(context: ConnectedContext, row: unknown): Promise<void> {
  const pid = processOf(row) ?? (await typedProcess())
  if (pid === undefined) return
  const only = row instanceof NamespaceNode ? row.namespace.type : undefined
  const items = namespaceTypes.map((type) => ({
    label: typeTitle(type),
    description: typeSubject(type),
    detail: typeMeaning(type),
    picked: only === undefined || type === only,
    type,
  }))
  const picked = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t('Enter Namespaces of Process {0}', pid),
    placeHolder: vscode.l10n.t('Namespaces to enter. The shell is root, and not confined.'),
    canPickMany: true,
  })
  if (picked === undefined || picked.length === 0) return
  const types = picked.map(({ type }) => type)
  if (!(await isMeant(types))) return
  enterNamespaces(context, { pid, types })
}

async function typedProcess(): Promise<number | undefined> {
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t('Enter Namespaces'),
    prompt: vscode.l10n.t('The number of a process whose namespaces are to be entered'),
    validateInput: (typed) =>
      /^[1-9]\d*$/.test(typed) ? undefined : vscode.l10n.t('The number of a process, such as 4711.'),
  })
  return text === undefined ? undefined : Number(text)
}

/** Its files with this machine's root: what is run there may not be what it seems. */
async function isMeant(types: readonly NamespaceType[]): Promise<boolean> {
  if (!types.includes('mnt') || types.includes('user')) return true
  const enterAnyway = vscode.l10n.t('Enter')
  const answer = await vscode.window.showWarningMessage(
    vscode.l10n.t('Run its programs as this machine’s root?'),
    {
      modal: true,
      detail: vscode.l10n.t(
        'With its mounts and without its user namespace, the shell and every command come from it, and have all rights here. Choose its user ids, too, unless you trust what is in it.',
      ),
    },
    enterAnyway,
  )
  return answer === enterAnyway
}

async function copyId(row: unknown): Promise<void> {
  if (row instanceof NamespaceNode) await vscode.env.clipboard.writeText(String(row.namespace.id))
}

export function namespaceCommands(context: Context): vscode.Disposable {
  return vscode.Disposable.from(
    register(context, commands.lookByProcess, lookBy),
    register(context, commands.lookByKind, lookBy),
    register(context, commands.copyNamespaceId, (_context, row) => copyId(row)),
    registerConnected(context, commands.compareNamespaces, compare),
    registerConnected(context, commands.enterNamespaces, enter),
  )
}
