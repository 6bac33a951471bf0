/** Graphs of what containers and cgroups use: in a panel, and pinned to the window's foot. */
import * as vscode from 'vscode'
import { runs } from '../connection/containerModel.ts'
import { commands } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { showShares } from '../graphs/shares.ts'
import { showUsage, type UsageSource } from '../graphs/usagePanel.ts'
import { CgroupNode } from '../views/cgroupNode.ts'
import { anyState, pickContainers, registerForOne } from './pick.ts'
import { register, registerConnected } from './register.ts'
import { selectedOf } from './selection.ts'

async function usage(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const cgroups = selectedOf(args, CgroupNode).map(({ cgroup, title, containerId = '' }): UsageSource => {
    const container = context.containers.get(containerId)
    return { cgroup: cgroup.path, name: title, startedAt: container?.startedAt ?? null, container: container?.id }
  })
  if (cgroups.length > 0) return showUsage(context, cgroups)
  const options = { states: anyState, placeholder: vscode.l10n.t('Containers'), many: true }
  const containers = await pickContainers(context, args, options)
  if (containers.length === 0) return
  const sources = containers.map(async ({ id, name, startedAt }) => {
    return { cgroup: await context.usage.cgroupOf(id), name, startedAt, container: id }
  })
  showUsage(context, await Promise.all(sources))
}

export function usageCommands(context: Context): vscode.Disposable {
  return vscode.Disposable.from(
    registerConnected(context, commands.showUsage, usage),
    registerForOne(context, commands.showShares, (connected, { id }) => showShares(connected, id)),
    registerForOne(context, commands.pin, (_connected, { id }) => (context.pinned.value = id), ['running', 'paused']),
    register(context, commands.unpin, () => (context.pinned.value = '')),
    registerForOne(context, commands.showCgroup, async (connected, container) => {
      if (runs(container)) await connected.revealCgroup(await connected.usage.cgroupOf(container.id))
    }),
  )
}
