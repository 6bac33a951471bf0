/** Namespaces of two, side by side. */
import * as vscode from 'vscode'
import type { Comparison } from '../../helper/protocol/namespaceSchemas.ts'
import type { Params } from '../../helper/protocol/methods.ts'
import type { ConnectedContext } from '../context.ts'
import { typeMeaning, typeTitle } from '../views/namespaceWords.ts'
import { escape } from './escape.ts'
import { pageHtml, showPage } from './html.ts'

type Row = Comparison['rows'][number]

function cell(id: number, others: readonly string[], isShared: boolean): string {
  const with_ = others.length === 0 ? '' : vscode.l10n.t('also {0}', others.slice(0, 5).join(', '))
  return `<td class="${isShared ? 'shared' : 'own'}"><span class="id">${id}</span> <span class="others">${escape(with_)}</span></td>`
}

function row({ type, left, right, shared, leftOthers, rightOthers }: Row): string {
  const word = shared ? vscode.l10n.t('shared') : vscode.l10n.t('apart')
  return `<tr>
    <th scope="row">${escape(typeTitle(type))}<div class="meaning">${escape(typeMeaning(type))}</div></th>
    ${cell(left, leftOthers, shared)}
    <td class="sign ${shared ? 'shared' : 'own'}" aria-label="${escape(word)}"><span aria-hidden="true">${shared ? '=' : '≠'}</span> ${escape(word)}</td>
    ${cell(right, rightOthers, shared)}
  </tr>`
}

export function comparisonHtml({ left, right, rows }: Comparison, options: Parameters<typeof pageHtml>[2]): string {
  const shared = rows.filter((one) => one.shared).length
  const summary = vscode.l10n.t(
    'Of {0} kinds of namespaces they share {1}, and have {2} of their own.',
    rows.length,
    shared,
    rows.length - shared,
  )
  return pageHtml(
    `${left.name} ${right.name}`,
    `<h1>${escape(vscode.l10n.t('{0} and {1}', left.name, right.name))}</h1>
  <p class="summary">${escape(summary)}</p>
  <table class="compared">
    <thead><tr><th scope="col">${escape(vscode.l10n.t('Kind'))}</th><th scope="col">${escape(left.name)}</th><th scope="col"></th><th scope="col">${escape(right.name)}</th></tr></thead>
    <tbody>${rows.map(row).join('')}</tbody>
  </table>`,
    options,
  )
}

export async function showComparison(context: ConnectedContext, sides: Params<'namespaces/compare'>): Promise<void> {
  const comparison = await context.client.call('namespaces/compare', sides)
  const title = vscode.l10n.t('{0} and {1}', comparison.left.name, comparison.right.name)
  showPage(context, {
    ...{ kind: 'sharing', icon: 'compare-changes', title },
    html: (options) => comparisonHtml(comparison, options),
  })
}
