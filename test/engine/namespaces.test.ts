import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Client } from '../../helper/client/client.ts'
import { namespaceTypes, type NamespaceType } from '../../helper/protocol/kernelWords.ts'
import type { NamespaceContents, NamespaceSummary } from '../../helper/protocol/namespaceSchemas.ts'
import { processorTime } from '../support/processorTime.ts'
import { until } from '../support/until.ts'
import { TestHelper } from '../support/helper.ts'
import { rejects } from '../support/rejects.ts'

/** busybox has it in the virtual machine, util-linux elsewhere: both know these flags. */
const unshare = (...words: string[]): ChildProcess => spawn('unshare', words, { stdio: 'ignore' })

describe('namespaces of the whole machine', () => {
  let helper: TestHelper
  let client: Client
  const children: ChildProcess[] = []
  before(async () => {
    helper = await TestHelper.start({ network: 'host' })
    await helper.importBusybox()
    client = await helper.client()
    await helper.ok('run', '-d', '--name', 'web', '--network', 'none', 'busybox', 'sleep', '1000')
    await helper.ok('run', '-d', '--name', 'joined', '--network', 'container:web', 'busybox', 'sleep', '1000')
  })
  after(async () => {
    for (const child of children) child.kill('SIGKILL')
    await helper.stop()
  })

  const list = async (type?: NamespaceType): Promise<NamespaceSummary[]> =>
    (await client.call('namespaces/list', type === undefined ? {} : { type })).namespaces
  const numberOf = (pid: number, type: NamespaceType): number =>
    Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/${type}`))![1])
  const pidOf = async (name: string): Promise<number> =>
    (await client.call('containers/list')).find((one) => one.name === name)!.pid

  /** The process that it starts; unshare itself is in the new user namespace, too. */
  async function started(...words: string[]): Promise<{ outer: number; inner: number }> {
    const child = unshare(...words)
    children.push(child)
    const inner = await until('a child in namespaces of its own', () => {
      const text = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
      return text !== '' && numberOf(Number(text), 'user') !== numberOf(process.pid, 'user') && Number(text)
    })
    return { outer: child.pid!, inner }
  }

  it('are those that the kernel has, with who is in them', async () => {
    const all = await list()
    for (const type of namespaceTypes) {
      const host = all.find((one) => one.type === type && one.isHost)
      assert.equal(host?.id, numberOf(process.pid, type), type)
      assert.ok(host.processes > 1)
    }
    const pid = await pidOf('web')
    const own = all.find((one) => one.id === numberOf(pid, 'pid'))!
    assert.deepEqual([own.type, own.pid, own.processes, own.command], ['pid', pid, 1, 'sleep'])
    assert.deepEqual(
      own.belongsTo.map(({ kind, name }) => `${kind} ${name}`),
      ['bulkhead web'],
    )
  })

  it('say who shares one', async () => {
    const shared = (await list('net')).find(({ belongsTo }) => belongsTo.length === 2)!
    assert.deepEqual(shared.belongsTo.map(({ name }) => name).toSorted(), ['joined', 'web'])
    assert.equal(shared.id, numberOf(await pidOf('web'), 'net'))
  })

  it('have parents and owners: a user namespace in a user namespace, a pid namespace in a pid namespace', async () => {
    const { outer, inner } = await started('-U', '-r', '-p', '-f', 'unshare', '-U', '-r', '-p', '-f', 'sleep', '1000')
    const innermost = await until('the innermost', () => {
      const text = readFileSync(`/proc/${inner}/task/${inner}/children`, 'utf8').trim()
      return text !== '' && readFileSync(`/proc/${text}/comm`, 'utf8').startsWith('sleep') && Number(text)
    })
    const all = await list()
    const of = (pid: number, type: NamespaceType): NamespaceSummary => all.find(({ id }) => id === numberOf(pid, type))!
    assert.equal(of(innermost, 'user').parent, numberOf(outer, 'user'))
    assert.equal(of(outer, 'user').parent, numberOf(process.pid, 'user'))
    assert.equal(of(innermost, 'pid').parent, numberOf(inner, 'pid'))
    assert.equal(of(innermost, 'pid').owner, numberOf(innermost, 'user'))
    const members = await client.call('namespaces/members', { type: 'pid', id: numberOf(innermost, 'pid') })
    assert.deepEqual(
      members.map(({ pids }) => pids.at(-1)),
      [1],
    )
    assert.equal(members[0]!.pids.length, 3)
  })

  it('are found where nobody is in them: held by a bind mount, or by a descriptor', async () => {
    const directory = mkdtempSync('/tmp/bulkhead-held-')
    const name = join(directory, 'net')
    writeFileSync(name, '')
    execFileSync('unshare', ['-n', 'mount', '--bind', '/proc/self/ns/net', name])
    let fd = -1
    /** The helper looks for such once in ten seconds: another one looks at once. */
    async function fresh<T>(work: (client: Client, held: NamespaceSummary[]) => Promise<T>): Promise<T> {
      const other = await TestHelper.start({ network: 'host' })
      try {
        const one = await other.client()
        const { namespaces } = await one.call('namespaces/list', { type: 'net' })
        return await work(
          one,
          namespaces.filter(({ processes, heldBy }) => processes === 0 && heldBy.length > 0),
        )
      } finally {
        await other.stop()
      }
    }
    try {
      const id = await fresh(async (one, all) => {
        const held = all.find(({ heldBy }) => heldBy.some((holder) => holder.kind === 'mount' && holder.path === name))!
        assert.equal(held.pid, null)
        const contents = await one.call('namespaces/inspect', { type: 'net', id: held.id })
        assert.deepEqual(contents.type === 'net' && contents.links.map((link) => link.name), ['lo'])
        return held.id
      })
      fd = openSync(name, 'r')
      execFileSync('umount', ['-l', name])
      const open = await fresh(async (_one, all) => all.find((held) => held.id === id))
      assert.ok(open?.heldBy.some((holder) => holder.kind === 'descriptor' && holder.pid === process.pid))
    } finally {
      if (fd >= 0) closeSync(fd)
      else spawnSync('umount', ['-l', name])
      rmSync(directory, { recursive: true })
    }
  })

  it('are told of within a second of their making, and of their end', async () => {
    let told = 0
    client.onNamespacesChanged(() => told++)
    await client.call('namespaces/follow', { follow: true })
    await until('the first look', () => told > 0)
    const before = (await list('uts')).length
    const began = performance.now()
    const child = unshare('-u', 'sleep', '1000')
    await until('the new one', async () => (await list('uts')).length === before + 1)
    assert.ok(performance.now() - began < 1000, `${performance.now() - began} ms`)
    await until('being told of it', () => told > 1)
    const heard = told
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    await until('its end', async () => (await list('uts')).length === before)
    await until('being told of its end', () => told > heard)
    await client.call('namespaces/follow', { follow: false })
  })

  it('are followed among a thousand short-lived processes a second', async function () {
    this.timeout(60_000)
    await client.call('namespaces/follow', { follow: true })
    await list()
    const busy = spawn('sh', ['-c', 'while true; do (exit 0); done'], { stdio: 'ignore' })
    children.push(busy)
    const [began, before] = [performance.now(), processorTime(helper.pid)]
    await new Promise((resolve) => setTimeout(resolve, 3000))
    const share = (processorTime(helper.pid) - before) / (performance.now() - began)
    console.log(`      the helper needs ${(share * 100).toFixed(1)} % of a processor meanwhile`)
    const child = unshare('-u', 'sleep', '1000')
    children.push(child)
    await until('the one that stays', async () => (await list('uts')).some(({ pid }) => pid === child.pid))
    busy.kill('SIGKILL')
    const all = await list('pid')
    // Those that are gone are not counted.
    await until(
      'nobody of them',
      async () => (await client.call('namespaces/list', { type: 'pid' })).namespaces[0]!.processes <= all[0]!.processes,
    )
    await client.call('namespaces/follow', { follow: false })
    assert.ok(share < 0.25, `${share}`)
  })

  it('are all there, and none that is gone, however many looked while they came and went', async function () {
    this.timeout(60_000)
    await client.call('namespaces/follow', { follow: true })
    const others = await Promise.all([helper.client(), helper.client(), helper.client()])
    const busy = [
      spawn('sh', ['-c', 'while true; do (exit 0); done'], { stdio: 'ignore' }),
      spawn('sh', ['-c', 'while true; do unshare -u true; done'], { stdio: 'ignore' }),
    ]
    children.push(...busy)
    const kept: ChildProcess[] = []
    const end = performance.now() + 4000
    const look = async (one: Client): Promise<void> => {
      while (performance.now() < end) await one.call('namespaces/list', { type: 'uts' })
    }
    const make = async (): Promise<void> => {
      while (performance.now() < end) {
        kept.push(unshare('-u', 'sleep', '1000'))
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
    await Promise.all([...others.map(look), make()])
    children.push(...kept)
    for (const one of busy) one.kill('SIGKILL')
    const host = numberOf(process.pid, 'uts')
    const wanted = kept.map(({ pid }) => `${numberOf(pid!, 'uts')} ${pid}`).toSorted()
    assert.ok(wanted.length > 10 && wanted.every((line) => !line.startsWith(`${host} `)))
    const mine = new Set(kept.map(({ pid }) => pid))
    const shown = async (): Promise<string[]> =>
      (await list('uts'))
        .filter(({ pid }) => pid !== null && (mine.has(pid) || !existsSync(`/proc/${pid}`)))
        .map(({ id, pid }) => `${id} ${pid}`)
        .toSorted()
    await until('those that are there', async () => (await shown()).join() === wanted.join()).catch(() => undefined)
    assert.deepEqual(await shown(), wanted)
    const { unreadable } = await client.call('namespaces/list', {})
    assert.ok(unreadable < 50, `${unreadable}: those that have ended are not among them`)
    for (const child of kept) child.kill('SIGKILL')
    for (const one of others) one.close()
    await client.call('namespaces/follow', { follow: false })
  })

  it('show what is inside, kind by kind', async () => {
    const pid = await pidOf('web')
    const inside = async <T extends NamespaceType>(type: T) =>
      (await client.call('namespaces/inspect', { type, id: numberOf(pid, type) })) as Extract<
        NamespaceContents,
        { type: T }
      >
    const { mounts } = await inside('mnt')
    assert.equal(mounts.find(({ target }) => target === '/')?.fileSystem, 'overlay')
    assert.ok(mounts.some(({ target, parent }) => target === '/proc' && mounts.some(({ id }) => id === parent)))
    const { uids } = await inside('user')
    assert.deepEqual([uids[0]!.inside, uids[0]!.count], [0, 65_536])
    assert.equal((await inside('uts')).hostname.length, 12)
    const { links } = await inside('net')
    assert.deepEqual(
      links.map(({ name, isUp }) => [name, isUp]),
      [['lo', true]],
    )
    assert.deepEqual((await inside('ipc')).sharedMemory, [])
    assert.ok((await inside('cgroup')).cgroups.some((path) => path.startsWith('/bulkhead')))
    assert.equal((await inside('time')).boottime, 0)
    assert.equal((await inside('pid')).type, 'pid')
  })

  it('show who listens', async () => {
    await helper.ok('exec', '-d', 'web', 'nc', '-l', '-p', '4711')
    const id = numberOf(await pidOf('web'), 'net')
    const socket = await until('a socket', async () => {
      const contents = (await client.call('namespaces/inspect', { type: 'net', id })) as Extract<
        NamespaceContents,
        { type: 'net' }
      >
      return contents.sockets.find(({ port }) => port === 4711)
    })
    assert.equal(socket.command, 'nc')
    assert.match(socket.protocol, /^tcp/)
  })

  it('are compared', async () => {
    const { rows } = await client.call('namespaces/compare', {
      left: { container: 'web' },
      right: { container: 'joined' },
    })
    assert.deepEqual(
      rows.filter(({ shared }) => shared).map(({ type }) => type),
      ['net'],
    )
    const withHost = await client.call('namespaces/compare', { left: { container: 'web' }, right: { host: true } })
    assert.deepEqual(
      withHost.rows.filter(({ shared }) => shared),
      [],
    )
    await rejects(
      'ProcessNotFound',
      client.call('namespaces/compare', { left: { pid: 4_190_000 }, right: { host: true } }),
    )
  })

  it('are in what a container shares: with whom, and what it owns', async () => {
    const shares = await client.call('containers/shares', { container: 'web' })
    assert.deepEqual(
      shares.namespaces.filter(({ own }) => !own),
      [{ type: 'net', id: numberOf(await pidOf('web'), 'net'), own: false, with: ['joined'] }],
    )
    assert.ok(shares.memory.own > 0 && shares.memory.own < shares.memory.resident)
    assert.ok(shares.kernel.image > 10e6, `${shares.kernel.image}`)
    assert.equal(shares.virtualMachine.disk, shares.layers.shared)
    assert.match(await helper.ok('shares', 'web'), /namespaces +mnt pid user uts ipc cgroup time +net \(joined\)/)
  })

  it('are entered, those chosen alone', async () => {
    const pid = await pidOf('web')
    const script = `for n in ${namespaceTypes.join(' ')}; do readlink /proc/self/ns/$n; done`
    const numbers = (text: string): number[] => [...text.matchAll(/\[(\d+)\]/g)].map(([, number]) => Number(number))
    const inside = namespaceTypes.map((type) => numberOf(pid, type))
    const outside = namespaceTypes.map((type) => numberOf(helper.pid, type))
    assert.deepEqual(numbers(await helper.ok('enter', '-a', 'web', 'sh', '-c', script)), inside)
    const some = numbers(await helper.ok('enter', '-n', '-u', String(pid), 'sh', '-c', script))
    assert.deepEqual(
      some,
      namespaceTypes.map((type, at) => (type === 'net' || type === 'uts' ? inside[at] : outside[at])),
    )
    assert.equal((await helper.cli('enter', '-a', 'web', 'sh', '-c', 'exit 7')).code, 7)
    assert.equal((await helper.ok('enter', '-p', '-m', '-U', 'web', 'cat', '/proc/1/comm')).trim(), 'sleep')
  })

  it('are not entered without words, processes, or a command', async () => {
    assert.match((await helper.cli('enter', 'web', 'true')).stderr, /say which namespaces/)
    assert.match((await helper.cli('enter', '-n', '4190000', 'true')).stderr, /no process 4190000/)
    assert.equal((await helper.cli('enter', '-a', 'web', 'nope')).code, 127)
  })

  it('are seen where /proc hides processes from others', async () => {
    // A procfs of its own: the option is that of the file system, not of the mount.
    const script = 'mount --make-rprivate / && mount -t proc -o hidepid=2 proc /proc && exec "$@"'
    const other = await TestHelper.start({ network: 'host', within: ['unshare', '-m', 'sh', '-c', script, 'sh'] })
    const { namespaces } = await (await other.client()).call('namespaces/list', { type: 'user' })
    assert.ok(namespaces.find(({ isHost }) => isHost)!.processes > 5)
    await other.stop()
  })
})
