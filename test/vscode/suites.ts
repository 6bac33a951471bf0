/** What is checked from inside the editor. The helper is a real one; this window's BULKHEAD_HOST says where. */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import * as vscode from 'vscode'
import { commandWords, parseFolders, parsePorts } from '../../extension/commands/run.ts'
import { imageNameOf } from '../../extension/commands/importArchive.ts'
import { formatLimits, parseLimits, parseOptions } from '../../extension/commands/limits.ts'
import { commands, settings } from '../../extension/contributions.ts'
import type { BulkheadApi } from '../../extension/main.ts'
import { warningOf } from '../../extension/notifications.ts'
import { runRequestOf, taskType } from '../../extension/tasks/tasks.ts'
import { LineFilter, spanOf } from '../../extension/terminals/logs.ts'
import { composeProject, fitsFilter, grouped } from '../../extension/views/containerGroups.ts'
import { shortSpan } from '../../extension/views/shortSpan.ts'
import { rowsOf, traceHtml } from '../../extension/graphs/startTrace.ts'
import { connect } from '../../helper/client/connect.ts'
import { socketPath } from '../../helper/protocol/address.ts'
import type { Client } from '../../helper/client/client.ts'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import { quickest } from '../support/quickest.ts'
import { until } from '../support/until.ts'

const extension = vscode.extensions.getExtension<BulkheadApi>('bulkhead.bulkhead')!

