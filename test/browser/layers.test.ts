import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { TestHelper } from '../support/helper.ts'
import { makeLayeredImage } from '../support/layeredImage.ts'
import { VsCodeWindow } from '../support/window.ts'

for (const [theme, label] of [
  ['dark', 'Default Dark Modern'],
  ['light', 'Default Light Modern'],
] as const)
  describe(`the Layers view, ${theme}`, function () {
    this.timeout(90_000)
    let helper: TestHelper
    let window: VsCodeWindow
    before(async () => {
      helper = await TestHelper.start({ network: 'host' })
      await helper.importBusybox()
      await makeLayeredImage(helper, 'site:1')
      await helper.cli('run', '-d', '--name', 'writer', 'site:1', 'sleep', '1000')
      window = await VsCodeWindow.open({ socket: helper.socket, settings: { 'workbench.colorTheme': label } })
      await window.openView()
      // The whole height for the layers.
      await window.page.locator('.pane-header[aria-label^="Containers"]').click()
    })
    after(async () => {
      await window.close()
      await helper.stop()
    })
    afterEach(async function () {
      if (this.currentTest?.state === 'failed') await window.screenshot(`${theme}-layers-failed`)
    })

    /** A row by the beginning of what a screen reader says of it. */
    const row = (label: string) =>
      window.page
        .locator('.pane', { has: window.page.locator('.pane-header[aria-label^="Layers"]') })
        .locator(`.monaco-list-row[aria-label^="${label}"]`)
        .first()
    const expand = (text: string) => window.toggle(row(text))
    const quickPick = (text: string) =>
      window.page.locator('.quick-input-widget:visible .monaco-list-row', { hasText: text }).first()
    const input = () => window.page.locator('.quick-input-widget:visible input[type="text"]')

    it('lists images with their sizes, and the layers of one', async () => {
      await row('image site:1,').waitFor()
      await expand('image site:1,')
      await row('efficiency').waitFor()
      await row('all files').waitFor()
      assert.match(
        (await row('layer 1 of site:1').getAttribute('aria-label'))!,
        /1\.98 MB · shared by 3, bulkhead import/,
      )
      assert.match((await row('layer 2 of site:1').getAttribute('aria-label'))!, /300 kB · shared by 2, RUN echo first/)
      assert.match((await row('layer 3 of site:1').getAttribute('aria-label'))!, /17 B, RUN echo/)
      await window.screenshot(`${theme}-layers-1-image`)
    })

    it('shows what a layer changed, each marked', async () => {
      await expand('layer 3 of site:1')
      await expand('srv, changed')
      await expand('site, changed')
      await row('big, removed, 300 kB').waitFor()
      await row('new, added, 6 B').waitFor()
      await expand('pages, changed')
      await row('index.html, changed').waitFor()
      for (const [name, mark] of [
        ['big', 'D'],
        ['new', 'A'],
        ['index.html', 'C'],
      ] as const) {
        const style = row(`${name},`).locator('[class*="monaco-decoration-itemBadge"]')
        const shown = await style.evaluate(
          (element) =>
            (
              globalThis as unknown as { getComputedStyle(of: unknown, part: string): { content: string } }
            ).getComputedStyle(element, '::after').content,
        )
        assert.equal(shown, `"${mark}"`, name)
      }
      await window.screenshot(`${theme}-layers-2-changes`)
    })

    it('compares a changed file with the layer below', async () => {
      await row('index.html, changed').click()
      const line = (text: string) => window.page.locator('.monaco-diff-editor .view-line', { hasText: text }).first()
      await line('<h1>2</h1>').waitFor()
      await line('<h1>1</h1>').waitFor()
      await window.screenshot(`${theme}-layers-3-diff`)
    })

    it('shows of a removed file what lies below', async () => {
      await expand('layer 2 of site:1')
      await row('big, removed').click()
      await window.page.locator('.tab.active', { hasText: 'big' }).waitFor()
      // Its content comes later, and takes the focus then: a file of zeros is no text.
      await window.page.getByText('it is either binary or uses an unsupported').waitFor()
    })

    it('finds a file in a layer', async () => {
      await row('layer 2 of site:1').hover()
      await row('layer 2 of site:1').locator('.action-label[aria-label^="Search in Layer"]').click()
      await input().fill('passwd')
      await quickPick('/etc/passwd').waitFor()
      await window.screenshot(`${theme}-layers-5-search`)
      await window.page.keyboard.press('Enter')
      await window.page.locator('.monaco-diff-editor .view-line', { hasText: 'carol' }).first().waitFor()
      await expand('layer 2 of site:1')
    })

    it('lists wasted files', async () => {
      await row('efficiency').click()
      await quickPick('/srv/site/big').waitFor()
      await window.screenshot(`${theme}-layers-7-wasted`)
      await window.page.keyboard.press('Escape')
    })

    it('draws what an image shares', async () => {
      await row('image site:1,').hover()
      await row('image site:1,').locator('.action-label[aria-label^="Show What Is Shared"]').click()
      const frame = window.page.frameLocator('iframe.webview.ready').frameLocator('iframe#active-frame')
      await frame.locator('h1', { hasText: 'What site:1 shares' }).waitFor()
      assert.deepEqual([await frame.locator('rect').count(), await frame.locator('tbody tr').count()], [3, 3])
      await window.screenshot(`${theme}-layers-6-shared`)
    })

    it('offers for an image what makes sense', async () => {
      const entries = await window.openMenu('site:1', row('image site:1,'))
      assert.deepEqual(entries, [
        'Show What Is Shared',
        'Compare Two Images…',
        'Inspect Image',
        'Copy Image Id',
        'Tag…',
        'Push…',
        'Save to Archive…',
        'Squash Layers…',
        'Minimize…',
        'Remove Image…',
      ])
      await window.closeMenu()
      await expand('image site:1,')
    })

    it('follows what a container writes', async () => {
      await expand('writable layer of container writer')
      await row('all files').waitFor()
      await helper.cli('cp', join(import.meta.dirname, '../support/within.ts'), 'writer:/srv/just-written.ts')
      await expand('srv, changed')
      await row('just-written.ts, added').waitFor({ timeout: 5000 })
      await window.screenshot(`${theme}-layers-4-writable`)
    })

    it('browses the merged files, and saves one to disk', async () => {
      const target = join(helper.directory, 'saved-passwd')
      const { page } = window
      await expand('all files')
      await expand('etc, folder')
      await window.openMenu('passwd', row('passwd, '))
      await page.locator('.monaco-menu .action-label', { hasText: 'Save As' }).click()
      await input().waitFor()
      // The dialog suggests a path a moment after it opens: it must not come on top of what is typed.
      await page.waitForTimeout(1000)
      for (let tries = 0; tries < 5; tries++) {
        await input().fill(target)
        await page.waitForTimeout(500)
        if ((await input().inputValue()) === target) break
      }
      await page.keyboard.press('Enter')
      for (let tries = 0; tries < 50 && !existsSync(target); tries++) await page.waitForTimeout(100)
      assert.match(readFileSync(target, 'utf8'), /carol/)
    })

    it('commits a container, compares two images, and removes one', async () => {
      const { page } = window
      await window.runCommand('Bulkhead: Commit to Image')
      await quickPick('writer').click()
      await page.locator('.quick-input-message', { hasText: 'Name of the new image' }).waitFor()
      await input().fill('site:2')
      await page.keyboard.press('Enter')
      await page.locator('.quick-input-message', { hasText: 'Message for its history' }).waitFor()
      await input().fill('from the editor')
      await page.keyboard.press('Enter')
      await row('image site:2,').waitFor()
      await window.runCommand('Bulkhead: Compare Two Images')
      await quickPick('site:1').click()
      await page.locator('.quick-input-widget:visible input[placeholder^="Compare site"]').waitFor()
      await quickPick('site:2').click()
      await quickPick('just-written.ts').waitFor()
      await window.screenshot(`${theme}-layers-8-compare`)
      await page.keyboard.press('Escape')
      await row('image site:2,').hover()
      await row('image site:2,').locator('.action-label[aria-label^="Remove Image"]').click()
      await page.locator('.monaco-dialog-box .monaco-button', { hasText: 'Remove' }).click()
      await row('image site:2,').waitFor({ state: 'detached' })
    })
  })
