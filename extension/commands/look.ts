/** How the Containers view is looked at, and what its rows inside a container offer. */
import * as vscode from 'vscode'
import { commands, settings } from '../contributions.ts'
import type { Context } from '../context.ts'
import { groupings, type Grouping } from '../views/containerGroups.ts'
import { EndpointNode, MountNode, PortNode, ProcessNode, VariableNode } from '../views/containerParts.ts'
import { CgroupNode, CgroupProcessNode } from '../views/cgroupNode.ts'
import { MountRow } from '../views/namespaceContents.ts'
import { FactNode, HostProcessNode } from '../views/namespaceNodes.ts'
import { register } from './register.ts'

async function groupBy(context: Context): Promise<void> {
  const configuration = vscode.workspace.getConfiguration()
  const now = configuration.get<Grouping>(settings.groupBy, 'project')
  const names: Record<Grouping, string> = {
    none: vscode.l10n.t('Nothing'),
    project: vscode.l10n.t('Compose project'),
    image: vscode.l10n.t('Image'),
    status: vscode.l10n.t('Status'),
    label: vscode.l10n.t('Label…'),
  }
  const items = groupings.map((by) => ({ label: names[by], description: by === now ? vscode.l10n.t('now') : '', by }))
  const picked = await vscode.window.showQuickPick(items, { placeHolder: vscode.l10n.t('Group containers by') })
  if (picked === undefined) return
  if (picked.by === 'label') {
    const known = [...new Set(context.containers.all().flatMap(({ labels }) => Object.keys(labels)))].sort()
    const label =
      known.length > 0
        ? await vscode.window.showQuickPick(known, { placeHolder: vscode.l10n.t('Label to group by') })
        : await vscode.window.showInputBox({
            prompt: vscode.l10n.t('Label to group by'),
            placeHolder: 'com.example.team',
          })
    if (label === undefined) return
    await configuration.update(settings.groupByLabel, label, vscode.ConfigurationTarget.Global)
  }
  await configuration.update(settings.groupBy, picked.by, vscode.ConfigurationTarget.Global)
}

/** The view follows what is typed. */
function filter(context: Context): void {
  const before = context.filter.value
  const input = vscode.window.createInputBox()
  input.title = vscode.l10n.t('Filter Containers')
  input.prompt = vscode.l10n.t('Words of name, image, state, port or label')
  input.value = before
  let isAccepted = false
  const subscriptions = [
    input,
    input.onDidChangeValue((text) => (context.filter.value = text)),
    input.onDidAccept(() => {
      isAccepted = true
      input.hide()
    }),
    input.onDidHide(() => {
      if (!isAccepted) context.filter.value = before
      vscode.Disposable.from(...subscriptions).dispose()
    }),
  ]
  input.show()
}

function addressOf(node: unknown): vscode.Uri | undefined {
  if (!(node instanceof PortNode)) return undefined
  const { hostIp, hostPort, containerPort } = node.port
  const host = hostIp === '' ? 'localhost' : hostIp.includes(':') ? `[${hostIp}]` : hostIp
  return vscode.Uri.parse(`${[443, 8443].includes(containerPort) ? 'https' : 'http'}://${host}:${hostPort}`)
}

async function openPort(node: unknown): Promise<void> {
  const address = addressOf(node)
  // Over SSH, in WSL or in a dev container the editor leads the port to where its user is.
  if (address !== undefined) await vscode.env.openExternal(await vscode.env.asExternalUri(address))
}

async function openPortHere(node: unknown): Promise<void> {
  const address = addressOf(node)
  if (address === undefined) return
  const external = await vscode.env.asExternalUri(address)
  await vscode.commands.executeCommand('simpleBrowser.show', external.toString())
}

function valueOf(node: unknown): string | undefined {
  if (node instanceof VariableNode) return node.value
  if (node instanceof EndpointNode) return node.endpoint.address
  if (node instanceof MountNode) return node.mount.source
  if (node instanceof ProcessNode || node instanceof HostProcessNode || node instanceof CgroupProcessNode)
    return String(node.process.pid)
  if (node instanceof CgroupNode) return node.cgroup.path
  if (node instanceof FactNode || node instanceof MountRow) return node.value
  return addressOf(node)?.toString()
}

export function lookCommands(context: Context): vscode.Disposable {
  return vscode.Disposable.from(
    register(context, commands.groupBy, groupBy),
    register(context, commands.filter, filter),
    register(context, commands.clearFilter, () => (context.filter.value = '')),
    register(context, commands.openPort, (_context, node) => openPort(node)),
    register(context, commands.openPortHere, (_context, node) => openPortHere(node)),
    register(context, commands.revealValue, (_context, node) => {
      if (!(node instanceof VariableNode)) return
      node.show(!node.isShown)
      context.reveal(node)
    }),
    register(context, commands.copyValue, async (_context, node) => {
      const value = valueOf(node)
      if (value !== undefined) await vscode.env.clipboard.writeText(value)
    }),
  )
}
