/** The page of the usage panel: its charts, its buttons, its words. Nothing is loaded from anywhere. */
import type uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { valueText } from '../graphs/values.ts'
import { chartKinds, columnAt, dataOf, linesOf, makeChart, readTheme, signOf, type Line } from './charts.ts'
import { Samples, spans } from './data.ts'
import { csvOf, pngOf, svgOf } from './export.ts'
import { marksOf } from './marks.ts'
import type { Device, ExportFormat, FromPage, Mark, Resolution, Row, ShownSeries, Texts, ToPage } from './messages.ts'

declare function acquireVsCodeApi(): { postMessage(message: FromPage): void }
const vscode = acquireVsCodeApi()

interface Chart {
  readonly kind: (typeof chartKinds)[number]
  readonly lines: readonly Line[]
  readonly figure: HTMLElement
  readonly caption: HTMLElement
  readonly plot: uPlot
}

function element<K extends keyof HTMLElementTagNameMap>(name: K, className = '', text = ''): HTMLElementTagNameMap[K] {
  const made = document.createElement(name)
  made.className = className
  made.textContent = text
  return made
}

class Page {
  readonly #series: readonly ShownSeries[]
  readonly #texts: Texts
  #samples: Samples
  #charts: Chart[] = []
  #marks: Mark[] = []
  #theme = readTheme()
  #isPaused = false
  /** Seconds since 1970; undefined for the whole time. */
  #zoom: readonly [number, number] | undefined
  readonly #grid = element('div', 'grid')
  readonly #said = element('p', 'said')
  readonly #table = element('table')
  readonly #events = element('ul', 'events')
  readonly #disks = element('div', 'disks')
  readonly #pauseButton = element('button')
  readonly #resetButton = element('button')
  readonly #ranges: Record<Resolution, HTMLButtonElement> = { second: element('button'), minute: element('button') }

