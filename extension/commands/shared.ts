/** Networks and volumes: made, connected, inspected, removed. */
import * as vscode from 'vscode'
import type { NetworkSummary } from '../../helper/protocol/networkSchemas.ts'
import type { VolumeSummary } from '../../helper/protocol/volumeSchemas.ts'
import { commands } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { EndpointNode } from '../views/containerParts.ts'
import { NetworkNode, VolumeNode } from '../views/sharedNodes.ts'
import { anyState, pickContainers } from './pick.ts'
import { registerConnected } from './register.ts'
import { pickValues, selectedOf } from './selection.ts'
import { showJson } from './showJson.ts'
import { nameProblem } from './typed.ts'

async function askName(title: string): Promise<string | undefined> {
  return await vscode.window.showInputBox({
    title,
    prompt: vscode.l10n.t('Name'),
    validateInput: nameProblem,
  })
}

async function createVolume({ client }: ConnectedContext): Promise<void> {
  const name = await askName(vscode.l10n.t('Create Volume'))
  if (name !== undefined) await client.call('volumes/create', { name })
}

async function createNetwork({ client }: ConnectedContext): Promise<void> {
  const name = await askName(vscode.l10n.t('Create Network'))
  if (name === undefined) return
  const items = [
    { label: 'IPv6', description: vscode.l10n.t('addresses of IPv6, too'), key: 'ipv6' },
    { label: vscode.l10n.t('Internal'), description: vscode.l10n.t('no way out'), key: 'internal' },
  ]
  const picked = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t('Create Network'),
    placeHolder: vscode.l10n.t('What it should be; nothing for an ordinary one'),
    canPickMany: true,
  })
  if (picked === undefined) return
  const has = (key: string): boolean => picked.some((item) => item.key === key)
  await client.call('networks/create', { name, ipv6: has('ipv6'), internal: has('internal') })
}

async function pickNetworks(
  context: ConnectedContext,
  args: readonly unknown[],
  many: boolean,
): Promise<NetworkSummary[]> {
  const chosen = selectedOf(args, NetworkNode).map(({ network }) => network)
  if (chosen.length > 0) return chosen
  const items = (await context.shared.networks()).map((network) => ({
    label: network.name,
    description: network.subnets.map(({ subnet }) => subnet).join(' '),
    value: network,
  }))
  return await pickValues(items, { placeholder: vscode.l10n.t('Network'), many })
}

async function pickVolumes(context: ConnectedContext, args: readonly unknown[]): Promise<VolumeSummary[]> {
  const chosen = selectedOf(args, VolumeNode).map(({ volume }) => volume)
  if (chosen.length > 0) return chosen
  const items = (await context.shared.volumes()).map((volume) => ({
    label: volume.name,
    description: volume.usedBy.join(', '),
    value: volume,
  }))
  return await pickValues(items, { placeholder: vscode.l10n.t('Volume'), many: true })
}

async function confirm(question: string, detail: string): Promise<boolean> {
  const remove = vscode.l10n.t('Remove')
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, remove)) === remove
}

async function removeVolume(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const volumes = await pickVolumes(context, args)
  if (volumes.length === 0) return
  const names = volumes.map(({ name }) => `“${name.slice(0, 40)}”`).join(', ')
  if (!(await confirm(vscode.l10n.t('Remove {0}?', names), vscode.l10n.t('What is in it is lost.')))) return
  for (const { name } of volumes) await context.client.call('volumes/remove', { volume: name })
}

async function removeNetwork(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const networks = await pickNetworks(context, args, true)
  if (networks.length === 0) return
  const names = networks.map(({ name }) => `“${name}”`).join(', ')
  if (!(await confirm(vscode.l10n.t('Remove {0}?', names), vscode.l10n.t('A network that a container uses stays.'))))
    return
  for (const { id } of networks) await context.client.call('networks/remove', { network: id })
}

async function connectNetwork(context: ConnectedContext, ...args: unknown[]): Promise<void> {
  const isNetwork = args[0] instanceof NetworkNode
  const options = { states: anyState, placeholder: vscode.l10n.t('Container to connect'), many: false }
  const [container] = await pickContainers(context, isNetwork ? [] : args, options)
  if (container === undefined) return
  const [network] = await pickNetworks(context, isNetwork ? args : [], false)
  if (network !== undefined)
    await context.client.call('networks/connect', { container: container.id, network: network.id })
}

async function disconnectNetwork({ client }: ConnectedContext, node: unknown): Promise<void> {
  if (!(node instanceof EndpointNode)) return
  await client.call('networks/disconnect', { container: node.container.id, network: node.endpoint.network })
}

async function inspectShared(context: ConnectedContext, node: unknown): Promise<void> {
  const shown =
    node instanceof NetworkNode
      ? await context.client.call('networks/inspect', { network: node.network.id })
      : node instanceof VolumeNode
        ? await context.client.call('volumes/inspect', { volume: node.volume.name })
        : undefined
  if (shown !== undefined) await showJson(shown)
}

export function sharedCommands(context: Context): vscode.Disposable {
  return vscode.Disposable.from(
    registerConnected(context, commands.createVolume, createVolume),
    registerConnected(context, commands.removeVolume, removeVolume),
    registerConnected(context, commands.createNetwork, createNetwork),
    registerConnected(context, commands.removeNetwork, removeNetwork),
    registerConnected(context, commands.connectNetwork, connectNetwork),
    registerConnected(context, commands.disconnectNetwork, disconnectNetwork),
    registerConnected(context, commands.inspectShared, inspectShared),
  )
}
