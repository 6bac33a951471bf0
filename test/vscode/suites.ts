/** What is checked from inside the editor. The helper is a real one; this window's BULKHEAD_HOST says where. */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import * as vscode from 'vscode'
import { commandWords } from '../../extension/commands/run.ts'
import { imageNameOf } from '../../extension/commands/importArchive.ts'
import { parseLimits } from '../../extension/commands/limits.ts'
import { commands, settings } from '../../extension/contributions.ts'
import type { BulkheadApi } from '../../extension/main.ts'
import { rowsOf, traceHtml } from '../../extension/graphs/startTrace.ts'
import { connect } from '../../helper/client/connect.ts'
import { socketPath } from '../../helper/protocol/address.ts'
import type { Client } from '../../helper/client/client.ts'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'

const extension = vscode.extensions.getExtension<BulkheadApi>('bulkhead.bulkhead')!

async function until<T>(what: string, probe: () => T | undefined | false, milliseconds = 5_000): Promise<T> {
  const end = Date.now() + milliseconds
  while (Date.now() < end) {
    const found = probe()
    if (found !== undefined && found !== false) return found
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error(`${what}: not within ${milliseconds} ms`)
}

export function suites(): void {
  describe('the extension in VS Code', () => {
    let api: BulkheadApi
    let client: Client
    let roundTrip = 0

    before(async () => {
      // The window itself is still starting: what it takes must not be counted as ours.
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      assert.ok(!extension.isActive, 'it woke before it was used')
      const began = performance.now()
      api = await extension.activate()
      roundTrip = performance.now() - began
      client = await connect(socketPath(process.env['BULKHEAD_HOST']!))
      await until('a connection', () => api.state === 'connected')
    })
    after(async () => {
      for (const { id } of await client.call('containers/list'))
        await client.call('containers/remove', { container: id, force: true })
      client.close()
    })

    const find = (id: string): ContainerSummary | undefined => api.containers.find((container) => container.id === id)

    it('wakes in under 50 ms', () => {
      console.log(
        `activation took ${api.activationTime.toFixed(1)} ms, as the editor's own round trip ${roundTrip.toFixed(1)} ms`,
      )
      assert.ok(api.activationTime < 50, `${api.activationTime} ms`)
    })

    it('is one bundle of under 300 KB', () => {
      assert.ok(statSync(join(extension.extensionPath, 'dist/extension.cjs')).size < 300 * 1024)
    })

    it('registers every command that it declares', async () => {
      const known = new Set(await vscode.commands.getCommands(true))
      for (const id of Object.values(commands)) assert.ok(known.has(id), id)
    })

    it('has its settings in the machine’s scope, where no folder reaches them', () => {
      for (const name of Object.values(settings)) {
        const inspected = vscode.workspace.getConfiguration().inspect(name)
        assert.ok(inspected?.defaultValue !== undefined, name)
      }
    })

    it('follows a container through its life within 100 ms of each event, wherever it came from', async () => {
      const late: number[] = []
      const { id } = await client.call('containers/run', {
        image: 'busybox',
        command: ['sleep', '100'],
        name: 'followed',
      })
      const measure = async (what: string, probe: () => boolean): Promise<void> => {
        const began = Date.now()
        await until(what, probe, 1000)
        late.push(Date.now() - began)
      }
      await measure('running', () => find(id)?.state === 'running')
      await client.call('containers/pause', { container: id })
      await measure('paused', () => find(id)?.state === 'paused')
      await client.call('containers/unpause', { container: id })
      await client.call('containers/stop', { container: id, timeout: 0 })
      await measure('exited', () => find(id)?.state === 'exited')
      await client.call('containers/remove', { container: id })
      await measure('gone', () => find(id) === undefined)
      for (const milliseconds of late) assert.ok(milliseconds < 100, `${late.join(', ')} ms`)
    })

    it('stays quick with five hundred containers in its view', async function () {
      this.timeout(60_000)
      const ids: string[] = []
      for (let n = 0; n < 500; n += 20) {
        const some = await Promise.all(
          Array.from({ length: 20 }, () => client.call('containers/run', { image: 'busybox', command: ['true'] })),
        )
        ids.push(...some.map(({ id }) => id))
      }
      await until('all of them', () => api.containers.length >= 500)
      const began = Date.now()
      const { id } = await client.call('containers/run', {
        image: 'busybox',
        command: ['sleep', '100'],
        name: 'one-more',
      })
      await until('one more', () => find(id))
      assert.ok(Date.now() - began < 300)
      await Promise.all([...ids, id].map((container) => client.call('containers/remove', { container, force: true })))
      await until('none', () => api.containers.length === 0)
    })

    it('shows a start trace whose bars fit on its axis, with nothing of the image’s as markup', async () => {
      const { id } = await client.call('containers/run', { image: 'busybox', command: ['echo', '<b>&"'] })
      await client.call('containers/wait', { container: id })
      const trace = await client.call('containers/trace', { container: id })
      const rows = rowsOf(trace)
      assert.ok(rows.length > 30)
      for (const { start, end } of rows) assert.ok(start >= 0 && end >= start)
      const html = traceHtml(trace, { style: 'x.css', cspSource: 'vscode-resource:' })
      assert.ok(!html.includes('<b>') && html.includes('&lt;b&gt;'))
      assert.ok(!html.includes('<script'))
      await client.call('containers/remove', { container: id })
    })

    it('splits a command into words without a shell, and refuses what needs one', () => {
      assert.deepEqual(commandWords('sh -c "echo \'a b\' c"'), ['sh', '-c', "echo 'a b' c"])
      assert.deepEqual(commandWords(''), [])
      assert.equal(typeof commandWords('a | b'), 'string')
      assert.equal(typeof commandWords('a > b'), 'string')
    })

    it('reads limits, and says what is wrong with them', () => {
      assert.deepEqual(parseLimits('memory=512m cpus=1.5  pids=100'), { memory: 512 << 20, cpus: 1.5, pidsLimit: 100 })
      assert.deepEqual(parseLimits(''), {})
      for (const wrong of ['memory', 'memory=lots', 'speed=9', 'cpus=-1'])
        assert.equal(typeof parseLimits(wrong), 'string', wrong)
    })

    it('makes a name for an image out of a file’s', () => {
      assert.deepEqual(['/a/My Root.tar.gz', 'x.tzst', '.tar'].map(imageNameOf), ['my-root', 'x', 'imported'])
    })

    it('finds the helper again after it was away', async function () {
      this.timeout(30_000)
      const { pid } = await client.call('version')
      process.kill(pid, 'SIGKILL') // the runner outside starts it again
      await until('the loss', () => api.state !== 'connected')
      await until('the connection', () => api.state === 'connected', 20_000)
      client = await connect(socketPath(process.env['BULKHEAD_HOST']!))
    })

    it('pulls an image, and opens its files as documents that cannot be changed', async () => {
      const name = process.env['BULKHEAD_TEST_IMAGE']!
      await vscode.commands.executeCommand(commands.pull, name)
      const image = (await client.call('images/list')).find((each) => each.name === name)!
      const uri = vscode.Uri.parse(`bulkhead://image.${image.id.slice(7)}/etc/passwd`)
      const document = await vscode.workspace.openTextDocument(uri)
      assert.match(document.getText(), /alice/)
      assert.equal(vscode.workspace.fs.isWritableFileSystem('bulkhead'), false)
      const names = (await vscode.workspace.fs.readDirectory(uri.with({ path: '/etc' }))).map(([each]) => each)
      assert.deepEqual(names, ['group', 'passwd'])
      const { type } = await vscode.workspace.fs.stat(uri.with({ path: '/bin/sh' }))
      assert.equal(type, vscode.FileType.SymbolicLink | vscode.FileType.File)
      await assert.rejects(
        async () => await vscode.workspace.fs.readFile(uri.with({ path: '/nothing' })),
        /FileNotFound|not.*found|nonexist/i,
      )
      await client.call('images/remove', { name })
    })

    it('does not freeze on a directory of 100,000 entries, nor on a file of 5 GB', async function () {
      this.timeout(60_000)
      const { id } = await client.call('containers/run', {
        image: 'busybox',
        command: ['sh', '-c', 'mkdir /many; cd /many; seq 1 100000 | xargs touch; truncate -s 5G /huge; sleep 1000'],
      })
      const root = vscode.Uri.parse(`bulkhead://writable.${id}/`)
      const huge = async () =>
        await vscode.workspace.fs.stat(root.with({ path: '/huge' })).then(
          ({ size }) => size,
          () => 0,
        )
      while ((await huge()) === 0) await new Promise((resolve) => setTimeout(resolve, 200))
      let longest = 0
      let last = performance.now()
      const timer = setInterval(() => {
        longest = Math.max(longest, performance.now() - last)
        last = performance.now()
      }, 5)
      const entries = await vscode.workspace.fs.readDirectory(root.with({ path: '/many' }))
      clearInterval(timer)
      console.log(`100,000 entries held the extension host up for ${longest.toFixed(0)} ms at most`)
      assert.equal(entries.length, 100_000)
      assert.ok(longest < 2_000, `${longest} ms`)
      await assert.rejects(async () => await vscode.workspace.fs.readFile(root.with({ path: '/huge' })), /too large/)
      await client.call('containers/remove', { container: id, force: true })
    })
  })
}