  constructor(series: readonly ShownSeries[], texts: Texts) {
    this.#series = series
    this.#texts = texts
    this.#samples = this.#none('second')
    document.body.replaceChildren(this.#header(), this.#grid, this.#details())
    this.#said.setAttribute('aria-live', 'polite')
    this.#build()
    new ResizeObserver(() => this.#resize()).observe(this.#grid)
    // The theme's classes change: so do its colours.
    new MutationObserver(() => this.#build()).observe(document.body, { attributes: true, attributeFilter: ['class'] })
    document.addEventListener('keydown', (event) => this.#onKey(event))
  }

  history(resolution: Resolution, rows: readonly (readonly Row[])[]): void {
    this.#samples = new Samples(rows, resolution)
    this.#draw()
  }

  sample(rows: readonly Row[]): void {
    if (this.#samples.resolution === 'second') this.#samples.add(rows)
    if (!this.#isPaused) this.#draw()
  }

  devices(all: readonly (readonly Device[])[]): void {
    const { disks, device, read, written } = this.#texts
    const rows = all.flatMap((devices, at) => devices.map((one) => ({ name: this.#series[at]!.name, ...one })))
    const table = element('table')
    const head = table.createTHead().insertRow()
    for (const title of ['', device, read, written]) head.append(element('th', '', title))
    const body = table.createTBody()
    for (const row of rows) {
      const line = body.insertRow()
      for (const text of [row.name, row.device, valueText('rate', row.read), valueText('rate', row.written)])
        line.insertCell().textContent = text
    }
    this.#disks.replaceChildren(...(rows.length === 0 ? [] : [element('h2', '', disks), table]))
  }

  /** Before the history is there. */
  #none(resolution: Resolution): Samples {
    return new Samples(
      this.#series.map(() => []),
      resolution,
    )
  }

  #header(): HTMLElement {
    const { tenMinutes, day, resetZoom, exportAs, range, keys } = this.#texts
    const bar = element('div', 'bar')
    bar.setAttribute('role', 'toolbar')
    this.#pauseButton.onclick = () => this.#pause(!this.#isPaused)
    const ranges = element('span', 'group')
    ranges.setAttribute('role', 'group')
    ranges.setAttribute('aria-label', range)
    for (const [resolution, text] of [
      ['second', tenMinutes],
      ['minute', day],
    ] as const) {
      const button = this.#ranges[resolution]
      button.textContent = text
      button.onclick = () => this.#choose(resolution)
      ranges.append(button)
    }
    this.#resetButton.textContent = resetZoom
    this.#resetButton.onclick = () => this.#zoomTo(undefined)
    const files = element('span', 'group')
    files.append(element('span', 'label', exportAs))
    for (const format of ['csv', 'png', 'svg'] as const) {
      const button = element('button', '', format.toUpperCase())
      button.setAttribute('aria-label', `${exportAs} ${format.toUpperCase()}`)
      button.onclick = () => void this.#export(format)
      files.append(button)
    }
    bar.append(this.#pauseButton, ranges, this.#resetButton, files)
    const header = element('header')
    const legend = element('ul', 'legend')
    this.#series.forEach(({ name }, at) => {
      const entry = element('li', '', name)
      if (this.#series.length > 1)
        entry.style.setProperty('--colour', this.#theme.colors[at % this.#theme.colors.length]!)
      legend.append(entry)
    })
    header.append(element('h1', '', this.#series.map(({ name }) => name).join(', ')), bar)
    if (this.#series.length > 1) header.append(legend)
    header.append(this.#said)
    bar.title = keys
    this.#showButtons()
    return header
  }

  #details(): HTMLElement {
    const { table, events } = this.#texts
    const below = element('div', 'below')
    const numbers = element('details')
    numbers.append(element('summary', '', table), this.#table)
    below.append(element('h2', '', events), this.#events, this.#disks, numbers)
    return below
  }

  #build(): void {
    this.#theme = readTheme()
    for (const { plot } of this.#charts) plot.destroy()
    this.#charts = chartKinds.map((kind) => {
      const lines = linesOf(kind, this.#series, { theme: this.#theme, texts: this.#texts })
      const figure = element('figure')
      figure.tabIndex = 0
      figure.dataset['chart'] = kind.name
      const caption = element('figcaption')
      const place = element('div', 'plot')
      figure.append(caption, place)
      const plot = makeChart(place, {
        ...{ kind, lines, theme: this.#theme, size: this.#size() },
        marks: () => this.#marks,
        onZoom: (from, to) => this.#zoomTo([from, to]),
        onCursor: (index) => this.#caption(kind.name, index),
      })
      return { kind, lines, figure, caption, plot }
    })
    this.#grid.replaceChildren(...this.#charts.map(({ figure }) => figure))
    this.#draw()
  }

  #size(): { width: number; height: number } {
    const columns = this.#grid.clientWidth > 900 ? 2 : 1
    return { width: Math.max(240, Math.floor(this.#grid.clientWidth / columns) - 24), height: 170 }
  }

  #resize(): void {
    for (const { plot } of this.#charts) plot.setSize(this.#size())
  }

  #range(): [number, number] {
    if (this.#zoom !== undefined) return [...this.#zoom]
    const times = this.#samples.times()
    const now = times.at(-1) ?? Date.now() / 1000
    const span = spans[this.#samples.resolution] / 1000
    // What has just begun fills the width, too.
    return [Math.min(now - span / 10, Math.max(now - span, times[0] ?? 0)), now]
  }

  #draw(): void {
    const times = this.#samples.times()
    const [min, max] = this.#range()
    this.#marks = this.#series.flatMap((one, at) => marksOf(one, this.#samples.rows[at] ?? []))
    for (const { lines, plot, figure, kind } of this.#charts) {
      const data = dataOf(this.#samples, lines, times)
      plot.setData(data, false)
      plot.setScale('x', { min, max })
      const isCounted = data.slice(1).some((values) => values.some((value) => value != null))
      figure.classList.toggle('empty', !isCounted)
      figure.dataset['note'] = times.length < 2 ? this.#texts.waiting : this.#texts.notCounted
      if (plot.cursor.idx == null) this.#caption(kind.name, null)
    }
    this.#showTable(times, min, max)
    this.#showEvents(min, max)
  }

  /** What the curves are at the pointer, or now. */
  #caption(name: string, index: number | null): void {
    const chart = this.#charts.find(({ kind }) => kind.name === name)
    if (chart === undefined) return
    const { kind, lines, plot, caption, figure } = chart
    const last = plot.data[0].length - 1
    const parts = lines.flatMap(({ label, color, dash }, at) => {
      const value = plot.data[at + 1]?.[index ?? last]
      if (value == null) return []
      const part = element(
        'span',
        dash === undefined ? 'value' : 'value dashed',
        `${label} ${valueText(kind.unit, value)}`,
      )
      part.style.setProperty('--colour', color)
      return [part]
    })
    caption.replaceChildren(element('strong', '', this.#texts.charts[kind.name]), ...parts)
    figure.setAttribute(
      'aria-label',
      `${this.#texts.charts[kind.name]}: ${parts.map((part) => part.textContent).join(', ')}`,
    )
    figure.setAttribute('role', 'img')
  }

  #showTable(times: readonly number[], from: number, to: number): void {
    const { now, min, avg, max } = this.#texts
    const head = element('thead')
    const titles = element('tr')
    for (const title of ['', now, min, avg, max]) titles.append(element('th', '', title))
    head.append(titles)
    const body = element('tbody')
    for (const { kind, lines, plot } of this.#charts)
      lines.forEach(({ label }, at) => {
        const values = columnAt(plot.data, at).filter(
          (value, index): value is number => value !== null && times[index]! >= from && times[index]! <= to,
        )
        if (values.length === 0) return
        const row = element('tr')
        const name = element('th', '', `${this.#texts.charts[kind.name]}: ${label}`)
        name.scope = 'row'
        const average = values.reduce((sum, value) => sum + value, 0) / values.length
        row.append(name)
        for (const value of [values.at(-1)!, Math.min(...values), average, Math.max(...values)])
          row.append(element('td', '', valueText(kind.unit, value)))
        body.append(row)
      })
    this.#table.replaceChildren(head, body)
  }

  #showEvents(from: number, to: number): void {
    const seen = this.#marks
      .filter(({ time }) => time / 1000 >= from && time / 1000 <= to)
      .toReversed()
      .slice(0, 50)
    const entries = seen.map(({ time, kind, name }) => {
      const entry = element('li')
      const { sign, color } = signOf(kind)
      const mark = element('span', 'mark', sign)
      mark.style.color = color
      mark.setAttribute('aria-hidden', 'true')
      const who = this.#series.length > 1 ? `${name}: ` : ''
      entry.append(mark, ` ${new Date(time).toLocaleTimeString()} ${who}${this.#texts.marks[kind]}`)
      return entry
    })
    this.#events.replaceChildren(...(entries.length === 0 ? [element('li', 'none', this.#texts.noEvents)] : entries))
  }

  #showButtons(): void {
    this.#pauseButton.textContent = this.#isPaused ? this.#texts.resume : this.#texts.pause
    this.#resetButton.disabled = this.#zoom === undefined
    for (const [resolution, button] of Object.entries(this.#ranges))
      button.setAttribute('aria-pressed', String(resolution === this.#samples.resolution))
  }

  #pause(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#showButtons()
    if (!isPaused) this.#draw()
  }

  #choose(resolution: Resolution): void {
    this.#zoom = undefined
    this.#samples = this.#none(resolution)
    vscode.postMessage({ type: 'resolution', resolution })
    this.#showButtons()
  }

  #zoomTo(range: readonly [number, number] | undefined): void {
    this.#zoom = range
    this.#showButtons()
    this.#draw()
  }

  async #export(format: ExportFormat): Promise<void> {
    const shown = {
      series: this.#series,
      samples: this.#samples,
      theme: this.#theme,
      texts: this.#texts,
      range: this.#range(),
    }
    const content = format === 'csv' ? csvOf(shown) : format === 'svg' ? svgOf(shown) : await pngOf(shown)
    vscode.postMessage({ type: 'export', format, content })
  }

  #onKey(event: KeyboardEvent): void {
    if (event.target instanceof HTMLButtonElement || event.ctrlKey || event.metaKey || event.altKey) return
    const [from, to] = this.#range()
    const part = (to - from) / 4
    const actions: Readonly<Record<string, () => void>> = {
      ' ': () => this.#pause(!this.#isPaused),
      '+': () => this.#zoomTo([from + part, to - part]),
      '-': () => this.#zoomTo([from - part, to + part]),
      Escape: () => this.#zoomTo(undefined),
      ArrowLeft: () => this.#moveCursor(-1),
      ArrowRight: () => this.#moveCursor(1),
    }
    const action = actions[event.key]
    if (action === undefined) return
    event.preventDefault()
    action()
  }

  /** The pointer, by keyboard: what it stands on is said. */
  #moveCursor(by: number): void {
    const focused = this.#charts.find(({ figure }) => figure === document.activeElement) ?? this.#charts[0]
    if (focused === undefined) return
    const { plot, figure } = focused
    const last = plot.data[0].length - 1
    const index = Math.max(0, Math.min(last, (plot.cursor.idx ?? last) + by))
    const time = plot.data[0][index]
    if (time === undefined) return
    plot.setCursor({ left: plot.valToPos(time, 'x'), top: 10 })
    this.#said.textContent = `${new Date(time * 1000).toLocaleTimeString()}, ${figure.getAttribute('aria-label') ?? ''}`
  }
}

let page: Page | undefined
window.addEventListener('message', ({ data }: MessageEvent<ToPage>) => {
  switch (data.type) {
    case 'show':
      page = new Page(data.series, data.texts)
      return
    case 'history':
      return page?.history(data.resolution, data.rows)
    case 'sample':
      return page?.sample(data.rows)
    case 'devices':
      return page?.devices(data.devices)
  }
})
vscode.postMessage({ type: 'ready' })
