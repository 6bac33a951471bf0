import assert from 'node:assert/strict'
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { release } from 'node:os'
import { busyboxArchive } from '../support/busybox.ts'
import { runToEnd, TestHelper } from '../support/helper.ts'
import { loadImage } from '../support/imageArchive.ts'
import { tarEnd, tarEntry } from '../support/tar.ts'

/** What else a second kernel may do otherwise: older mount calls, layers attached first, its own idea of namespaces. */
describe(`the engine on Linux ${release()}`, () => {
  let helper: TestHelper
  before(async () => {
    helper = await TestHelper.start({ network: 'host' })
    await helper.importBusybox()
  })
  after(() => helper.stop())

  const sh = async (script: string, more: object = {}): Promise<string> =>
    (
      await runToEnd(helper, { image: 'busybox', network: 'none', command: ['sh', '-c', script], ...more })
    ).output.trim()

  it('runs a command in namespaces of its own, with ids of its own', async () => {
    const kinds = ['pid', 'mnt', 'uts', 'ipc', 'net', 'user', 'cgroup', 'time'].filter((kind) =>
      existsSync(`/proc/self/ns/${kind}`),
    )
    const inside = (
      await sh(`for n in ${kinds.join(' ')}; do readlink /proc/self/ns/$n; done; cat /proc/self/uid_map`)
    ).split('\n')
    const outside = kinds.map((kind) => readlinkSync(`/proc/self/ns/${kind}`))
    assert.deepEqual(
      inside.slice(0, -1).filter((name) => outside.includes(name)),
      [],
    )
    assert.match(inside.at(-1)!, /^\s*0\s+18\d{8}\s+65536$/)
  })

  it('keeps what a container writes in its own layer, owned by its own root', async () => {
    assert.equal(await sh('rm /bin/env; echo x > /bin/env; cat /bin/env; stat -c %u:%g /bin/env /bin'), 'x\n0:0\n0:0')
    assert.equal(await sh('test -L /bin/env && echo untouched'), 'untouched')
  })

  it('ends as the command does', async () => {
    const codes = await Promise.all(
      ['exit 0', 'exit 7'].map((script) =>
        runToEnd(helper, { image: 'busybox', network: 'none', command: ['sh', '-c', script] }),
      ),
    )
    assert.deepEqual(
      codes.map(({ exitCode }) => exitCode),
      [0, 7],
    )
    await assert.rejects(runToEnd(helper, { image: 'busybox', network: 'none', command: ['nope'] }), /no such file/)
  })

  it('hides what the kernel shows of itself, and filters system calls', async () => {
    assert.equal(await sh('cat /proc/keys | wc -c; grep Seccomp: /proc/self/status'), '0\nSeccomp:\t2')
    assert.match(await sh('mount -t tmpfs x /tmp 2>&1'), /denied|not permitted/)
  })

  it('gives a terminal', async () => assert.match(await sh('tty', { tty: true }), /^\/dev\/pts\/0/))

  it('survives its helper', async () => {
    const client = await helper.client()
    const { id, pid } = await client.call('containers/run', {
      image: 'busybox',
      network: 'none',
      command: ['sleep', '1000'],
    })
    await helper.kill('SIGKILL')
    assert.ok(readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('sleep'))
    await helper.start()
    const again = await helper.client()
    assert.equal((await again.call('containers/list')).find((container) => container.id === id)?.state, 'running')
    await again.call('containers/remove', { container: id, force: true })
  })

  it('stacks as many layers as an image may have', async () => {
    const layers = Array.from({ length: 40 }, (_, n) =>
      Buffer.concat([tarEntry({ name: `layer-${n}`, content: `${n}` }), tarEnd]),
    )
    await loadImage(helper, 'stack', [readFileSync(busyboxArchive()), ...layers])
    assert.equal(await sh('cat /layer-0 /layer-20 /layer-39', { image: 'stack' }), '02039')
    assert.equal(await sh('rm /layer-7; ls -d /layer-* | wc -l', { image: 'stack' }), '39')
  })

  it('commits what a container wrote', async () => {
    const client = await helper.client()
    const { id } = await client.call('containers/run', {
      image: 'busybox',
      network: 'none',
      command: ['sh', '-c', 'echo x > /made; rm /etc/group'],
    })
    await client.call('containers/wait', { container: id })
    const changes = await client.call('containers/diff', { container: id })
    assert.deepEqual(
      changes.map(({ kind, path }) => `${kind} ${path}`),
      ['changed etc', 'removed etc/group', 'added made'],
    )
    await client.call('containers/commit', { container: id, name: 'committed' })
    assert.equal(
      await sh('cat /made; ls /etc/group 2>&1', { image: 'committed' }),
      'x\nls: /etc/group: No such file or directory',
    )
  })

  it('limits what a container writes, or says what that needs', async () => {
    const script = 'head -c 3000000 /dev/zero > /big; echo $?; rm /big; head -c 500000 /dev/zero > /small && echo fits'
    const limited = runToEnd(helper, {
      image: 'busybox',
      network: 'none',
      command: ['sh', '-c', script],
      storageSize: 1 << 20,
    })
    if (!/prjquota/.test(readFileSync('/proc/mounts', 'utf8')))
      return await assert.rejects(limited, /project quotas, which the file system of the state folder does not keep/)
    assert.match((await limited).output, /quota exceeded|No space left|I\/O error/i)
    assert.match((await limited).output, /1\nfits\n$/)
    const free = await runToEnd(helper, {
      image: 'busybox',
      network: 'none',
      command: ['sh', '-c', 'head -c 3000000 /dev/zero > /big && echo fits'],
    })
    assert.equal(free.output, 'fits\n')
  })

  it('changes limits, counts what is used, and mounts volumes', async () => {
    const client = await helper.client()
    const mounts = [{ type: 'volume' as const, name: 'kept', target: '/data' }]
    const { id } = await client.call('containers/run', {
      ...{ image: 'busybox', network: 'none', mounts, command: ['sh', '-c', 'echo kept > /data/file; sleep 1000'] },
      resources: { memory: 64 << 20 },
    })
    await client.call('containers/update', { container: id, resources: { memory: 96 << 20, pidsLimit: 40 } })
    const [stats] = await client.call('containers/stats', { containers: [id] })
    assert.equal(stats!.memoryLimit, 96 << 20)
    assert.ok(stats!.cpu > 0 && stats!.memory > 0 && stats!.pids >= 1)
    assert.ok((await client.call('containers/top', { container: id })).length >= 1)
    assert.equal(await sh('cat /data/file; stat -c %u /data/file', { mounts }), 'kept\n0')
    await client.call('containers/remove', { container: id, force: true })
    client.close()
  })
})