export function suites(): void {
  describe('the extension in VS Code', () => {
    let api: BulkheadApi
    let client: Client
    let processorTime = 0

    before(async () => {
      // The window itself is still starting: what it takes must not be counted as ours.
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      assert.ok(!extension.isActive, 'it woke before it was used')
      const before = process.threadCpuUsage()
      api = await extension.activate()
      const { user, system } = process.threadCpuUsage(before)
      processorTime = (user + system) / 1000
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
      const [elapsed, computed] = [api.activationTime.toFixed(1), processorTime.toFixed(1)]
      console.log(`activation took ${elapsed} ms; with loading, ${computed} ms of a processor`)
      // It happens once in a window: what other processes take of the machine meanwhile is not its own.
      assert.ok(Math.min(api.activationTime, processorTime) < 50, `${elapsed} ms, ${computed} ms of a processor`)
    })

    it('is one bundle of under 300 KB', () => {
      assert.ok(statSync(join(extension.extensionPath, 'dist/extension.cjs')).size < 300 * 1024)
    })

    it('registers every command that it declares', async () => {
      const known = new Set(await vscode.commands.getCommands(true))
      for (const id of Object.values(commands)) assert.ok(known.has(id), id)
    })

    it('has a default for each of its settings', () => {
      for (const name of Object.values(settings)) {
        const inspected = vscode.workspace.getConfiguration().inspect(name)
        assert.ok(inspected?.defaultValue !== undefined, name)
      }
    })

    it('follows a container through its life within 100 ms of each event, wherever it came from', async () => {
      const most = await quickest(100, async () => {
        const late: number[] = []
        const request = { image: 'busybox', command: ['sleep', '100'], name: 'followed' }
        const { id } = await client.call('containers/run', request)
        const measure = async (what: string, probe: () => boolean): Promise<void> => {
          const began = performance.now()
          await until(what, probe, 1000)
          late.push(performance.now() - began)
        }
        await measure('running', () => find(id)?.state === 'running')
        await client.call('containers/pause', { container: id })
        await measure('paused', () => find(id)?.state === 'paused')
        await client.call('containers/unpause', { container: id })
        await client.call('containers/stop', { container: id, timeout: 0 })
        await measure('exited', () => find(id)?.state === 'exited')
        await client.call('containers/remove', { container: id })
        await measure('gone', () => find(id) === undefined)
        return Math.max(...late)
      })
      assert.ok(most < 100, `${most} ms`)
    })

    it('stays quick with five hundred containers in its view', async function () {
      this.timeout(60_000)
      const ids: string[] = []
      for (let n = 0; n < 500; n += 20) {
        const some = await Promise.all(
          Array.from({ length: 20 }, () =>
            client.call('containers/run', { image: 'busybox', command: ['true'], network: 'none' }),
          ),
        )
        ids.push(...some.map(({ id }) => id))
      }
      await until('all of them', () => api.containers.length >= 500)
      const took = await quickest(300, async () => {
        const began = performance.now()
        const { id } = await client.call('containers/run', { image: 'busybox', command: ['sleep', '100'] })
        ids.push(id)
        await until('one more', () => find(id))
        return performance.now() - began
      })
      assert.ok(took < 300, `${took} ms`)
      await Promise.all(ids.map((container) => client.call('containers/remove', { container, force: true })))
      await until('none', () => api.containers.length === 0)
    })

    it('shows a start trace whose bars fit on its axis, with nothing of the image’s as markup', async () => {
      const { id } = await client.call('containers/run', { image: 'busybox', command: ['echo', '<b>&"'] })
      await client.call('containers/wait', { container: id })
      const trace = await client.call('containers/trace', { container: id })
      const rows = rowsOf(trace)
      assert.ok(rows.length > 30)
      for (const { start, end } of rows) assert.ok(start >= 0 && end >= start)
      const html = traceHtml(trace, { styles: ['x.css'], cspSource: 'vscode-resource:' })
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

    it('reads options, ports and folders, and says what is wrong with them', () => {
      assert.deepEqual(parseOptions('memory=64m name=web env=A=b env=C=d restart=on-failure:3'), {
        resources: { memory: 64 << 20 },
        name: 'web',
        env: ['A=b', 'C=d'],
        restart: { name: 'on-failure', maximumRetryCount: 3 },
      })
      for (const wrong of ['env=A', 'restart=often', 'colour=red', 'name=', 'memory=x'])
        assert.equal(typeof parseOptions(wrong), 'string', wrong)
      assert.equal(formatLimits({ memory: 64 << 20, cpus: 1.5, pidsLimit: 9 }), 'memory=64m cpus=1.5 pids=9')
      assert.equal((parsePorts('8080:80 53:53/udp') as unknown[]).length, 2)
      assert.equal(typeof parsePorts('8080:80 x'), 'string')
      assert.equal((parseFolders('"/a b:/c" data:/d /e') as unknown[]).length, 3)
      assert.equal(typeof parseFolders('data:relative'), 'string')
    })

    it('puts containers in groups, and filters them', () => {
      const made = (name: string, labels: Record<string, string>): ContainerSummary =>
        ({
          name,
          labels,
          image: 'i',
          id: name,
          state: 'running',
          command: ['c'],
          ports: [],
          network: 'bridge',
        }) as never
      const all = [made('one', { [composeProject]: 'b' }), made('two', {}), made('three', { [composeProject]: 'a' })]
      const { groups, alone } = grouped(all, 'project', '')
      assert.deepEqual([...groups.keys()], ['a', 'b'])
      assert.deepEqual(
        alone.map(({ name }) => name),
        ['two'],
      )
      assert.deepEqual([...grouped(all, 'status', '').groups.keys()], ['running'])
      assert.equal(all.filter((container) => fitsFilter(container, 'TW RUN')).length, 1)
      assert.deepEqual([500, 65_000, 7_200_000, 200_000_000].map(shortSpan), ['0s', '1m', '2h', '2d'])
    })

    it('filters lines of a log by what is in them, colours left out, and holds back what is not a line yet', () => {
      const filter = new LineFilter('get')
      assert.equal(filter.push('\x1b[32mG\x1b[0mET /\nother\nge'), '\x1b[32mG\x1b[0mET /\n')
      assert.equal(filter.push('t end\n'), 'get end\n')
      assert.equal(spanOf('10m'), 600_000)
      assert.equal(spanOf('soon'), undefined)
    })

    it('runs a task of its type to its end', async function () {
      this.timeout(20_000)
      const folder = vscode.workspace.workspaceFolders![0]!.uri
      const definition = { type: taskType, label: 'inside', action: 'run', image: 'busybox', network: 'none' }
      const tasks = [{ ...definition, command: ['sh', '-c', 'echo from inside > made-inside; exit 3'] }]
      await vscode.workspace.fs.writeFile(
        vscode.Uri.joinPath(folder, '.vscode/tasks.json'),
        Buffer.from(JSON.stringify({ version: '2.0.0', tasks })),
      )
      let task: vscode.Task | undefined
      for (let tries = 0; task === undefined && tries < 50; tries++) {
        task = (await vscode.tasks.fetchTasks({ type: taskType })).find(({ name }) => name === 'inside')
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      const codes: string[] = []
      client.onEvent(({ action, attributes }) => action === 'die' && codes.push(attributes['exitCode']!))
      const ended = new Promise<void>((resolve) => {
        const subscription = vscode.tasks.onDidEndTask(() => {
          subscription.dispose()
          resolve()
        })
      })
      await vscode.tasks.executeTask(task!)
      await ended
      assert.deepEqual(codes, ['3'])
      const made = await vscode.workspace.fs.readFile(vscode.Uri.joinPath(folder, 'made-inside'))
      assert.equal(Buffer.from(made).toString(), 'from inside\n')
      assert.throws(() => runRequestOf({ type: taskType, action: 'run' }, '/x'), /needs an image/)
      const request = runRequestOf({ type: taskType, image: 'i', ports: ['80'], volumes: ['v:/v', 'sub:/s'] }, '/x')
      assert.equal(request.workingDirectory, '/x')
      assert.equal(request.mounts!.length, 3)
    })

    it('warns of what a user should know at once, and of nothing else', () => {
      const container = { name: 'c', state: 'restarting', restartCount: 2, exitCode: 1 } as ContainerSummary
      assert.match(warningOf({ action: 'die', container })!.text, /again and again: 3 times/)
      assert.equal(warningOf({ action: 'die', container: { ...container, restartCount: 3 } }), undefined)
      assert.equal(warningOf({ action: 'die', container: { ...container, state: 'exited' } }), undefined)
      assert.match(warningOf({ action: 'oom', container })!.text, /out of memory/)
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
