import assert from 'node:assert/strict'
import { CgroupTree } from '../support/cgroupTree.ts'
import { until } from '../support/until.ts'
import { TestHelper } from '../support/helper.ts'
import { VsCodeWindow } from '../support/window.ts'

for (const [theme, label] of [
  ['dark', 'Default Dark Modern'],
  ['light', 'Default Light Modern'],
] as const)
  describe(`namespaces, cgroups and graphs, ${theme}`, function () {
    this.timeout(120_000)
    let helper: TestHelper
    let window: VsCodeWindow
    let tree: CgroupTree
    /** The cgroup of this helper's containers. */
    let parent = ''
    before(async () => {
      helper = await TestHelper.start()
      await helper.importBusybox()
      await helper.ok(
        'run',
        '-d',
        '--name',
        'burner',
        '-m',
        '64m',
        '--cpus',
        '0.3',
        'busybox',
        'sh',
        '-c',
        'while true; do :; done',
      )
      await helper.ok(
        'run',
        '-d',
        '--name',
        'joined',
        '--network',
        'container:burner',
        'busybox',
        'nc',
        '-l',
        '-p',
        '8080',
      )
      const write = 'while true; do dd if=/dev/zero of=/x bs=1M count=5 oflag=direct 2>/dev/null; sleep 1; done'
      await helper.ok('run', '-d', '--name', 'writer', 'busybox', 'sh', '-c', write)
      parent = (await (await helper.client()).call('version')).cgroupParent
      tree = new CgroupTree(`browser-${theme}`)
      tree.make('/worker')
      tree.run('/worker', 'sleep', ['1000'])
      window = await VsCodeWindow.open({ socket: helper.socket, settings: { 'workbench.colorTheme': label } })
      await window.openView()
      await fold('Layers')
    })
    after(async () => {
      await window.close()
      await tree.close(['/worker'])
      await helper.stop()
    })
    afterEach(async function () {
      if (this.currentTest?.state !== 'failed') return
      await window.screenshot(`${theme}-observed-failed`)
      await closeEditors()
    })

    const header = (name: string) => window.page.locator(`.pane-header[aria-label^="${name}"]`)
    const fold = async (name: string): Promise<void> => {
      await header(name).click()
      await window.page.waitForTimeout(300)
    }
    /** A row by a part of what a screen reader says of it. */
    const row = (view: string, text: string) =>
      window.page
        .locator('.pane', { has: header(view) })
        .locator(`.monaco-list-row[aria-label*="${text}"]`)
        .first()
    const input = () => window.page.locator('.quick-input-widget:visible input[type="text"]')
    const closeEditors = () => window.runCommand('View: Close All Editors')
    /** The page of the one editor that is open. */
    const frame = (titled: string) =>
      window.page.frameLocator('iframe.webview.ready').frameLocator(`iframe#active-frame[title="${titled}"]`)

    it('shows on a container’s row what it uses, and a graph in its hover', async () => {
      const burner = row('Containers', 'container burner')
      await burner.filter({ hasText: /[▁-█] (?:2|3)\d %/ }).waitFor()
      await window.screenshot(`${theme}-observed-1-rows`)
      await window.page.waitForTimeout(2000)
      await window.hover(burner, window.page.locator('.monaco-hover img[src^="data:image/svg+xml"]').first())
      const hover = await window.page.locator('.monaco-hover:visible').allInnerTexts()
      const words = hover.join('\n').replaceAll('\u00A0', ' ')
      assert.match(words, /CPU, last \d+s: min .+ · avg (?:2|3)\d % · max .+ · limit 30 %/)
      assert.match(words, /Memory, last \d+s: min .+ · limit 67\.1 MB/)
      await window.screenshot(`${theme}-observed-2-hover`)
      await window.page.mouse.move(900, 600)
    })

    it('pins a container to the window’s foot', async () => {
      await window.chooseFromMenu('burner', 'Pin to Status Bar', row('Containers', 'container burner'))
      const item = window.page.locator('.statusbar-item', { hasText: /burner [▁-█]+ \d+ %/ })
      await item.waitFor()
      await window.runCommand('Bulkhead: Unpin from Status Bar')
      await item.waitFor({ state: 'detached' })
    })

    it('draws what containers use: live, paused, overlaid, in another range', async () => {
      await window.chooseFromMenu('burner', 'Show Usage', row('Containers', 'container burner'))
      const page = frame('Usage of burner')
      await page
        .locator('figure[data-chart="cpu"][aria-label*="used 3"], figure[data-chart="cpu"][aria-label*="used 2"]')
        .waitFor()
      await window.page.waitForTimeout(3000)
      assert.match(
        (await page.locator('figure[data-chart="cpu"]').getAttribute('aria-label'))!,
        /throttled \d+ %, limit 30 %/,
      )
      await page.locator('.events li', { hasText: 'throttled' }).waitFor()
      await window.screenshot(`${theme}-observed-3-usage`)
      await page.locator('button', { hasText: 'Pause' }).click()
      await page.locator('button', { hasText: 'Resume' }).waitFor()
      await page.locator('summary').click()
      await page.locator('tr', { hasText: 'Memory: used' }).waitFor()
      await page.locator('button', { hasText: 'Resume' }).click()
      await page.locator('button', { hasText: '24 hours' }).click()
      await page.locator('button[aria-pressed="true"]', { hasText: '24 hours' }).waitFor()
      await page.locator('figure').first().focus()
      await window.page.keyboard.press('+')
      await page.locator('button:enabled', { hasText: 'Reset Zoom' }).waitFor()
      await window.page.keyboard.press('Escape')
      await page.locator('button:disabled', { hasText: 'Reset Zoom' }).waitFor()
      const plot = (await page.locator('figure[data-chart="cpu"] .u-over').boundingBox())!
      await window.page.mouse.move(plot.x + plot.width * 0.6, plot.y + plot.height / 2)
      await window.page.mouse.down()
      await window.page.mouse.move(plot.x + plot.width * 0.9, plot.y + plot.height / 2, { steps: 5 })
      await window.page.mouse.up()
      await page.locator('button:enabled', { hasText: 'Reset Zoom' }).click()
      await page.locator('button:disabled', { hasText: 'Reset Zoom' }).waitFor()
      await closeEditors()
      await row('Containers', 'container writer').click()
      await row('Containers', 'container burner').click({ modifiers: ['Control'] })
      await window.chooseFromMenu('burner', 'Show Usage', row('Containers', 'container burner'))
      const both = frame('Usage of writer, burner')
      await both.locator('.legend li', { hasText: 'writer' }).waitFor()
      await both.locator('figure[data-chart="io"] .value', { hasText: 'writer, written' }).waitFor()
      await window.page.waitForTimeout(3000)
      await window.screenshot(`${theme}-observed-4-overlaid`)
      await closeEditors()
    })

    it('saves a graph as CSV, PNG and SVG', async () => {
      // Of it alone: what is selected goes along.
      await row('Containers', 'container writer').click()
      await window.chooseFromMenu('writer', 'Show Usage', row('Containers', 'container writer'))
      const page = frame('Usage of writer')
      await page.locator('figure[data-chart="io"] .value').first().waitFor()
      for (const [format, starts] of [
        ['CSV', 'time,name,cpu,memory'],
        ['SVG', '<svg xmlns'],
        ['PNG', '\u{fffd}PNG'],
      ] as const) {
        await page.locator('button', { hasText: format }).click()
        const file = `writer.${format.toLowerCase()}`
        // The dialog suggests a name of its own first.
        await until('the suggested path', async () => (await input().inputValue()).endsWith(file))
        await window.page.keyboard.press('Enter')
        await until(file, () => window.has(file))
        await until('its content', () => window.read(file).startsWith(starts))
      }
      await closeEditors()
    })

    it('shows what a container shares, and what a virtual machine would have to own', async () => {
      await row('Containers', 'container burner').click()
      await window.chooseFromMenu('burner', 'Show What It Shares', row('Containers', 'container burner'))
      const page = frame('Shared by burner')
      await page.locator('h1', { hasText: 'What burner shares' }).waitFor()
      await page.locator('tr', { hasText: 'Network (joined)' }).waitFor()
      assert.match(await page.locator('tr', { hasText: 'Kernel' }).innerText(), /Linux \d.*MB, a kernel of its own/s)
      await window.screenshot(`${theme}-observed-5-shares`)
      await closeEditors()
    })

    it('compares the namespaces of two containers', async () => {
      await row('Containers', 'container burner').click()
      await row('Containers', 'container joined').click({ modifiers: ['Control'] })
      await window.chooseFromMenu('joined', 'Compare Namespaces', row('Containers', 'container joined'))
      const page = frame('burner and joined')
      await page.locator('.sign.shared').waitFor()
      assert.equal(await page.locator('.sign.own').count(), 7)
      await window.screenshot(`${theme}-observed-6-compared`)
      await closeEditors()
    })

    it('shows namespaces by kind and by process, what is inside, and follows a new one', async () => {
      await fold('Containers')
      await fold('Namespaces')
      await window.toggle(row('Namespaces', 'Network, '))
      await window.toggle(row('Namespaces', 'of burner, joined'))
      await window.toggle(row('Namespaces', 'Listening sockets, 1'))
      await row('Namespaces', ':8080').filter({ hasText: 'nc (' }).waitFor()
      await window.toggle(row('Namespaces', 'Links, 2'))
      await row('Namespaces', 'eth0').waitFor()
      await window.screenshot(`${theme}-observed-7-namespaces`)
      await window.toggle(row('Namespaces', 'Network, '))
      await window.toggle(row('Namespaces', 'User, '))
      await window.toggle(row('Namespaces', 'of host'))
      await row('Namespaces', 'of writer').waitFor()
      await window.toggle(row('Namespaces', 'of writer'))
      await row('Namespaces', '0 to 65535 inside are').waitFor()
      await window.screenshot(`${theme}-observed-8-users`)
      await window.toggle(row('Namespaces', 'User, '))
      await helper.ok('run', '-d', '--name', 'later', '--network', 'none', 'busybox', 'sleep', '1000')
      await window.runCommand('Bulkhead: Look at Namespaces by Process')
      await row('Namespaces', 'later, 1 process').waitFor()
      await window.toggle(row('Namespaces', 'burner, 1 process'))
      await window.toggle(row('Namespaces', 'here, 1 inside, sh'))
      await row('Namespaces', 'of burner, joined').filter({ hasText: 'shared with joined' }).waitFor()
      await window.screenshot(`${theme}-observed-9-processes`)
      await window.runCommand('Bulkhead: Look at Namespaces by Kind')
      await row('Namespaces', 'Mount, ').waitFor()
    })

    it('enters namespaces in a terminal', async () => {
      await window.runCommand('Bulkhead: Look at Namespaces by Process')
      const choices = window.page.locator('.quick-input-list .monaco-list-row')
      await window.chooseFromMenu('later', 'Enter Namespaces', row('Namespaces', 'later, 1 process'), choices.first())
      await window.screenshot(`${theme}-observed-10-enter`)
      await window.page.locator('.quick-input-widget:visible .monaco-button', { hasText: 'OK' }).click()
      await window.page.waitForTimeout(1500)
      await window.page.locator('.terminal-wrapper.active, .terminal-outer-container').first().click()
      await window.page.keyboard.type('hostname > /entered; exit\n')
      const hostname = await until('a file inside', async () => {
        const { code, stdout } = await helper.cli('exec', 'later', 'cat', '/entered')
        return code === 0 && stdout.trim() !== '' && stdout.trim()
      })
      assert.equal(hostname, (await helper.ok('exec', 'later', 'hostname')).trim())
      await window.runCommand('Terminal: Kill All Terminals')
      await window.runCommand('Bulkhead: Look at Namespaces by Kind')
      await fold('Namespaces')
    })

    it('shows the tree of cgroups with curves, limits one after a question, and undoes it', async () => {
      await fold('Cgroups')
      await window.toggle(row('Cgroups', `cgroup ${tree.path},`))
      const worker = row('Cgroups', `cgroup ${tree.path}/worker,`)
      await worker.filter({ hasText: /▁ 0\.0 %/ }).waitFor()
      await window.toggle(row('Cgroups', `cgroup ${parent},`))
      await row('Cgroups', 'container burner')
        .filter({ hasText: /(?:2|3)\d %/ })
        .waitFor()
      await window.screenshot(`${theme}-observed-11-cgroups`)
      const memory = window.page.locator('.quick-input-list .monaco-list-row', { hasText: 'Memory' }).first()
      await window.chooseFromMenu('worker', 'Edit Limit', worker, memory)
      await memory.click()
      await input().fill('48m')
      await window.page.keyboard.press('Enter')
      const dialog = window.page.locator('.monaco-dialog-box', { hasText: 'not a cgroup of Bulkhead' })
      await dialog.waitFor()
      await window.screenshot(`${theme}-observed-12-question`)
      await dialog.locator('.monaco-button', { hasText: 'Change' }).click()
      const limit = () => tree.read('memory', '/worker', 'memory.limit_in_bytes')
      await until('the limit', () => limit() === String(48 << 20))
      await window.runCommand('Notifications: Show Notifications')
      const said = window.page.locator('.notifications-center .notification-list-item', { hasText: 'is now 50.3 MB' })
      await said.locator('.monaco-button', { hasText: 'Undo' }).click()
      await until('the limit to be gone', () => Number(limit()) > 2 ** 62)
    })

    it('freezes, thaws and kills what is in a cgroup', async () => {
      const worker = row('Cgroups', `cgroup ${tree.path}/worker,`)
      const state = () => tree.read('freezer', '/worker', 'freezer.state')
      for (const [command, wanted] of [
        ['Freeze', 'FROZEN'],
        ['Thaw', 'THAWED'],
      ] as const) {
        const change = window.page.locator('.monaco-dialog-box .monaco-button', { hasText: 'Change' })
        await window.chooseFromMenu('worker', command, worker, change)
        await change.click()
        await until(wanted, () => state() === wanted)
        // The row says so, and its menu offers the other then.
        await worker.filter({ hasText: 'frozen' }).waitFor({ state: wanted === 'FROZEN' ? 'visible' : 'detached' })
      }
      const kill = window.page.locator('.monaco-dialog-box .monaco-button', { hasText: 'Kill' })
      await window.chooseFromMenu('worker', 'Kill All Processes', worker, kill)
      await kill.click()
      await until('nobody', () => tree.read('pids', '/worker', 'cgroup.procs') === '')
    })

    it('leads from a cgroup to its container, and shows other metrics', async () => {
      await window.runCommand('Bulkhead: Choose What Rows Show')
      await window.page.locator('.quick-input-list .monaco-list-row', { hasText: 'Memory' }).click()
      await row('Cgroups', 'container burner').filter({ hasText: /\d kB/ }).waitFor()
      await window.screenshot(`${theme}-observed-13-memory`)
      await fold('Containers')
      await window.chooseFromMenu('writer', 'Show in Containers', row('Cgroups', 'container writer'))
      await window.page.locator('.monaco-list-row.focused[aria-label^="container writer"]').waitFor()
      await helper.ok('rm', '-f', 'writer')
      await row('Cgroups', 'container writer').waitFor({ state: 'detached' })
    })
  })
