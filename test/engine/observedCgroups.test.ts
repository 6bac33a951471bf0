import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '../../helper/client/client.ts'
import type { CgroupsChanged } from '../../helper/protocol/cgroupSchemas.ts'
import { columnsOf, usageColumns, type Metric, type UsageColumn } from '../../helper/protocol/usageColumns.ts'
import { CgroupTree, hierarchy, isV2 } from '../support/cgroupTree.ts'
import { until } from '../support/until.ts'
import { TestHelper } from '../support/helper.ts'
import { rejects } from '../support/rejects.ts'
import { within } from '../support/within.ts'

/** The same on v1 with its hierarchies merged, and on pure v2. */
describe(`cgroups of the whole machine, ${isV2 ? 'v2' : 'v1'}`, () => {
  let helper: TestHelper
  let client: Client
  let tree: CgroupTree
  let busy: ReturnType<CgroupTree['run']>
  before(async () => {
    helper = await TestHelper.start({ network: 'host' })
    await helper.importBusybox()
    client = await helper.client()
    tree = new CgroupTree('tree')
    tree.make('/inner')
    busy = tree.run('/inner', 'sh', ['-c', 'while true; do :; done'])
    await until('the process in its cgroup', () => tree.read('pids', '/inner', 'cgroup.procs') !== '')
  })
  after(async () => {
    await tree.close(['/inner'])
    await helper.stop()
  })

  /** Means of a column over some seconds. */
  async function measure(cgroup: string, metrics: Metric[], seconds: number): Promise<Map<UsageColumn, number>> {
    const columns = columnsOf(metrics)
    const rows: (number | null)[][] = []
    const enough = Promise.withResolvers<void>()
    client.onUsage('test', (sample) => {
      rows.push(sample.rows[0]!)
      // The first has no rates yet.
      if (rows.length > seconds) enough.resolve()
    })
    await client.call('usage/watch', { key: 'test', cgroups: [cgroup], metrics })
    await within(20_000, 'samples', enough.promise)
    await client.call('usage/watch', { key: 'test', cgroups: [], metrics })
    const mean = (at: number): number => {
      const known = rows.slice(1).flatMap((row) => row[at] ?? [])
      return known.length === 0 ? NaN : known.reduce((sum, value) => sum + value, 0) / known.length
    }
    return new Map(columns.map((column, at) => [column, mean(at)]))
  }

  async function run(
    script: string,
    resources: object,
  ): Promise<{ id: string; cgroup: string; close: () => Promise<void> }> {
    const request = { image: 'busybox', network: 'none', command: ['sh', '-c', script], resources }
    const { id } = await client.call('containers/run', request)
    const { cgroupParent } = await client.call('version')
    return {
      ...{ id, cgroup: `${cgroupParent}/${id}` },
      close: async () => {
        await client.call('containers/remove', { container: id, force: true })
      },
    }
  }

  it('are one tree, with what is in each', async () => {
    const { cgroups } = await client.call('cgroups/list', { path: '/' })
    const found = cgroups.find(({ path }) => path === tree.path)
    assert.ok(found?.hasChildren)
    const [inner] = (await client.call('cgroups/list', { path: tree.path })).cgroups
    assert.deepEqual(
      [inner!.name, inner!.processes, inner!.idle, inner!.frozen, inner!.owner],
      ['inner', 1, false, false, null],
    )
    for (const controller of ['memory', 'pids', 'cpu']) assert.ok(inner!.controllers.includes(controller), controller)
    const { processList, limits } = await client.call('cgroups/inspect', { path: `${tree.path}/inner` })
    assert.deepEqual(
      processList.map(({ pid }) => pid),
      [busy.pid],
    )
    assert.deepEqual([limits.memory, limits.cpus, limits.pids], ['max', 'max', 'max'])
  })

  it('belong to containers by name', async () => {
    const { id, cgroup, close } = await run('sleep 1000', {})
    const { owner } = await client.call('cgroups/inspect', { path: cgroup })
    assert.equal(owner?.kind, 'bulkhead')
    assert.equal(owner?.id, id)
    await close()
  })

  it('come and go as the kernel says, without anybody asking', async () => {
    const changes: CgroupsChanged[] = []
    client.onCgroupsChanged((change) => changes.push(change))
    await client.call('cgroups/follow', { paths: [tree.path] })
    const began = performance.now()
    tree.make('/new')
    await until('the new one', () => changes.some(({ path, added }) => path === tree.path && added.includes('new')))
    tree.remove('/new')
    await until('its end', () => changes.some(({ removed }) => removed.includes('new')))
    assert.ok(performance.now() - began < 1000)
    await client.call('cgroups/follow', { paths: [] })
    tree.make('/unseen')
    tree.remove('/unseen')
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.ok(!changes.some(({ added }) => added.includes('unseen')))
  })

  it('are counted as the kernel’s files say: a burner at 30 %', async () => {
    const { cgroup, close } = await run('while true; do :; done', { cpus: 0.3 })
    const used = await measure(cgroup, ['cpu', 'pids', 'detail'], 4)
    assert.ok(Math.abs(used.get('cpu')! - 30) < 4, `${used.get('cpu')} %`)
    assert.equal(used.get('cpuLimit'), 30)
    assert.ok(used.get('throttled')! > 10, `${used.get('throttled')}`)
    assert.equal(used.get('pids'), 1)
    assert.ok(used.get('cpuUser')! + used.get('cpuSystem')! > 20)
    await close()
  })

  it('are counted as the kernel’s files say: 200 MB of memory', async () => {
    // What reads keeps two hundred megabytes until the end.
    const { id, cgroup, close } = await run('(head -c 210000000 /dev/zero; sleep 1000) | tail -c 205000000', {
      memory: 600 << 20,
    })
    await until(
      'the allocation',
      async () => (await client.call('containers/stats', { containers: [id] }))[0]!.memory > 2e8,
      60_000,
    )
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const used = await measure(cgroup, ['memory', 'detail'], 2)
    const [stats] = await client.call('containers/stats', { containers: [id] })
    assert.ok(Math.abs(used.get('memory')! - stats!.memory) < 4e6, `${used.get('memory')} and ${stats!.memory}`)
    const anonymous = used.get('anonymous')!
    assert.ok(anonymous > 2e8 && anonymous < used.get('memory')! + 4e6, `${anonymous} of ${used.get('memory')}`)
    assert.equal(used.get('memoryLimit'), 600 << 20)
    await close()
  })

  it('are counted as the kernel’s files say: 5 MB written a second', async () => {
    const script = 'while true; do dd if=/dev/zero of=/x bs=1M count=5 oflag=direct 2>/dev/null; sleep 1; done'
    const { cgroup, close } = await run(script, {})
    // v1 counts a container's disk once it has run for a moment.
    await new Promise((resolve) => setTimeout(resolve, 2500))
    const used = await measure(cgroup, ['io'], 5)
    const { devices } = await client.call('cgroups/inspect', { path: cgroup })
    assert.ok(used.get('written')! > 3e6 && used.get('written')! < 7e6, `${used.get('written')}`)
    assert.ok(
      devices.some(({ written }) => written >= 10e6),
      JSON.stringify(devices),
    )
    await close()
  })

  it('tell of processes that the kernel killed for want of memory, and keep it', async () => {
    const { id, close } = await run('while true; do tail /dev/zero; sleep 0.3; done', { memory: 16 << 20 })
    const column = 1 + usageColumns.indexOf('oomKills')
    await until('a kill in the history', async () => {
      const { rows } = await client.call('usage/history', { container: id, resolution: 'second' })
      return rows.some((row) => (row[column] ?? 0) > 0)
    })
    await close()
  })

  it('are gone from the samples when they are removed, and there again when they come back', async () => {
    tree.make('/brief')
    const rows: (number | null)[] = []
    client.onUsage('brief', (sample) => rows.push(sample.rows[0]![0]!))
    await client.call('usage/watch', { key: 'brief', cgroups: [`${tree.path}/brief`], metrics: ['pids'] })
    await until('a number', () => rows.includes(0))
    tree.remove('/brief')
    await until('none', () => rows.at(-1) === null)
    tree.make('/brief')
    await until('a number again', () => rows.at(-1) === 0)
    await client.call('usage/watch', { key: 'brief', cgroups: [], metrics: ['pids'] })
    tree.remove('/brief')
  })

  it('take a limit at once, and say what it was before', async () => {
    const path = `${tree.path}/inner`
    const set = (limit: 'memory' | 'cpus' | 'pids', value: string) =>
      client.call('cgroups/setLimit', { path, limit, value })
    assert.deepEqual(await set('memory', '64m'), { before: 'max', now: String(64 << 20) })
    assert.deepEqual(await set('cpus', '0.5'), { before: 'max', now: '0.5' })
    assert.deepEqual(await set('pids', '20'), { before: 'max', now: '20' })
    assert.equal(tree.read('memory', '/inner', isV2 ? 'memory.max' : 'memory.limit_in_bytes'), String(64 << 20))
    assert.equal(tree.read('pids', '/inner', 'pids.max'), '20')
    for (const limit of ['memory', 'cpus', 'pids'] as const) assert.equal((await set(limit, 'max')).now, 'max')
  })

  it('refuse a limit that is none, that the parent does not have, or that the kernel refuses', async () => {
    const path = `${tree.path}/inner`
    await rejects(
      'InvalidRequest',
      client.call('cgroups/setLimit', { path, limit: 'memory', value: 'much' }),
      /no value/,
    )
    await rejects('InvalidRequest', client.call('cgroups/setLimit', { path, limit: 'cpus', value: '-1' }))
    await client.call('cgroups/setLimit', { path: tree.path, limit: 'pids', value: '50' })
    await rejects('LimitRefused', client.call('cgroups/setLimit', { path, limit: 'pids', value: '60' }), /above it/)
    await client.call('cgroups/setLimit', { path: tree.path, limit: 'pids', value: 'max' })
    await rejects(
      'LimitRefused',
      client.call('cgroups/setLimit', { path, limit: 'memory', value: '9999t' }),
      /this machine/,
    )
    await rejects(
      'LimitRefused',
      client.call('cgroups/setLimit', { path, limit: 'pids', value: '99999999999999999999' }),
      /kernel refuses/,
    )
    await rejects('CgroupNotFound', client.call('cgroups/inspect', { path: '/no/such' }))
  })

  it('have no limit of a controller that they are not in', async () => {
    if (isV2) tree.make('/inner/bare')
    else tree.make('/bare', [hierarchy('pids')])
    const path = isV2 ? `${tree.path}/inner/bare` : `${tree.path}/bare`
    await rejects(
      'Unsupported',
      client.call('cgroups/setLimit', { path, limit: 'memory', value: '1g' }),
      /no limit of memory/,
    )
    const used = await measure(path, ['memory', 'pids'], 1)
    assert.ok(Number.isNaN(used.get('memory')))
    tree.remove(isV2 ? '/inner/bare' : '/bare')
  })

  it('freeze, thaw, and are killed with all below', async () => {
    tree.make('/victims')
    tree.make('/victims/below')
    const path = `${tree.path}/victims`
    const child = tree.run('/victims/below', 'sh', ['-c', 'while true; do sleep 1000 & wait; done'])
    await until('two processes', () => tree.read('pids', '/victims/below', 'cgroup.procs').split('\n').length === 2)
    await client.call('cgroups/freeze', { path, frozen: true })
    assert.ok((await client.call('cgroups/inspect', { path })).frozen)
    await client.call('cgroups/freeze', { path, frozen: false })
    assert.ok(!(await client.call('cgroups/inspect', { path })).frozen)
    await client.call('cgroups/freeze', { path, frozen: true })
    const ended = once(child, 'exit')
    await client.call('cgroups/kill', { path })
    await within(5000, 'the end of a frozen process', ended)
    await until('nobody', () => tree.read('pids', '/victims/below', 'cgroup.procs') === '')
    tree.remove('/victims/below')
    tree.remove('/victims')
  })

  it('are refused where it would hurt the machine, or a container behind its back', async () => {
    for (const path of ['/', '/..', '/a/../b', 'a', '/a//b', '/./a', '/a\0b'])
      await assert.rejects(client.call('cgroups/kill', { path }), path)
    await rejects('InvalidRequest', client.call('cgroups/freeze', { path: '/', frozen: true }), /helper itself/)
    const { cgroup, close } = await run('sleep 1000', {})
    await rejects(
      'InvalidRequest',
      client.call('cgroups/setLimit', { path: cgroup, limit: 'pids', value: '5' }),
      /change that instead/,
    )
    await rejects('InvalidRequest', client.call('cgroups/kill', { path: cgroup }))
    await close()
  })

  it('are not watched by more than may be', async () => {
    const many = Array.from({ length: 65 }, (_, n) => `/x/${n}`)
    await assert.rejects(client.call('usage/watch', { key: 'a', cgroups: many, metrics: ['detail'] }), /at most 64/)
    const most = Array.from({ length: 2000 }, (_, n) => `/x/${n}`)
    for (const key of ['a', 'b']) await client.call('usage/watch', { key, cgroups: most, metrics: ['cpu'] })
    await rejects('Busy', client.call('usage/watch', { key: 'c', cgroups: ['/'], metrics: ['cpu'] }), /4000/)
    for (const key of ['a', 'b']) await client.call('usage/watch', { key, cgroups: [], metrics: ['cpu'] })
  })

  it('keep the history of a container over a kill of the helper, in a file that does not grow', async () => {
    const { id } = await run('while true; do :; done', { cpus: 0.2 })
    const cpu = 1 + usageColumns.indexOf('cpu')
    const read = async (of: Client) => (await of.call('usage/history', { container: id, resolution: 'second' })).rows
    await until('some seconds', async () => (await read(client)).filter((row) => row[cpu] !== null).length >= 3)
    const before = await read(client)
    const file = join(helper.state, 'containers', id, 'usage')
    assert.ok(statSync(file).size <= 2040 * 88)
    await helper.kill('SIGKILL')
    await helper.start()
    client = await helper.client()
    const after = await read(client)
    assert.deepEqual(after.slice(0, before.length - 1), before.slice(0, -1))
    await until('more of it', async () => (await read(client)).at(-1)![0]! > before.at(-1)![0]! + 2000)
    await client.call('containers/remove', { container: id, force: true })
    assert.ok(!existsSync(file))
  })

  it('are shown by the command line, as a table and as JSON', async () => {
    const text = await helper.ok('cgroups', tree.path)
    assert.match(text, /^CGROUP +OWNER +PROCS +CPU % +MEMORY/)
    assert.match(text, /^inner +1 +\d/m)
    const [line] = (await helper.ok('cgroups', '--format', 'json', tree.path)).trim().split('\n')
    const { name, usage } = JSON.parse(line!) as { name: string; usage: { cpu: number } }
    assert.equal(name, 'inner')
    assert.ok(usage.cpu > 20, `${usage.cpu}`)
    const missing = await helper.cli('cgroups', '/no/such')
    assert.equal(missing.code, 1)
    assert.match(missing.stderr, /there is no cgroup/)
  })
})
