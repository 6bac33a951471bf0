/** The usage panel: what one or several cgroups use, as graphs on one time axis. The page draws; this side fetches. */
import { Buffer } from 'node:buffer'
import { basename } from 'node:path'
import * as vscode from 'vscode'
import type { UsageSample } from '../../helper/protocol/usageSchemas.ts'
import type { ConnectedContext } from '../context.ts'
import type { Device, FromPage, Resolution, Row, ShownSeries, ToPage } from '../webview/messages.ts'
import { pageHtml } from './html.ts'
import { pageTexts } from './usageTexts.ts'

/** What is shown: a container, whose history the helper keeps, or any other cgroup. */
export interface UsageSource extends ShownSeries {
  /** Of a container of the helper's; undefined for others. */
  readonly container: string | undefined
}

let panels = 0

/** Milliseconds between two looks at disks. */
const devicesEvery = 2000

class UsagePanel {
  readonly #context: ConnectedContext
  readonly #panel: vscode.WebviewPanel
  readonly #sources: readonly UsageSource[]
  readonly #key = `panel-${++panels}`
  readonly #metrics = ['cpu', 'memory', 'io', 'pids', 'detail'] as const
  #resolution: Resolution = 'second'
  #devices: { readonly time: number; readonly totals: ReadonlyMap<string, Device> } | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(context: ConnectedContext, sources: readonly UsageSource[]) {
    this.#context = context
    this.#sources = sources
    const { extensionUri } = context.extension
    const names = sources.map(({ name }) => name).join(', ')
    const roots = ['dist', 'media'].map((folder) => vscode.Uri.joinPath(extensionUri, folder))
    this.#panel = vscode.window.createWebviewPanel(
      'bulkhead.usage',
      vscode.l10n.t('Usage of {0}', names),
      vscode.ViewColumn.Active,
      { enableScripts: true, localResourceRoots: roots, retainContextWhenHidden: true },
    )
    const { webview } = this.#panel
    this.#panel.iconPath = new vscode.ThemeIcon('graph-line')
    const file = (...path: string[]): string =>
      webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, ...path)).toString()
    webview.onDidReceiveMessage((message: FromPage) => void this.#receive(message))
    webview.html = pageHtml(names, '', {
      ...{ cspSource: webview.cspSource, script: file('dist', 'usage.js') },
      styles: [file('dist', 'usage.css'), file('media', 'page.css'), file('media', 'usage.css')],
    })
    const reconnected = context.connection.onDidChange((state) => state === 'connected' && void this.#showHistory())
    this.#panel.onDidDispose(() => {
      reconnected.dispose()
      clearInterval(this.#timer)
      context.usage.end(this.#key)
    })
  }

  async #receive(message: FromPage): Promise<void> {
    switch (message.type) {
      case 'ready':
        this.#post({ type: 'show', series: this.#sources, texts: pageTexts() })
        await this.#showHistory()
        this.#watch()
        return
      case 'resolution':
        this.#resolution = message.resolution
        await this.#showHistory()
        return
      case 'export':
        await this.#save(message)
        return
    }
  }

  #post(message: ToPage): void {
    void this.#panel.webview.postMessage(message)
  }

  async #showHistory(): Promise<void> {
    const { client } = this.#context.connection
    if (client === undefined) return
    const resolution = this.#resolution
    const rows = await Promise.all(
      this.#sources.map(async ({ container }): Promise<readonly Row[]> => {
        if (container === undefined) return []
        // It may have been removed meanwhile: what was drawn stays.
        const history = await client.call('usage/history', { container, resolution }).catch(() => undefined)
        return history?.rows ?? []
      }),
    )
    this.#post({ type: 'history', resolution, rows })
  }

  #watch(): void {
    this.#context.usage.watch(this.#key, {
      metrics: this.#metrics,
      cgroups: this.#sources.map(({ cgroup }) => cgroup),
      onSample: (sample) => this.#sample(sample),
    })
    this.#timer = setInterval(() => {
      if (this.#panel.visible) void this.#look()
      if (this.#resolution === 'minute' && new Date().getSeconds() < devicesEvery / 1000) void this.#showHistory()
    }, devicesEvery)
  }

  #sample({ time, rows }: UsageSample): void {
    // A cgroup that is gone has nothing but null: its curve ends, and is not drawn as zero.
    this.#post({ type: 'sample', rows: rows.map((row) => [time, ...row]) })
  }

  /** What each disk reads and writes: what the counters grew by. */
  async #look(): Promise<void> {
    const { client } = this.#context.connection
    if (client === undefined) return
    const time = Date.now()
    const before = this.#devices
    const totals = new Map<string, Device>()
    const all = await Promise.all(
      this.#sources.map(async ({ cgroup }): Promise<Device[]> => {
        const details = await client.call('cgroups/inspect', { path: cgroup }).catch(() => undefined)
        return (details?.devices ?? []).map((total) => {
          const key = `${cgroup} ${total.device}`
          totals.set(key, total)
          const earlier = before?.totals.get(key) ?? total
          const seconds = Math.max(1, time - (before?.time ?? time)) / 1000
          const rate = (of: 'read' | 'written'): number => Math.max(0, total[of] - earlier[of]) / seconds
          return { device: total.device, read: rate('read'), written: rate('written') }
        })
      }),
    )
    this.#devices = { time, totals }
    this.#post({ type: 'devices', devices: all })
  }

  async #save({ format, content }: Extract<FromPage, { type: 'export' }>): Promise<void> {
    const name = `${this.#sources[0]?.name.replaceAll(/[^\w.-]/g, '_') ?? 'usage'}.${format}`
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri
    const target = await vscode.window.showSaveDialog({
      ...(folder !== undefined && { defaultUri: vscode.Uri.joinPath(folder, name) }),
      filters: { [format.toUpperCase()]: [format] },
    })
    if (target === undefined) return
    await vscode.workspace.fs.writeFile(target, Buffer.from(content, format === 'png' ? 'base64' : 'utf8'))
    this.#context.log.info(`wrote ${basename(target.path)}`)
  }
}

export function showUsage(context: ConnectedContext, sources: readonly UsageSource[]): void {
  new UsagePanel(context, sources)
}
