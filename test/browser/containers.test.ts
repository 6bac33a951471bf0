import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TestHelper } from '../support/helper.ts'
import { VsCodeWindow } from '../support/window.ts'

for (const [theme, label] of [
  ['dark', 'Default Dark Modern'],
  ['light', 'Default Light Modern'],
] as const)
  describe(`the Containers view, ${theme}`, function () {
    this.timeout(90_000)
    let helper: TestHelper
    let window: VsCodeWindow
    before(async () => {
      helper = await TestHelper.start()
      await helper.importBusybox()
      const project = ['-l', 'com.docker.compose.project=shop']
      await helper.ok('network', 'create', 'backend')
      await helper.ok(
        ...['run', '-d', '--name', 'shop-web-1', ...project, '-l', 'com.docker.compose.service=web', '-l', 'team=red'],
        ...['-p', '8080:80', '-v', 'site:/srv', '--network', 'backend', '-e', 'API_TOKEN=hunter2', '-e', 'MODE=demo'],
        ...['--health-cmd', 'true', '--health-interval', '200ms', '-m', '64m'],
        ...[
          'busybox',
          'sh',
          '-c',
          'echo served > /srv/index; while true; do echo "\x1b[32mGET\x1b[0m /"; echo other; sleep 1; done',
        ],
      )
      await helper.ok(
        'run',
        '-d',
        '--name',
        'shop-db-1',
        ...project,
        '-l',
        'com.docker.compose.service=db',
        '--network',
        'backend',
        'busybox',
        'sleep',
        '1000',
      )
      await helper.ok('run', '-d', '--name', 'alone', '-i', 'busybox', 'cat')
      window = await VsCodeWindow.open({
        socket: helper.socket,
        settings: { 'workbench.colorTheme': label },
        prepareFolder: (folder) => {
          mkdirSync(join(folder, '.vscode'))
          writeFileSync(join(folder, 'here.txt'), 'workspace\n')
          const task = {
            type: 'bulkhead',
            label: 'build inside',
            action: 'run',
            image: 'busybox',
            command: ['sh', '-c', 'cat here.txt; echo "$PWD/here.txt:1:2: error: made up" | tee result.txt'],
            problemMatcher: {
              owner: 'inside',
              fileLocation: 'absolute',
              pattern: { regexp: '^(.*):(\\d+):(\\d+): error: (.*)$', file: 1, line: 2, column: 3, message: 4 },
            },
          }
          writeFileSync(join(folder, '.vscode/tasks.json'), JSON.stringify({ version: '2.0.0', tasks: [task] }))
        },
      })
      await window.openView()
      // The whole height for the containers.
      await window.page.locator('.pane-header[aria-label^="Layers"]').click()
    })
    after(async () => {
      await window.close()
      await helper.stop()
    })
    afterEach(async function () {
      if (this.currentTest?.state === 'failed') await window.screenshot(`${theme}-containers-failed`)
    })

    /** A row by the beginning of what a screen reader says of it. */
    const row = (text: string) =>
      window.page
        .locator('.pane', { has: window.page.locator('.pane-header[aria-label^="Containers"]') })
        .locator(`.monaco-list-row[aria-label^="${text}"]`)
        .first()
    const expand = (text: string) => window.toggle(row(text))
    const input = () => window.page.locator('.quick-input-widget:visible input[type="text"]')
    const terminal = () => window.page.locator('.terminal-wrapper.active, .terminal-outer-container').first()
    async function untilFile(...args: string[]): Promise<string> {
      for (let tries = 0; tries < 60; tries++) {
        const { code, stdout } = await helper.cli(...args)
        if (code === 0 && stdout !== '') return stdout
        await window.page.waitForTimeout(100)
      }
      return ''
    }

    it('groups by Compose project, with ports and ages, and says how many run', async () => {
      await row('group shop, 2 containers').waitFor()
      await row('container shop-web-1, running, ports 8080→80').waitFor()
      assert.match(await row('container shop-web-1').innerText(), /web[\s\S]*busybox · 8080→80 · \d+s/)
      await row('container alone').waitFor()
      await row('container shop-db-1')
        .filter({ hasText: /[▁-█] \d/ })
        .waitFor()
      await window.screenshot(`${theme}-containers-1-groups`)
    })

    it('shows what is inside: live processes, mounts, network and ports, environment, health', async () => {
      await expand('container shop-web-1')
      for (const part of ['Processes', 'Mounts', 'Networks and ports', 'Environment', 'Health'])
        await row(`${part} of container shop-web-1`).waitFor()
      await expand('Processes of')
      await row('process 1, sh -c').waitFor()
      await row('process 1, sh -c').filter({ hasText: '%' }).waitFor()
      await expand('Processes of')
      for (const part of ['Mounts of', 'Networks and ports of', 'Environment of']) await expand(part)
      await row('mount /srv, from site').waitFor()
      await row('network backend, address 10.208.').waitFor()
      await row('port 8080 of the host leads to port 80').waitFor()
      await row('variable MODE').filter({ hasText: 'demo' }).waitFor()
      const secret = row('variable API_TOKEN')
      assert.match(await secret.innerText(), /••••••/)
      await secret.hover()
      await secret.locator('.action-label[aria-label="Show or Hide Value"]').click()
      await row('variable API_TOKEN').filter({ hasText: 'hunter2' }).waitFor()
      await window.screenshot(`${theme}-containers-2-inside`)
      for (const part of ['Mounts of', 'Networks and ports of', 'Environment of']) await expand(part)
      await expand('Health of')
      await row('health check, healthy').waitFor()
      await expand('Health of')
      await expand('container shop-web-1')
    })

    it('tells more when the mouse rests on a row', async () => {
      const hover = window.page.locator('.monaco-hover', { hasText: 'backend' })
      await window.hover(row('container shop-web-1'), hover)
      assert.match(await hover.innerText(), /Health\s+healthy/)
      await window.screenshot(`${theme}-containers-3-tooltip`)
    })

    it('filters as one types, and says so until it is cleared', async () => {
      await window.runCommand('Bulkhead: Filter Containers')
      await input().fill('red')
      await row('container alone').waitFor({ state: 'detached' })
      await window.page.keyboard.press('Enter')
      await row('container shop-web-1').waitFor()
      assert.equal(await row('container shop-db-1').count(), 0)
      await window.page.locator('.pane-header', { hasText: 'filter: red' }).waitFor()
      await window.screenshot(`${theme}-containers-4-filter`)
      await window.runCommand('Bulkhead: Clear Filter')
      await row('container alone').waitFor()
    })

    it('shows networks and volumes, and browses a volume', async () => {
      await expand('Networks, 2')
      await row('network backend, 2 containers').waitFor()
      await expand('Volumes, 1')
      await expand('volume site')
      await row('index, ').click()
      await window.page.locator('.editor-instance .view-line', { hasText: 'served' }).waitFor()
      await window.screenshot(`${theme}-containers-5-shared`)
      await expand('Networks, 2')
      await expand('Volumes, 1')
      await window.runCommand('Bulkhead: Create Volume')
      await input().fill('fresh')
      await window.page.keyboard.press('Enter')
      await row('Volumes, 2').waitFor()
      await window.runCommand('View: Close All Editors')
    })

    it('follows a log: colours, time stamps, a filter', async () => {
      const { page } = window
      await window.chooseFromMenu('web', 'View Logs', row('container shop-web-1'))
      await page
        .locator('.terminal-tab, .single-terminal-tab, .monaco-list-row', { hasText: 'Log of shop-web-1' })
        .first()
        .waitFor()
      await page.waitForTimeout(1500)
      await terminal().click()
      await page.keyboard.press('f')
      await input().fill('get')
      await page.keyboard.press('Enter')
      await page.waitForTimeout(300)
      await page.keyboard.press('t')
      await page.waitForTimeout(1200)
      await window.screenshot(`${theme}-containers-6-log`)
      await window.runCommand('Terminal: Kill All Terminals')
    })

    it('attaches to a container: what is typed reaches it, and closing leaves it running', async () => {
      const { page } = window
      await window.chooseFromMenu('alone', 'Attach', row('container alone'))
      await page
        .locator('.terminal-tab, .single-terminal-tab, .monaco-list-row', { hasText: 'alone (attached)' })
        .first()
        .waitFor()
      await page.waitForTimeout(1000)
      await terminal().click()
      await page.keyboard.type('typed\n')
      assert.match(await untilFile('logs', 'alone'), /typed/)
      await window.runCommand('Terminal: Kill All Terminals')
      await row('container alone, running').waitFor()
    })

    it('changes limits at once', async () => {
      await window.chooseFromMenu('web', 'Edit Limits', row('container shop-web-1'))
      assert.equal(await input().inputValue(), 'memory=64m')
      await input().fill('memory=96m pids=30')
      await window.screenshot(`${theme}-containers-7-limits`)
      await window.page.keyboard.press('Enter')
      await window.page.waitForTimeout(300)
      const limit = await helper.ok('exec', 'shop-web-1', 'cat', '/sys/fs/cgroup/memory/memory.limit_in_bytes')
      assert.equal(limit.trim(), String(96 << 20))
    })

    it('runs a task in a container, whose problems lead to files of the folder', async () => {
      const { page } = window
      await window.runCommand('Tasks: Run Task')
      await page.locator('.quick-input-list .monaco-list-row', { hasText: 'build inside' }).first().click()
      await page.waitForTimeout(1500)
      await window.screenshot(`${theme}-containers-8-task`)
      await window.runCommand('Problems: Focus on Problems View')
      await page.locator('.markers-panel .monaco-list-row', { hasText: 'made up' }).waitFor()
      assert.match(window.read('result.txt'), /here\.txt:1:2: error/)
      await window.screenshot(`${theme}-containers-9-problems`)
      await window.runCommand('Terminal: Kill All Terminals')
    })

    it('opens a throw-away shell: the folder is real, the rest is not', async () => {
      const { page } = window
      await window.runCommand('Terminal: Create New Terminal (With Profile)')
      await page.locator('.quick-input-list .monaco-list-row', { hasText: 'throw-away' }).first().click()
      await page.waitForTimeout(2500)
      await terminal().click()
      await page.keyboard.type('touch /etc/thrown kept.txt; ls /etc/thrown kept.txt\n')
      for (let tries = 0; tries < 50 && !window.has('kept.txt'); tries++) await page.waitForTimeout(100)
      await page.waitForTimeout(300)
      await window.screenshot(`${theme}-containers-10-throwaway`)
      assert.ok(window.has('kept.txt'))
      await window.runCommand('Terminal: Kill All Terminals')
      await row('container shop-web-1').waitFor()
    })

    it('warns of a container that ends again and again, and of one without memory', async () => {
      const { page } = window
      await helper.ok('run', '-d', '--name', 'looping', '--network', 'none', '--restart', 'always', 'busybox', 'false')
      // This browser shows no toasts: what they say is in the notification center.
      await window.runCommand('Notifications: Show Notifications')
      const warning = page.locator('.notifications-center .notification-list-item', {
        hasText: '“looping” ends again and again',
      })
      await warning.waitFor()
      await window.screenshot(`${theme}-containers-11-warning`)
      await warning.locator('.monaco-button', { hasText: 'Stop' }).click()
      await row('container looping, exited').waitFor()
      await helper.cli(
        'run',
        '--name',
        'hungry',
        '--network',
        'none',
        '-m',
        '8m',
        'busybox',
        'sh',
        '-c',
        'tail /dev/zero',
      )
      await window.runCommand('Notifications: Show Notifications')
      await page
        .locator('.notifications-center .notification-list-item', { hasText: '“hungry” ran out of memory' })
        .waitFor()
    })

    it('stops, starts and removes many at once', async () => {
      const { page } = window
      await window.chooseFromMenu('shop', 'Stop', row('group shop'))
      await row('container shop-web-1, exited').waitFor({ timeout: 30_000 })
      await row('container shop-db-1, exited').waitFor({ timeout: 30_000 })
      await row('container shop-db-1').click()
      await row('container shop-web-1').click({ modifiers: ['Control'] })
      await window.chooseFromMenu('web', 'Remove', row('container shop-web-1'))
      await page.locator('.monaco-dialog-box', { hasText: 'Remove 2 containers?' }).waitFor()
      await page.locator('.monaco-dialog-box .monaco-button', { hasText: 'Remove' }).click()
      await row('group shop').waitFor({ state: 'detached' })
    })
  })
