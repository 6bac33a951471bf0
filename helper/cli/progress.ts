/** Progress for people: a line a layer that is redrawn at a terminal, or a line for each step elsewhere. */
import type { Progress } from '../protocol/imageSchemas.ts'
import { size } from './units.ts'

const words: Readonly<Record<Progress['status'], string>> = {
  waiting: 'Waiting',
  exists: 'Already exists',
  downloading: 'Downloading',
  unpacking: 'Unpacking',
  retrying: 'Retrying',
  uploading: 'Pushing',
  mounted: 'Mounted from another repository',
  done: 'Complete',
  working: 'Reading',
}

const barWidth = 30

function bar(current: number, total: number): string {
  const filled = Math.round((current / total) * barWidth)
  return `[${'='.repeat(filled)}${' '.repeat(barWidth - filled)}] ${size(current)}/${size(total)}`
}

export class ProgressPrinter {
  readonly #items = new Map<string, Progress>()
  readonly #quiet: boolean
  #drawn = 0

  constructor(options: { quiet: boolean }) {
    this.#quiet = options.quiet
  }

  show(progress: Progress): void {
    if (this.#quiet) return
    const before = this.#items.get(progress.item)
    this.#items.set(progress.item, progress)
    if (process.stderr.isTTY) this.#redraw()
    else if (before?.status !== progress.status) process.stderr.write(`${line(progress, false)}\n`)
  }

  #redraw(): void {
    const width = process.stderr.columns || 80
    const lines = [...this.#items.values()].map((progress) => line(progress, true).slice(0, width - 1))
    const up = this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A`
    process.stderr.write(up + lines.map((text) => `\u001b[2K${text}\n`).join(''))
    this.#drawn = lines.length
  }
}

function line({ item, status, current, total, message }: Progress, withBar: boolean): string {
  const moving = withBar && total > 0 && (status === 'downloading' || status === 'uploading' || status === 'working')
  const more = message === undefined ? '' : ` (${message})`
  return `${item}: ${words[status]}${moving ? ` ${bar(current, total)}` : ''}${more}`
}
