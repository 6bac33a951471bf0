/** A real VS Code window in a browser, driven as a person would. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser, type Locator, type Page } from 'playwright-core'
import { serveVsCode, type RunningServer } from '../../scripts/vscode-server.ts'
import { root } from './helper.ts'
import { within } from './within.ts'

const browserArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // The workbench asks for a gallery of extensions: nothing but this machine is to be reached.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
]

export const settings = {
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'chat.disableAIFeatures': true,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'security.workspace.trust.enabled': false,
  'window.commandCenter': false,
}

async function appears(what: Locator, timeout: number): Promise<boolean> {
  return await what.waitFor({ timeout }).then(
    () => true,
    () => false,
  )
}

export class VsCodeWindow {
  readonly page: Page
  readonly #browser: Browser
  readonly #server: RunningServer
  readonly #directory: string

  private constructor(page: Page, browser: Browser, server: RunningServer, directory: string) {
    this.page = page
    this.#browser = browser
    this.#server = server
    this.#directory = directory
  }

  /** `socket`: the helper that its extension talks to. `tests`: a suite that runs in it, started before it is loaded. */
  static async open(options: {
    socket: string
    settings?: Record<string, unknown>
    tests?: string
    prepare?: (page: Page) => Promise<void>
    prepareFolder?: (folder: string) => void
  }): Promise<VsCodeWindow> {
    const directory = mkdtempSync('/tmp/bulkhead-window-')
    const folder = join(directory, 'workspace')
    mkdirSync(folder)
    options.prepareFolder?.(folder)
    const server = await serveVsCode({
      data: join(directory, 'data'),
      env: { BULKHEAD_HOST: `unix://${options.socket}` },
      settings: { ...settings, ...options.settings },
    })
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: browserArguments })
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
    page.setDefaultTimeout(10_000)
    await options.prepare?.(page)
    const tests = options.tests === undefined ? {} : { tests: options.tests }
    await page.goto(server.url({ folder, extension: root, ...tests }))
    await page.waitForSelector('.monaco-workbench .activitybar', { timeout: 60_000 })
    return new VsCodeWindow(page, browser, server, directory)
  }

  /** A file of the folder that is open. */
  read(file: string): string {
    return readFileSync(join(this.#directory, 'workspace', file), 'utf8')
  }
  has(file: string): boolean {
    return existsSync(join(this.#directory, 'workspace', file))
  }

  async runCommand(title: string): Promise<void> {
    await this.page.keyboard.press('F1')
    const input = this.page.locator('.quick-input-widget:visible input[type="text"]')
    await input.fill(`>${title}`)
    const rows = this.page.locator('.quick-input-list .monaco-list-row')
    await rows.first().waitFor()
    // The best match is not always the very one.
    const exact = rows.filter({ has: this.page.getByText(title, { exact: true }) })
    if ((await exact.count()) > 0) await exact.first().click()
    else await this.page.keyboard.press('Enter')
  }

  /** Opens Bulkhead's side bar. */
  async openView(): Promise<void> {
    await this.page.locator('.activitybar .action-label[aria-label^="Bulkhead"]').click()
    await this.page
      .locator('.pane-header[aria-label*="Containers"], .composite.title:has-text("Bulkhead")')
      .first()
      .waitFor()
  }

  /** A row of the Containers view. */
  row(name: string) {
    const view = this.page.locator('.pane', { has: this.page.locator('.pane-header[aria-label^="Containers"]') })
    return view.locator('.monaco-list-row', { hasText: name })
  }

  /** Opens or closes a row; again where a view that was just then read anew has missed the click. */
  async toggle(row: Locator): Promise<void> {
    const before = await row.getAttribute('aria-expanded')
    for (let tries = 0; tries < 4; tries++) {
      await row.locator('.monaco-tl-twistie').click()
      for (let waits = 0; waits < 15; waits++) {
        await this.page.waitForTimeout(100)
        if ((await row.count()) > 0 && (await row.getAttribute('aria-expanded')) !== before) return
      }
    }
    throw new Error('a row neither opens nor closes')
  }

  /** Rests on a row until its hover is open; again where the row changed at that moment, which forgets the hover. */
  async hover(row: Locator, shown: Locator): Promise<void> {
    for (let tries = 0; tries < 5; tries++) {
      await this.page.mouse.move(900, 600)
      await this.page.waitForTimeout(700)
      await row.hover()
      if (await appears(shown, 3_000)) return
    }
    throw new Error('no hover opens')
  }

  /** Opens a row's context menu; answers its entries. `row`: the row itself, where its name is not enough. */
  async openMenu(name: string, row = this.row(name).first()): Promise<string[]> {
    // Away with a hover that lies over the rows.
    await this.page.mouse.move(900, 600)
    await this.page.locator('.monaco-hover:visible').waitFor({ state: 'hidden' })
    await row.click({ button: 'right' })
    const entries = this.page.locator('.monaco-menu .action-label:not(.separator)')
    await entries.first().waitFor()
    // The editor ignores what comes in a menu's first moments, lest a double click choose from it.
    await this.page.waitForTimeout(400)
    return (await entries.allInnerTexts()).filter(Boolean)
  }

  async closeMenu(): Promise<void> {
    await this.page.keyboard.press('Escape')
    await this.page.locator('.monaco-menu').waitFor({ state: 'detached' })
  }

  /** `opens`: what comes of it. The editor loses the choice where the row was being read anew at that moment: once more then. */
  async chooseFromMenu(name: string, entry: string, row = this.row(name).first(), opens?: Locator): Promise<void> {
    for (let tries = 0; tries < 3; tries++) {
      await this.#choose(name, entry, row)
      if (opens === undefined) return
      if (await appears(opens, 4_000)) return
    }
    throw new Error(`nothing comes of “${entry}”`)
  }

  async #choose(name: string, entry: string, row: Locator): Promise<void> {
    await this.openMenu(name, row)
    const item = this.page.locator('.monaco-menu .action-label', { hasText: new RegExp(`^${entry}…?$`) })
    const menu = this.page.locator('.monaco-menu')
    // On a busy machine a click may still fall into the moments that the menu ignores.
    for (let tries = 0; tries < 4 && (await menu.count()) > 0; tries++) {
      await item.click()
      await menu.waitFor({ state: 'detached', timeout: 1_000 }).catch(() => undefined)
    }
    await menu.waitFor({ state: 'detached' })
  }

  /** Kept under the git-ignored test/output, to be looked at. */
  async screenshot(name: string): Promise<void> {
    mkdirSync(join(root, 'test/output'), { recursive: true })
    await this.page.waitForTimeout(250) // what fades in has come
    await this.page.screenshot({ path: join(root, 'test/output', `${name}.png`) })
  }

  async close(): Promise<void> {
    await within(15_000, 'closing the browser', this.#browser.close())
    const exited = new Promise((resolve) => this.#server.process.once('exit', resolve))
    this.#server.process.kill('SIGTERM')
    const timer = setTimeout(() => this.#server.process.kill('SIGKILL'), 5_000)
    await within(15_000, 'the end of VS Code’s server', exited)
    clearTimeout(timer)
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 })
  }
}
