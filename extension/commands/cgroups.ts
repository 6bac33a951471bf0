/** What is done with rows of the Cgroups view: looked at in another way, limited, frozen, killed. */
import * as vscode from 'vscode'
import type { Cgroup } from '../../helper/protocol/cgroupSchemas.ts'
import { limitNames, type LimitName } from '../../helper/protocol/kernelWords.ts'
import { commands, settings } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { CgroupNode, limitText, limitTitle, MoreCgroupsNode, ownerText } from '../views/cgroupNode.ts'
import type { CgroupsView } from '../views/cgroupsView.ts'
import { ContainerNode } from '../views/containerNode.ts'
import { metricTitle, shownMetrics } from '../views/usageText.ts'
import { register, registerConnected } from './register.ts'
import { selectedOf } from './selection.ts'

async function set(name: string, value: unknown): Promise<void> {
  await vscode.workspace.getConfiguration().update(name, value, vscode.ConfigurationTarget.Global)
}

async function chooseMetric({ provider }: CgroupsView): Promise<void> {
  const items = shownMetrics.map((metric) => ({
    label: metricTitle(metric),
    description: metric === provider.metric ? vscode.l10n.t('now') : '',
    metric,
  }))
  const picked = await vscode.window.showQuickPick(items, { placeHolder: vscode.l10n.t('What the rows show') })
  if (picked !== undefined) await set(settings.cgroupMetric, picked.metric)
}

async function toggleSort(): Promise<void> {
  const now = vscode.workspace.getConfiguration().get<string>(settings.cgroupSort, 'name')
  await set(settings.cgroupSort, now === 'usage' ? 'name' : 'usage')
}

async function toggleIdle(): Promise<void> {
  const now = vscode.workspace.getConfiguration().get<boolean>(settings.cgroupHideIdle, false)
  await set(settings.cgroupHideIdle, !now)
}

/** The view follows what is typed. */
async function filter({ provider }: CgroupsView): Promise<void> {
  const before = provider.filter
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t('Filter Cgroups'),
    prompt: vscode.l10n.t('Words of a name, or of whom it belongs to'),
    value: before,
    validateInput: (typed) => {
      provider.filter = typed
      return undefined
    },
  })
  provider.filter = text ?? before
}

/** What is not Bulkhead's is changed only after a question. */
async function mayChange({ owner }: Cgroup, question: string): Promise<boolean> {
  const whose = owner === null ? '' : ` ${vscode.l10n.t('It belongs to {0}.', ownerText(owner))}`
  const change = vscode.l10n.t('Change')
  const detail = vscode.l10n.t('It is not a cgroup of Bulkhead’s.{0} Who made it may not expect this.', whose)
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, change)) === change
}

function isOurs({ cgroup }: CgroupNode): boolean {
  return cgroup.owner?.kind === 'bulkhead'
}

/** A container's own limits are the container's: they hold after a restart, too. */
function containerOf(context: Context, { containerId = '' }: CgroupNode): ContainerNode | undefined {
  const container = context.containers.get(containerId)
  return container === undefined ? undefined : new ContainerNode(container)
}

async function pickLimit(limits: Partial<Record<LimitName, string>>, path: string): Promise<LimitName | undefined> {
  const items = limitNames
    .filter((limit) => limits[limit] !== undefined)
    .map((limit) => ({ label: limitTitle(limit), description: limitText(limit, limits[limit]!), limit }))
  if (items.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('The kernel offers no limits for {0}.', path))
    return undefined
  }
  return (await vscode.window.showQuickPick(items, { placeHolder: vscode.l10n.t('Limit of {0}', path) }))?.limit
}

/** The editor hands over no row while it reads what is above it anew. */
function chosen(args: readonly unknown[]): CgroupNode[] {
  const nodes = selectedOf(args, CgroupNode)
  if (nodes.length === 0)
    void vscode.window.showInformationMessage(
      vscode.l10n.t('The row was being read again at that moment: choose once more.'),
    )
  return nodes
}

