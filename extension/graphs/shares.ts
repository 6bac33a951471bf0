/** What a container shares, and what is its own; beside it, what a virtual machine of the same job would have had to own. */
import * as vscode from 'vscode'
import type { Shares } from '../../helper/protocol/namespaceSchemas.ts'
import { sizeText } from '../../helper/protocol/text.ts'
import type { ConnectedContext } from '../context.ts'
import { typeTitle } from '../views/namespaceWords.ts'
import { escape } from './escape.ts'
import { pageHtml, showPage } from './html.ts'
import { layersHtml } from './sharing.ts'

interface Line {
  readonly what: string
  readonly own: string
  readonly shared: string
  readonly machine: string
}

function timeText(microseconds: number): string {
  return microseconds >= 1e6 ? `${(microseconds / 1e6).toFixed(1)} s` : `${(microseconds / 1000).toFixed(1)} ms`
}

function listed(names: readonly string[]): string {
  const more = names.length - 4
  return more > 0 ? vscode.l10n.t('{0} and {1} more', names.slice(0, 4).join(', '), more) : names.join(', ')
}

function lines({ kernel, namespaces, memory, processes, virtualMachine, layers, start, boot }: Shares): Line[] {
  const own = namespaces.filter((one) => one.own).map(({ type }) => typeTitle(type))
  const shared = namespaces.filter((one) => !one.own).map((one) => `${typeTitle(one.type)} (${listed(one.with)})`)
  const none = '–'
  return [
    {
      what: vscode.l10n.t('Kernel'),
      own: none,
      shared: vscode.l10n.t('Linux {0}, with everything on this machine', kernel.release),
      machine: vscode.l10n.t('{0}, a kernel of its own', sizeText(virtualMachine.kernel)),
    },
    {
      what: vscode.l10n.t('Namespaces'),
      own: own.join(', ') || none,
      shared: shared.join(', ') || none,
      machine: none,
    },
    {
      what: vscode.l10n.t('Files'),
      own: sizeText(layers.own),
      shared: sizeText(layers.shared),
      machine: vscode.l10n.t('{0}, a copy of every layer', sizeText(virtualMachine.disk)),
    },
    {
      what: vscode.l10n.t('Memory of its processes'),
      own: sizeText(memory.own),
      shared: vscode.l10n.t(
        '{0}, of which its part is {1}',
        sizeText(memory.resident - memory.own),
        sizeText(memory.proportional),
      ),
      machine: vscode.l10n.t('{0}, programs and libraries read again', sizeText(virtualMachine.memory)),
    },
    {
      what: vscode.l10n.t('Page cache that it filled'),
      own: none,
      shared: vscode.l10n.t('{0}, for whoever reads the same files', sizeText(memory.cache)),
      machine: vscode.l10n.t('a cache of its own'),
    },
    {
      what: vscode.l10n.t('Processes'),
      own: String(processes),
      shared: none,
      machine: vscode.l10n.t('besides, an init and services'),
    },
    {
      what: vscode.l10n.t('Time to start'),
      own: start === null ? none : timeText(start),
      shared: none,
      machine:
        boot === null
          ? vscode.l10n.t('a boot')
          : vscode.l10n.t('{0} for the kernel alone, as this machine booted', timeText(boot)),
    },
  ]
}

export function sharesHtml(shares: Shares, options: Parameters<typeof pageHtml>[2]): string {
  const { name, runs, layers, virtualMachine } = shares
  const needed = virtualMachine.kernel + virtualMachine.memory
  const summary = runs
    ? vscode.l10n.t(
        'It owns {0} of memory and {1} of files. A virtual machine for the same job would have needed at least {2} more of memory and {3} more of disk.',
        sizeText(shares.memory.own),
        sizeText(layers.own),
        sizeText(needed),
        sizeText(virtualMachine.disk),
      )
    : vscode.l10n.t(
        'It does not run: it has no process, no memory, and no namespaces. What it wrote is all that there is of it.',
      )
  const titles = [
    '',
    vscode.l10n.t('Its own'),
    vscode.l10n.t('Shared'),
    vscode.l10n.t('A virtual machine would own besides'),
  ]
  const rows = lines(shares).map(
    ({ what, own, shared, machine }) =>
      `<tr><th scope="row">${escape(what)}</th><td>${escape(own)}</td><td>${escape(shared)}</td><td class="machine">${escape(machine)}</td></tr>`,
  )
  return pageHtml(
    name,
    `<h1>${escape(vscode.l10n.t('What {0} shares', name))}</h1>
  <p class="summary">${escape(summary)}</p>
  <table class="parts">
    <thead><tr>${titles.map((title) => `<th scope="col">${escape(title)}</th>`).join('')}</tr></thead>
    <tbody>${rows.join('')}</tbody>
  </table>
  <p class="note">${escape(vscode.l10n.t('Measured on this machine: the kernel’s own program and data as they lie in memory, pages that other processes map, too, and bytes of layers. A real virtual machine would need more.'))}</p>
  <h2>${escape(vscode.l10n.t('Files, layer by layer'))}</h2>
  ${layersHtml(layers)}`,
    options,
  )
}

export async function showShares(context: ConnectedContext, container: string): Promise<void> {
  const shares = await context.client.call('containers/shares', { container })
  showPage(context, {
    ...{ kind: 'sharing', icon: 'pie-chart', title: vscode.l10n.t('Shared by {0}', shares.name) },
    html: (options) => sharesHtml(shares, options),
  })
}
