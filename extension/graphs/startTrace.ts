/** How a container came to be: a bar for each step of its plan, on one time axis. */
import * as vscode from 'vscode'
import type { ContainerSummary, StartTrace, TraceStep } from '../../helper/protocol/schemas.ts'
import type { ConnectedContext } from '../context.ts'
import { escape } from './escape.ts'
import { pageHtml, showPage, type PageOptions } from './html.ts'

function microseconds(value: number): string {
  return value >= 1000 ? `${(value / 1000).toFixed(2)} ms` : `${Math.round(value)} µs`
}

/** Per mille of the whole, for a viewBox of 1000. */
function bar(start: number, end: number, whole: number, kind: string): string {
  const x = (start / whole) * 1000
  const width = Math.max(((end - start) / whole) * 1000, 1.5)
  return `<svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true"><rect class="${kind}" x="${x.toFixed(1)}" y="0" width="${width.toFixed(1)}" height="10"/></svg>`
}

interface Row {
  readonly kind: 'helper' | 'watcher' | 'container'
  readonly name: string
  readonly detail: string
  readonly start: number
  readonly end: number
}

/** The helper's own two steps, then the plan's, all from the moment of the request. */
export function rowsOf({ helper, steps }: StartTrace): Row[] {
  const offset = helper.prepare + helper.spawn
  return [
    { kind: 'helper', name: 'make the plan', detail: 'request, specification, plan', start: 0, end: helper.prepare },
    { kind: 'helper', name: 'hand it to a watcher', detail: '', start: helper.prepare, end: offset },
    ...steps
      .toSorted((a: TraceStep, b: TraceStep) => a.start - b.start)
      .map((step): Row => ({
        kind: step.by,
        name: step.operation,
        detail: step.detail,
        start: offset + step.start,
        end: offset + step.end,
      })),
  ]
}

function tableRow(row: Row, whole: number): string {
  const { kind, name, detail, start, end } = row
  return `<tr>
    <th scope="row" class="${kind}">${escape(name)}</th>
    <td class="detail" title="${escape(detail)}">${escape(detail)}</td>
    <td class="time">${microseconds(end - start)}</td>
    <td class="bar" title="${escape(vscode.l10n.t('from {0} to {1}', microseconds(start), microseconds(end)))}">${bar(start, end, whole, kind)}</td>
  </tr>`
}

export function traceHtml(trace: StartTrace, options: PageOptions): string {
  const rows = rowsOf(trace)
  const whole = Math.max(...rows.map(({ end }) => end))
  const legend = {
    helper: vscode.l10n.t('helper'),
    watcher: vscode.l10n.t('watcher (host’s root)'),
    container: vscode.l10n.t('container’s own process'),
  }
  const longest = rows.toSorted((a, b) => b.end - b.start - (a.end - a.start))[0]!
  const body = `<h1>${escape(vscode.l10n.t('How {0} came to be', trace.name))}</h1>
  <p class="summary">${escape(vscode.l10n.t('{0} steps in {1}, from the request to the moment its command ran. The longest: {2}, {3}.', rows.length, microseconds(whole), longest.name, microseconds(longest.end - longest.start)))}</p>
  <ul class="legend">${Object.entries(legend)
    .map(([kind, text]) => `<li class="${kind}">${escape(text)}</li>`)
    .join('')}</ul>
  <table>
    <thead><tr><th scope="col">${escape(vscode.l10n.t('Step'))}</th><th scope="col">${escape(vscode.l10n.t('On what'))}</th><th scope="col" class="time">${escape(vscode.l10n.t('Time'))}</th><th scope="col" class="axis"><span>0</span><span>${microseconds(whole / 2)}</span><span>${microseconds(whole)}</span></th></tr></thead>
    <tbody>${rows.map((row) => tableRow(row, whole)).join('')}</tbody>
  </table>`
  return pageHtml(trace.name, body, options)
}

export async function showStartTrace(context: ConnectedContext, container: ContainerSummary): Promise<void> {
  const trace = await context.client.call('containers/trace', { container: container.id })
  showPage(context, {
    ...{ kind: 'startTrace', icon: 'timeline-view-icon', title: vscode.l10n.t('Start of {0}', container.name) },
    html: (options) => traceHtml(trace, options),
  })
}
