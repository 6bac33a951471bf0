/** What is shared: bytes an image's or a container's own, and bytes that others use, too. */
import * as vscode from 'vscode'
import type { Sharing } from '../../helper/protocol/imageSchemas.ts'
import { sizeText } from '../../helper/protocol/text.ts'
import type { ConnectedContext } from '../context.ts'
import { instructionOf } from '../views/layerNodes.ts'
import { escape } from './escape.ts'
import { pageHtml, showPage } from './html.ts'

type Part = Sharing['parts'][number]

/** A part's width may not vanish. */
const leastWidth = 4
const barWidth = 1000

function isOwn({ with: others }: Part, sharing: Sharing): boolean {
  return sharing.parts.some(({ chainId }) => chainId === null)
    ? others.length === 0
    : !others.some((name) => !name.startsWith('container '))
}

/** The layers side by side, each as wide as its bytes. */
function bar(sharing: Sharing): string {
  const total = sharing.parts.reduce((sum, { size }) => sum + size, 0)
  const parts = sharing.parts.filter(({ size }) => size > 0)
  const room = barWidth - leastWidth * parts.length
  let x = 0
  const rects = parts.map((part) => {
    const width = leastWidth + (total === 0 ? 0 : (part.size / total) * room)
    const rect = `<rect class="${isOwn(part, sharing) ? 'own' : 'shared'}" x="${x.toFixed(1)}" y="0" width="${Math.max(width - 1.5, 1).toFixed(1)}" height="40"><title>${escape(`${nameOf(part)}: ${sizeText(part.size)}`)}</title></rect>`
    x += width
    return rect
  })
  return `<svg class="sharing" viewBox="0 0 ${barWidth} 40" preserveAspectRatio="none" role="img" aria-label="${escape(summaryOf(sharing))}">${rects.join('')}</svg>`
}

function nameOf({ what, chainId }: Part): string {
  if (chainId === null) return vscode.l10n.t('writable layer')
  const instruction = instructionOf(what)
  return instruction === '' ? chainId.slice(7, 19) : instruction
}

function summaryOf({ own, shared }: Sharing): string {
  return vscode.l10n.t('{0} its own, {1} shared', sizeText(own), sizeText(shared))
}

function row(part: Part, sharing: Sharing): string {
  const others = part.with.length === 0 ? vscode.l10n.t('nobody') : part.with.join(', ')
  return `<tr>
    <th scope="row" class="swatch ${isOwn(part, sharing) ? 'own' : 'shared'}" title="${escape(nameOf(part))}">${escape(nameOf(part))}</th>
    <td class="time">${sizeText(part.size)}</td>
    <td class="detail" title="${escape(others)}">${escape(others)}</td>
  </tr>`
}

/** How its bytes are shared: a bar, and the layers one below the other. */
export function layersHtml(sharing: Sharing): string {
  const titles = [vscode.l10n.t('Layer'), vscode.l10n.t('Size'), vscode.l10n.t('With whom')].map(escape)
  return `<ul class="legend"><li class="own">${escape(vscode.l10n.t('its own: {0}', sizeText(sharing.own)))}</li><li class="shared">${escape(vscode.l10n.t('shared: {0}', sizeText(sharing.shared)))}</li></ul>
  ${bar(sharing)}
  <table>
    <thead><tr><th scope="col">${titles[0]}</th><th scope="col" class="time">${titles[1]}</th><th scope="col">${titles[2]}</th></tr></thead>
    <tbody>${sharing.parts
      .toReversed()
      .map((part) => row(part, sharing))
      .join('')}</tbody>
  </table>`
}

/** Of an image; a container has a page that says more. */
export async function showSharing(context: ConnectedContext, name: string): Promise<void> {
  const sharing = await context.client.call('images/sharing', { name })
  const explanation = vscode.l10n.t('A layer that several images stand on is stored once, whoever uses it.')
  showPage(context, {
    ...{ kind: 'sharing', icon: 'pie-chart', title: vscode.l10n.t('Shared by {0}', sharing.name) },
    html: (options) =>
      pageHtml(
        sharing.name,
        `<h1>${escape(vscode.l10n.t('What {0} shares', sharing.name))}</h1>
  <p class="summary">${escape(summaryOf(sharing))}. ${escape(explanation)}</p>
  ${layersHtml(sharing)}`,
        options,
      ),
  })
}
