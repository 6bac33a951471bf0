import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openCgroups } from '../../helper/cgroups/cgroups.ts'
import type { Client } from '../../helper/client/client.ts'
import type { Resources } from '../../helper/protocol/schemas.ts'
import { runToEnd, TestHelper } from '../support/helper.ts'

/** The same on v1 (this kind of machine) and on v2 (the virtual machine of test/vm). */
const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers')

describe(`cgroups ${v2 ? 'v2' : 'v1'}`, () => {
  let helper: TestHelper
  let client: Client
  before(async () => {
    helper = await TestHelper.start({ network: 'host' })
    await helper.importBusybox()
    client = await helper.client()
  })
  after(() => helper.stop())

  type Directories = Readonly<Record<string, string>>

  async function withContainer(
    resources: Resources,
    work: (cgroups: Directories, id: string) => Promise<void> | void,
    command = ['sleep', '1000'],
  ): Promise<void> {
    const { id } = await client.call('containers/run', { image: 'busybox', network: 'none', command, resources })
    try {
      const { cgroups } = (await client.call('containers/inspect', { container: id })) as { cgroups: Directories }
      await work(cgroups, id)
    } finally {
      await client.call('containers/remove', { container: id, force: true })
    }
  }

  function read(cgroups: Directories, controller: string, fileV1: string, fileV2: string): string {
    return readFileSync(join(v2 ? cgroups['unified']! : cgroups[controller]!, v2 ? fileV2 : fileV1), 'utf8').trim()
  }

  it('is what the machine has', async () => assert.equal((await client.call('version')).cgroups, v2 ? 'v2' : 'v1'))

  it('carry every limit into the kernel’s files', () =>
    withContainer(
      { memory: 64 << 20, memoryHigh: 48 << 20, cpus: 0.25, cpuShares: 512, cpusetCpus: '0', pidsLimit: 33 },
      (cgroups) => {
        assert.equal(read(cgroups, 'memory', 'memory.limit_in_bytes', 'memory.max'), String(64 << 20))
        assert.equal(read(cgroups, 'memory', 'memory.soft_limit_in_bytes', 'memory.high'), String(48 << 20))
        assert.equal(read(cgroups, 'cpu', 'cpu.cfs_quota_us', 'cpu.max'), v2 ? '25000 100000' : '25000')
        assert.equal(read(cgroups, 'cpu', 'cpu.shares', 'cpu.weight'), v2 ? '20' : '512')
        assert.equal(read(cgroups, 'cpuset', 'cpuset.cpus', 'cpuset.cpus'), '0')
        assert.equal(read(cgroups, 'pids', 'pids.max', 'pids.max'), '33')
      },
    ))

  it('limit processes by default', () =>
    withContainer({}, (cgroups) => assert.equal(read(cgroups, 'pids', 'pids.max', 'pids.max'), '2048')))

  it('hold the container’s processes, all of them', () =>
    withContainer(
      {},
      async (cgroups) => {
        await sleep(300)
        const pids = read(cgroups, 'pids', 'cgroup.procs', 'cgroup.procs').split('\n')
        assert.equal(pids.length, 3, pids.join(' '))
      },
      ['sh', '-c', 'sleep 100 & sleep 100 & wait'],
    ))

  it('freeze and thaw', () =>
    withContainer({}, async (cgroups, id) => {
      const state = (): string => read(cgroups, 'freezer', 'freezer.state', 'cgroup.freeze')
      await client.call('containers/pause', { container: id })
      assert.equal(state(), v2 ? '1' : 'FROZEN')
      await client.call('containers/unpause', { container: id })
      assert.equal(state(), v2 ? '0' : 'THAWED')
    }))

  it('tell which container was killed for want of memory', async () => {
    const { exitCode, oomKilled } = await runToEnd(helper, {
      image: 'busybox',
      network: 'none',
      command: ['tail', '/dev/zero'],
      resources: { memory: 32 << 20 },
    })
    assert.deepEqual([exitCode, oomKilled], [137, true])
  })

  it('show the container itself alone', async () => {
    const { output } = await runToEnd(helper, {
      image: 'busybox',
      network: 'none',
      command: ['cat', '/proc/self/cgroup'],
    })
    const lines = output.trim().split('\n')
    const own = v2 ? lines : lines.filter((line) => /:(?:memory|pids|cpu|freezer):/.test(line))
    for (const line of own) assert.match(line, /:\/$/)
  })

  it('are gone when the container is', async () => {
    let kept: Directories = {}
    await withContainer({ memory: 64 << 20 }, (cgroups) => void (kept = cgroups))
    await sleep(100)
    assert.ok(Object.keys(kept).length > 0)
    for (const directory of Object.values(kept)) assert.equal(existsSync(directory), false, directory)
  })

  it('limit disk traffic where the kernel offers it, and say so where not', async () => {
    const [major, minor] = deviceOf('/')
    const limits: Resources = {
      deviceReadBps: [{ major, minor, rate: 1 << 20 }],
      deviceWriteBps: [{ major, minor, rate: 2 << 20 }],
    }
    await withContainer(limits, (cgroups) => {
      if (v2) assert.match(read(cgroups, '', '', 'io.max'), new RegExp(`${major}:${minor} rbps=1048576 wbps=2097152`))
      else assert.equal(read(cgroups, 'blkio', 'blkio.throttle.read_bps_device', ''), `${major}:${minor} 1048576`)
    })
    const weighted = await client
      .call('containers/run', { image: 'busybox', network: 'none', command: ['true'], resources: { blkioWeight: 500 } })
      .catch((error: Error) => error)
    if (weighted instanceof Error) assert.match(weighted.message, /a weight of disk time: this kernel has no/)
    else await client.call('containers/remove', { container: weighted.id, force: true })
  })

  it('are killed and removed when a watcher could not', async () => {
    const cgroups = openCgroups('bulkhead-test-of-leftovers')
    cgroups.prepare()
    try {
      const [operation] = cgroups.operations('left', {})
      assert.equal(operation?.operation, 'create cgroup')
      for (const step of cgroups.operations('left', {}))
        if (step.operation === 'create cgroup') mkdirSync(step.directory)
      const { spawn } = await import('node:child_process')
      const child = spawn('sleep', ['1000'])
      for (const directory of Object.values(cgroups.directories('left')))
        writeFileSync(join(directory, 'cgroup.procs'), String(child.pid))
      assert.deepEqual(cgroups.list(), ['left'])
      await cgroups.remove('left')
      assert.deepEqual(cgroups.list(), [])
      if (child.exitCode === null && child.signalCode === null)
        await new Promise((resolve) => child.once('exit', resolve))
      assert.equal(child.signalCode, 'SIGKILL')
    } finally {
      cgroups.cleanUp()
    }
  })

  it('of two helpers do not meet', async () => {
    const other = await TestHelper.start({ network: 'host' })
    try {
      await other.importBusybox()
      const theirs = await other.client()
      const { id } = await theirs.call('containers/run', {
        image: 'busybox',
        network: 'none',
        command: ['sleep', '100'],
      })
      await helper.kill('SIGKILL')
      await helper.start() // it removes what it does not know: not the other's
      client = await helper.client()
      assert.equal((await theirs.call('containers/list')).find((container) => container.id === id)?.state, 'running')
    } finally {
      await other.stop()
    }
  })
})

/** Number of the disk, not of its partition: throttles are the disk's. */
function deviceOf(path: string): [number, number] {
  const mount = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((line) => line.split(' ')[4] === path)!
  const number = mount.split(' ')[2]!
  const block = readdirSync('/sys/block').find(
    (name) => readFileSync(`/sys/block/${name}/dev`, 'utf8').trim() === number,
  )
  const [major, minor] = (block === undefined ? readFileSync('/sys/block/vda/dev', 'utf8') : number)
    .trim()
    .split(':')
    .map(Number)
  return [major!, minor!]
}
