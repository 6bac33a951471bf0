/** Cgroups, namespaces and graphs as the editor's side has them, inside the editor. The helper is a real one. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, rmdirSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import * as vscode from 'vscode'
import { Connection } from '../../extension/connection/connection.ts'
import { UsageModel } from '../../extension/connection/usageModel.ts'
import type { Context } from '../../extension/context.ts'
import { settings } from '../../extension/contributions.ts'
import { comparisonHtml } from '../../extension/graphs/comparison.ts'
import { sharesHtml } from '../../extension/graphs/shares.ts'
import { CgroupNode, MoreCgroupsNode } from '../../extension/views/cgroupNode.ts'
import { CgroupsProvider } from '../../extension/views/cgroupsView.ts'
import { NamespaceNode, TypeNode } from '../../extension/views/namespaceNodes.ts'
import { idRangeText } from '../../extension/views/namespaceWords.ts'
import { NamespacesProvider } from '../../extension/views/namespacesView.ts'
import type { Client } from '../../helper/client/client.ts'
import { CgroupTree } from '../support/cgroupTree.ts'
import { quickest } from '../support/quickest.ts'
import { until } from '../support/until.ts'

const crowd = 10_000
const page = { styles: ['x.css'], cspSource: 'self' }

export function observedSuites(): void {
  describe('the views of cgroups and namespaces in VS Code', () => {
    const root = existsSync('/sys/fs/cgroup/cgroup.controllers') ? '/sys/fs/cgroup' : '/sys/fs/cgroup/pids'
    const parent = `${root}/bulkhead-crowd-${process.pid}`
    let client: Client
    let context: Context
    let cgroups: CgroupsProvider
    let namespaces: NamespacesProvider
    const disposables: { dispose(): unknown }[] = []

    before(async function () {
      this.timeout(60_000)
      mkdirSync(parent)
      for (let n = 0; n < crowd; n++) mkdirSync(`${parent}/group-${n}`)
      const log = vscode.window.createOutputChannel('Bulkhead (test)', { log: true })
      const connection = new Connection(log)
      const usage = new UsageModel(connection, log)
      // What these two views need of it.
      context = { log, connection, usage } as unknown as Context
      cgroups = new CgroupsProvider(context)
      namespaces = new NamespacesProvider(context)
      disposables.push(log, connection, usage, cgroups, namespaces)
      await connection.open()
      client = connection.client!
      await client.call('containers/run', {
        image: 'busybox',
        network: 'none',
        name: 'seen',
        command: ['sleep', '1000'],
      })
      cgroups.show(true)
      namespaces.show(true)
    })
    after(async function () {
      this.timeout(60_000)
      await client.call('containers/remove', { container: 'seen', force: true })
      for (const disposable of disposables) disposable.dispose()
      for (let n = 0; n < crowd; n++) rmdirSync(`${parent}/group-${n}`)
      rmdirSync(parent)
    })

    it('open ten thousand cgroups in under 200 ms, and do not hold the editor up', async () => {
      const path = parent.slice(root.length)
      const roots = await cgroups.getChildren()
      const node = roots.find((one) => one instanceof CgroupNode && one.cgroup.path === path) as CgroupNode
      const took = await quickest(200, async () => {
        cgroups.open(node, false)
        const began = performance.now()
        await cgroups.getChildren(node)
        return performance.now() - began
      })
      const children = await cgroups.getChildren(node)
      const delay = monitorEventLoopDelay({ resolution: 5 })
      delay.enable()
      cgroups.open(node, true)
      // Seconds of samples, with rows that are written anew.
      const longest = await quickest(50, async () => {
        delay.reset()
        await new Promise((resolve) => setTimeout(resolve, 2000))
        return delay.max / 1e6
      })
      delay.disable()
      console.log(`ten thousand cgroups: ${took.toFixed(0)} ms to open, longest task ${longest.toFixed(0)} ms`)
      assert.equal(children.length, 501)
      const more = children.at(-1)
      assert.ok(more instanceof MoreCgroupsNode && more.label === `${crowd - 500} more`)
      assert.ok(took < 200, `${took} ms`)
      assert.ok(longest < 50, `${longest} ms`)
      await cgroups.more(more)
      assert.equal((await cgroups.getChildren(node)).length, 1001)
      cgroups.open(node, false)
    })

    it('find what stands on a later page', async () => {
      const path = parent.slice(root.length)
      const node = (await cgroups.find(path))!
      const names = async () => (await cgroups.getChildren(node)).map((child) => (child as CgroupNode).title)
      assert.equal((await names()).length, 501)
      cgroups.filter = 'group-9876'
      await until('the one', async () => (await names()).join() === 'group-9876')
      cgroups.filter = ''
      cgroups.open(node, false)
      assert.equal((await cgroups.find(`${path}/group-7654`))?.title, 'group-7654')
      cgroups.open(node, false)
    })

    it('show containers by name, with what they use, and reach one by its path', async () => {
      const { cgroupParent } = await client.call('version')
      const { id } = (await client.call('containers/list')).find(({ name }) => name === 'seen')!
      const path = `${cgroupParent}/${id}`
      const node = (await cgroups.find(path))!
      assert.equal(node.title, 'seen')
      cgroups.open((await cgroups.find(cgroupParent))!, true)
      await until('a curve', () => / %$/.test(String(node.description)))
      assert.doesNotMatch(node.accessibilityInformation!.label, /[▁-█]/)
      const { tooltip } = await cgroups.resolveTreeItem(node, node)
      assert.match((tooltip as vscode.MarkdownString).value, /data:image\/svg\+xml;base64/)
      assert.equal(await cgroups.find(`${cgroupParent}/none`), undefined)
    })

    it('filter, and hide what is idle', async () => {
      const path = parent.slice(root.length)
      const names = async () => (await cgroups.getChildren()).map((node) => (node as CgroupNode).cgroup.path)
      cgroups.filter = 'no such words'
      assert.ok((await names()).includes(path), 'what has others below it may hide what is looked for')
      cgroups.filter = ''
      const configuration = vscode.workspace.getConfiguration()
      await configuration.update(settings.cgroupHideIdle, true, vscode.ConfigurationTarget.Global)
      assert.ok(!(await names()).includes(path))
      await configuration.update(settings.cgroupHideIdle, undefined, vscode.ConfigurationTarget.Global)
      assert.ok((await names()).includes(path))
    })

    it('sort by use', async () => {
      const tree = new CgroupTree('sorted')
      const configuration = vscode.workspace.getConfiguration()
      try {
        for (const name of ['/a', '/b']) tree.make(name)
        tree.run('/b', 'sh', ['-c', 'while true; do :; done'])
        cgroups.show(true) // those of the root are read anew
        const node = (await cgroups.find(tree.path))!
        const names = async () => (await cgroups.getChildren(node)).map((child) => (child as CgroupNode).title)
        assert.deepEqual(await names(), ['a', 'b'])
        cgroups.open(node, true)
        await configuration.update(settings.cgroupSort, 'usage', vscode.ConfigurationTarget.Global)
        await until('the busy one to be first', async () => (await names())[0] === 'b')
        cgroups.open(node, false)
        const many = (await cgroups.find(parent.slice(root.length)))!
        assert.equal((await cgroups.getChildren(many)).length, 2001, 'as many as can be sampled, and how many more')
        cgroups.open(many, false)
      } finally {
        await configuration.update(settings.cgroupSort, undefined, vscode.ConfigurationTarget.Global)
        await tree.close(['/a', '/b'])
      }
    })

    it('tell whoever watches now, when the same is watched again', async () => {
      const heard = { first: 0, second: 0 }
      const watch = (who: keyof typeof heard): void =>
        context.usage.watch('again', { metrics: ['cpu'], cgroups: ['/'], onSample: () => heard[who]++ })
      watch('first')
      await until('the first to hear', () => heard.first > 0)
      watch('second')
      const before = heard.first
      await until('the second to hear', () => heard.second > 1)
      assert.equal(heard.first, before)
      context.usage.end('again')
    })

    it('show namespaces by kind, and what is inside', async () => {
      const types = await namespaces.getChildren()
      const net = types.find((one) => one instanceof TypeNode && one.type === 'net')!
      const seen = (await namespaces.getChildren(net)).find((one) => one.label === 'seen')
      assert.ok(seen instanceof NamespaceNode)
      const inside = await namespaces.getChildren(seen)
      assert.deepEqual(
        inside.map(({ label }) => label),
        ['Links', 'Routes', 'Listening sockets', 'Processes'],
      )
      const [lo] = await namespaces.getChildren(inside[0])
      assert.equal(lo!.label, 'lo')
      const user = types.find((one) => one instanceof TypeNode && one.type === 'user')!
      const [host] = await namespaces.getChildren(user)
      const below = await namespaces.getChildren(host)
      assert.ok(
        below.some((one) => one instanceof NamespaceNode && one.label === 'seen'),
        'a user namespace stands below its parent',
      )
    })

    it('write a namespace’s row alone when a process comes', async () => {
      const fired: unknown[] = []
      const listening = namespaces.onDidChangeTreeData((what) => fired.push(what))
      const types = await namespaces.getChildren()
      const net = types.find((one) => one instanceof TypeNode && one.type === 'net')!
      const seen = (await namespaces.getChildren(net)).find((one) => one.label === 'seen')!
      assert.match(String(seen.description), /^1 process/)
      const another = () =>
        client.call('containers/exec', { container: 'seen', command: ['sleep', '1000'], attach: false })
      await another()
      await until('two of them', () => String(seen.description).startsWith('2 processes'))
      const isWritten = () => fired.some((what) => Array.isArray(what) && what.includes(seen))
      assert.ok(isWritten())
      namespaces.open(seen, true)
      fired.length = 0
      await another()
      await until('what is inside it to be read again', isWritten)
      namespaces.open(seen, false)
      listening.dispose()
    })

    it('show namespaces by process', async () => {
      const configuration = vscode.workspace.getConfiguration()
      await configuration.update(settings.namespacesBy, 'process', vscode.ConfigurationTarget.Global)
      const owner = (await namespaces.getChildren()).find((one) => one.label === 'seen')
      const [process] = await namespaces.getChildren(owner)
      const rows = await namespaces.getChildren(process)
      assert.equal(rows.length, 8)
      assert.deepEqual(
        rows.filter(({ label }) => typeof label !== 'string' || !label.endsWith('its own')),
        [],
      )
      await configuration.update(settings.namespacesBy, undefined, vscode.ConfigurationTarget.Global)
    })

    it('write pages that run nothing, and leave no name of others’ unescaped', async () => {
      const shares = sharesHtml(
        { ...(await client.call('containers/shares', { container: 'seen' })), name: '<b>' },
        page,
      )
      const comparison = await client.call('namespaces/compare', { left: { container: 'seen' }, right: { host: true } })
      const html = comparisonHtml({ ...comparison, left: { ...comparison.left, name: '<img onerror=x>' } }, page)
      for (const text of [shares, html]) {
        assert.doesNotMatch(text, /<b>|<img|<script/)
        assert.match(text, /default-src 'none'/)
      }
      assert.equal((html.match(/≠/g) ?? []).length, 8)
    })

    it('explain maps of ids in words', () => {
      assert.equal(
        idRangeText({ inside: 0, outside: 100_000, count: 65_536 }),
        '0 to 65535 inside are 100000 to 165535 outside',
      )
      assert.equal(
        idRangeText({ inside: 0, outside: 0, count: 4_294_967_295 }),
        'every id is the same inside and outside',
      )
      assert.equal(idRangeText({ inside: 0, outside: 1000, count: 1 }), '0 inside is 1000 outside')
    })
  })
}
