import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { settings } from '../../extension/contributions.ts'
import { TestHelper } from '../support/helper.ts'
import { VsCodeWindow } from '../support/window.ts'

/** Each theme once: what is ugly in one may be fine in the other. */
for (const [theme, label] of [
  ['dark', 'Default Dark Modern'],
  ['light', 'Default Light Modern'],
] as const)
  describe(`the window, ${theme}`, function () {
    this.timeout(90_000)
    let helper: TestHelper
    let window: VsCodeWindow
    before(async () => {
      helper = await TestHelper.start()
      await helper.importBusybox()
      // What its Start Helper button starts keeps its state in the test's folder, too.
      const state = ['--state', join(helper.directory, 'state-of-button')]
      window = await VsCodeWindow.open({
        socket: helper.socket,
        settings: { 'workbench.colorTheme': label, [settings.helperArguments]: state },
      })
      await window.openView()
    })
    after(async () => {
      await window.close()
      await helper.stop()
    })
    afterEach(async function () {
      if (this.currentTest?.state === 'failed') await window.screenshot(`${theme}-failed`)
    })

    it('says what a container is when there is none, with one button', async () => {
      await window.page.locator('.welcome-view-content', { hasText: 'No containers' }).waitFor()
      assert.equal(await window.page.locator('.welcome-view-content .monaco-button:visible').count(), 1)
      await window.screenshot(`${theme}-1-empty`)
    })

    it('runs a container from the palette: image, command, ports, folders, limits', async () => {
      const { page } = window
      await window.runCommand('Bulkhead: Run Container')
      const list = page.locator('.quick-input-list .monaco-list-row')
      await list.filter({ hasText: 'busybox' }).waitFor()
      await window.screenshot(`${theme}-2-pick-image`)
      await list.filter({ hasText: 'busybox' }).click()
      const input = page.locator('.quick-input-widget:visible input[type="text"]')
      await page.locator('.quick-input-title', { hasText: '2/5' }).waitFor()
      await input.fill('sleep 1000 | cat')
      await page.locator('.quick-input-message', { hasText: 'need a shell' }).waitFor()
      await input.fill('sleep 1000')
      await page.keyboard.press('Enter')
      await page.locator('.quick-input-title', { hasText: '3/5' }).waitFor()
      await input.fill('8080')
      await page.locator('.quick-input-widget .codicon-quick-input-back').click()
      await page.locator('.quick-input-title', { hasText: '2/5' }).waitFor()
      assert.equal(await input.inputValue(), 'sleep 1000', 'the way back keeps what was typed')
      await page.keyboard.press('Enter')
      await page.locator('.quick-input-title', { hasText: '3/5' }).waitFor()
      await input.fill('80:no')
      await page.locator('.quick-input-message', { hasText: 'is no port' }).waitFor()
      await input.fill('8000:80')
      await page.keyboard.press('Enter')
      await page.locator('.quick-input-title', { hasText: '4/5' }).waitFor()
      await input.fill('data:/data .:/work')
      await page.keyboard.press('Enter')
      await page.locator('.quick-input-title', { hasText: '5/5' }).waitFor()
      await input.fill('memory=64m pids=20')
      await window.screenshot(`${theme}-3-limits`)
      await page.keyboard.press('Enter')
      await window.row('8000→80').waitFor()
      const { memory } = await limitsOfOnly(helper)
      assert.equal(memory, 64 << 20)
    })

    it('counts it on the icon and at the window’s foot', async () => {
      const { page } = window
      await page
        .locator('.activitybar .action-item', { hasText: '1' })
        .locator('.badge-content:has-text("1")')
        .first()
        .waitFor()
      await page
        .locator('#bulkhead\\.bulkhead\\.bulkhead\\.running, [id*="bulkhead.running"]', { hasText: '1' })
        .first()
        .waitFor()
      assert.match(
        (await window.row('8000→80').getAttribute('aria-label'))!,
        /container .*, running, ports 8000→80, image busybox/,
      )
    })

    it('shows what is done elsewhere', async () => {
      await helper.cli('run', '-d', '--name', 'elsewhere', 'busybox', 'sleep', '1000')
      await helper.cli('run', '--name', 'failed', 'busybox', 'sh', '-c', 'echo some output; exit 3')
      await window.row('elsewhere').waitFor()
      await window.row('failed').filter({ hasText: 'exited (3)' }).waitFor()
      await helper.cli('pause', 'elsewhere')
      await window.row('elsewhere').filter({ hasText: 'paused' }).waitFor()
      await window.row('failed').hover()
      await window.page.locator('.monaco-hover', { hasText: 'exited (3)' }).waitFor()
      await window.screenshot(`${theme}-4-rows`)
    })

    it('offers in a row’s menu what makes sense there', async () => {
      const entries = await window.openMenu('elsewhere')
      assert.deepEqual(entries, [
        'Show Start Trace',
        'View Logs',
        'Inspect',
        'Copy Id',
        'Show What It Shares',
        'Show Usage',
        'Show in Cgroups',
        'Pin to Status Bar',
        'Compare Namespaces…',
        'Attach',
        'Unpause',
        'Restart',
        'Stop',
        'Commit to Image…',
        'Export File System…',
        'Copy Files into Container…',
        'Minimize…',
        'Edit Limits…',
        'Rename…',
        'Connect to Network…',
        'Enter Namespaces…',
        'Kill',
        'Remove…',
      ])
      await window.screenshot(`${theme}-5-menu`)
      await window.closeMenu()
    })

    it('shows how a container came to be', async () => {
      const { page } = window
      await window.chooseFromMenu('elsewhere', 'Show Start Trace')
      const frame = page.frameLocator('iframe.webview.ready').frameLocator('iframe#active-frame')
      await frame.locator('h1', { hasText: 'How elsewhere came to be' }).waitFor()
      for (const step of ['new namespaces', 'mount overlay', 'pivot root', 'install seccomp filter', 'exec'])
        assert.equal(await frame.locator('tbody th', { hasText: step }).first().isVisible(), true, step)
      const bars = await frame
        .locator('rect')
        .evaluateAll((all) =>
          all.map(
            (bar) => (bar as unknown as { getBoundingClientRect(): { width: number } }).getBoundingClientRect().width,
          ),
        )
      assert.ok(bars.length > 30 && bars.every((width) => width > 0))
      await window.screenshot(`${theme}-6-trace`)
    })

    it('shows a container’s log in a terminal', async () => {
      await window.chooseFromMenu('failed', 'View Logs')
      await window.page
        .locator('.terminal-tab, .single-terminal-tab, .monaco-list-row', { hasText: 'Log of failed' })
        .first()
        .waitFor()
      await window.page.waitForTimeout(500)
      await window.screenshot(`${theme}-7-log`)
    })

    it('attaches a shell to a container', async () => {
      const { page } = window
      await helper.cli('unpause', 'elsewhere')
      await window.row('elsewhere').filter({ hasNotText: 'paused' }).waitFor()
      await window.row('elsewhere').hover()
      await window.row('elsewhere').locator('.action-label[aria-label="Attach Shell"]').click()
      await page
        .locator('.terminal-tab, .single-terminal-tab, .monaco-list-row', { hasText: 'elsewhere' })
        .first()
        .waitFor()
      await page.waitForTimeout(1_500) // shown, it has the keyboard
      await page.keyboard.type('stty size > /size; echo typed > /typed; exit 0\n')
      for (let tries = 0; tries < 40; tries++) {
        if ((await helper.cli('exec', 'elsewhere', 'cat', '/typed')).stdout === 'typed\n') break
        await page.waitForTimeout(100)
      }
      assert.equal((await helper.cli('exec', 'elsewhere', 'cat', '/typed')).stdout, 'typed\n')
      assert.match((await helper.cli('exec', 'elsewhere', 'cat', '/size')).stdout, /^\d{1,2} \d{2,3}\n$/)
      await helper.cli('pause', 'elsewhere')
      await window.row('elsewhere').filter({ hasText: 'paused' }).waitFor()
    })

    it('stops a container by its button', async () => {
      const row = window.row('8000→80').first()
      await helper.cli('unpause', 'elsewhere')
      await window.row('elsewhere').filter({ hasNotText: 'paused' }).waitFor()
      await row.hover()
      await row.locator('.action-label[aria-label="Stop"]').click()
      await window.row('exited (137)').first().waitFor({ timeout: 15_000 })
    })

    it('removes one after asking', async () => {
      const { page } = window
      await window.row('failed').hover()
      await window.row('failed').locator('.action-label[aria-label="Remove…"]').click()
      await page.locator('.monaco-dialog-box', { hasText: 'Remove container “failed”?' }).waitFor()
      await window.screenshot(`${theme}-8-remove`)
      await page.locator('.monaco-dialog-box .monaco-button', { hasText: 'Remove' }).click()
      await window.row('failed').waitFor({ state: 'detached' })
    })

    it('says that the helper is gone, and starts it with its button', async () => {
      const { page } = window
      await helper.kill('SIGKILL')
      await page.locator('.welcome-view-content', { hasText: 'helper does not run' }).waitFor()
      await window.screenshot(`${theme}-9-absent`)
      // The window is root's here, so the button starts it at once.
      await page.locator('.welcome-view-content .monaco-button:visible', { hasText: 'Start Helper' }).click()
      await page.locator('.welcome-view-content', { hasText: 'helper does not run' }).waitFor({ state: 'detached' })
      // End it, and go on with the test's own.
      const pid = Number((await helper.cli('version', '--format', 'json')).stdout.match(/"pid":(\d+)/)![1])
      process.kill(pid, 'SIGTERM')
      while (isAlive(pid)) await page.waitForTimeout(20)
      await helper.start()
      await window.row('elsewhere').waitFor()
    })

    it('says how to be permitted', async () => {
      const { page } = window
      await helper.kill('SIGKILL')
      const refuser = await refuseEverybody(helper.socket)
      await page.locator('.welcome-view-content', { hasText: 'you may not ask it' }).waitFor({ timeout: 20_000 })
      await window.screenshot(`${theme}-10-not-permitted`)
      await refuser.close()
      rmSync(helper.socket, { force: true })
      await helper.start()
      await window.row('elsewhere').waitFor({ timeout: 20_000 })
    })
  })

async function limitsOfOnly(helper: TestHelper): Promise<{ memory: number }> {
  const client = await helper.client()
  const [only] = await client.call('containers/list')
  const inspected = (await client.call('containers/inspect', { container: only!.id })) as {
    specification: { linux: { resources: { memory: { limit: number } } } }
  }
  return { memory: inspected.specification.linux.resources.memory.limit }
}

/** One that has ended is a zombie until its parent looks. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** What a helper answers to a user who is not in its group, told to everybody. */
async function refuseEverybody(socket: string): Promise<{ close(): Promise<void> }> {
  const { createServer } = await import('node:http')
  rmSync(socket, { force: true })
  const server = createServer()
  server.on('upgrade', (_request, connection) => connection.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n'))
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return { close: () => new Promise((resolve) => server.close(() => resolve())) }
}