async function editLimit(context: ConnectedContext, { provider }: CgroupsView, ...args: unknown[]): Promise<void> {
  const [node] = chosen(args.slice(0, 1))
  if (node === undefined) return
  const container = containerOf(context, node)
  if (container !== undefined) return await vscode.commands.executeCommand(commands.editLimits, container)
  const { path } = node.cgroup
  const { limits } = await context.client.call('cgroups/inspect', { path })
  const limit = await pickLimit(limits, path)
  if (limit === undefined) return
  const value = await vscode.window.showInputBox({
    title: vscode.l10n.t('{0} of {1}', limitTitle(limit), path),
    prompt: vscode.l10n.t('It holds at once. Bytes may be written 512m; max is no limit.'),
    value: limits[limit]!,
  })
  if (value === undefined || value === limits[limit]) return
  const question = vscode.l10n.t('Change the limit “{0}” of {1}?', limitTitle(limit), path)
  if (!isOurs(node) && !(await mayChange(node.cgroup, question))) return
  const { before, now } = await context.client.call('cgroups/setLimit', { path, limit, value })
  await provider.again(node)
  const undo = vscode.l10n.t('Undo')
  const said = vscode.l10n.t(
    '{0} of {1} is now {2}, before it was {3}.',
    limitTitle(limit),
    path,
    limitText(limit, now),
    limitText(limit, before),
  )
  // Not waited for: the command is over, whatever becomes of the message.
  void vscode.window.showInformationMessage(said, undo).then(async (answer) => {
    if (answer !== undo) return
    await context.client.call('cgroups/setLimit', { path, limit, value: before })
    await provider.again(node)
  })
}

async function freeze(
  context: ConnectedContext,
  { provider }: CgroupsView,
  frozen: boolean,
  ...args: unknown[]
): Promise<void> {
  for (const node of chosen(args)) {
    const container = containerOf(context, node)
    if (container !== undefined) {
      await vscode.commands.executeCommand(frozen ? commands.pause : commands.unpause, container)
      continue
    }
    const { path } = node.cgroup
    const question = frozen ? vscode.l10n.t('Freeze {0}?', path) : vscode.l10n.t('Thaw {0}?', path)
    if (!isOurs(node) && !(await mayChange(node.cgroup, question))) continue
    await context.client.call('cgroups/freeze', { path, frozen })
    await provider.again(node)
  }
}

async function killAll(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const nodes = chosen(args)
  if (nodes.length === 0) return
  const kill = vscode.l10n.t('Kill')
  const names = nodes.map(({ cgroup }) => cgroup.path).join(', ')
  const others = nodes.filter((node) => !isOurs(node)).length
  const detail = [
    vscode.l10n.t('Every process in it and below gets SIGKILL. What they have not written is lost.'),
    ...(others > 0 ? [vscode.l10n.t('It is not a cgroup of Bulkhead’s.')] : []),
  ].join(' ')
  const question = vscode.l10n.t('Kill all processes of {0}?', names)
  if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, kill)) !== kill) return
  for (const node of nodes) {
    const container = containerOf(context, node)
    if (container === undefined) await context.client.call('cgroups/kill', { path: node.cgroup.path })
    else await context.client.call('containers/kill', { container: container.container.id })
  }
}

async function showContainer(context: Context, node: unknown): Promise<void> {
  if (!(node instanceof CgroupNode)) return
  const container = containerOf(context, node)
  if (container !== undefined) context.revealContainer(container.container.id)
}

export function cgroupCommands(context: Context, view: CgroupsView): vscode.Disposable {
  return vscode.Disposable.from(
    register(context, commands.chooseMetric, () => chooseMetric(view)),
    register(context, commands.sortCgroups, toggleSort),
    register(context, commands.hideIdleCgroups, toggleIdle),
    register(context, commands.filterCgroups, () => filter(view)),
    register(context, commands.clearCgroupFilter, () => (view.provider.filter = '')),
    register(
      context,
      commands.showMoreCgroups,
      (_context, node) => node instanceof MoreCgroupsNode && view.provider.more(node),
    ),
    register(context, commands.showInContainers, showContainer),
    registerConnected(context, commands.editCgroupLimit, (connected, ...args) => editLimit(connected, view, ...args)),
    registerConnected(context, commands.freezeCgroup, (connected, ...args) => freeze(connected, view, true, ...args)),
    registerConnected(context, commands.thawCgroup, (connected, ...args) => freeze(connected, view, false, ...args)),
    registerConnected(context, commands.killCgroup, killAll),
  )
}
