/** What the pinned container uses, at the window's foot: processor time and memory, with the last seconds as a curve. */
import * as vscode from 'vscode'
import { runs } from '../connection/containerModel.ts'
import { commands } from '../contributions.ts'
import type { Context } from '../context.ts'
import { ContainerNode } from './containerNode.ts'
import { appendGraph, usageText, valuesOf } from './usageText.ts'

const key = 'pinned'

export function pinnedItem(context: Context): vscode.Disposable {
  const { usage, pinned, containers } = context
  const item = vscode.window.createStatusBarItem('bulkhead.pinned', vscode.StatusBarAlignment.Left)
  item.name = vscode.l10n.t('Bulkhead: Pinned Container')

  async function show(): Promise<void> {
    const container = containers.get(pinned.value)
    if (container === undefined || context.connection.state !== 'connected') {
      usage.end(key)
      return item.hide()
    }
    item.command = { command: commands.showUsage, title: '', arguments: [new ContainerNode(container)] }
    if (!runs(container)) {
      usage.end(key)
      item.text = `$(pulse) ${container.name}`
      item.tooltip = vscode.l10n.t('{0} does not run', container.name)
      return item.show()
    }
    const cgroup = await usage.cgroupOf(container.id)
    const draw = (): void => {
      const texts = [usageText(usage, cgroup, 'cpu'), usageText(usage, cgroup, 'memory', 0).trim()].filter(Boolean)
      item.text = `$(pulse) ${container.name} ${texts.join(' · ')}`
      const tooltip = new vscode.MarkdownString('', true)
      tooltip.appendMarkdown('**').appendText(container.name).appendMarkdown('**')
      for (const metric of ['cpu', 'memory'] as const)
        appendGraph(tooltip, { values: valuesOf(usage.live(cgroup), metric), metric })
      item.tooltip = tooltip
      item.accessibilityInformation = { label: item.text.replaceAll(/\$\(pulse\) |[▁-█]+ ?/g, '') }
    }
    draw()
    item.show()
    usage.watch(key, { metrics: ['cpu', 'memory'], cgroups: [cgroup], onSample: draw })
  }

  const later = (): void => void show()
  later()
  return vscode.Disposable.from(item, pinned.onDidChange(later), containers.onDidChange(later))
}
