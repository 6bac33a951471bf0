import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Client } from '../../helper/client/client.ts'
import type { Cgroup } from '../../helper/protocol/cgroupSchemas.ts'
import { busyboxRoot } from '../support/busybox.ts'
import { until } from '../support/until.ts'
import { docker, type DockerEngine } from '../support/docker.ts'
import { TestHelper } from '../support/helper.ts'
import { makeNetworkNamespace, type NetworkNamespace } from '../support/networkNamespace.ts'

/** Real peers: what they made is seen, with whose it is, and left alone. */
describe('containers of other engines', function () {
  this.timeout(60_000)
  const directory = mkdtempSync('/tmp/bulkhead-peers-')
  const leftBehind = ['lxc.pivot', 'lxc.payload.bulkhead-lxc', 'lxc.monitor.bulkhead-lxc']
  const present = new Set(globSync('/sys/fs/cgroup/{*/,}lxc*'))
  let helper: TestHelper
  let client: Client
  let engine: DockerEngine
  let namespace: NetworkNamespace
  const runc = (...words: string[]) => spawnSync('runc', words, { cwd: join(directory, 'runc'), stdio: 'ignore' })
  const lxc = (command: string, ...words: string[]) =>
    execFileSync(command, ['-n', 'bulkhead-lxc', '-P', join(directory, 'lxc'), ...words], { stdio: 'ignore' })

  before(async () => {
    mkdirSync(join(directory, 'lxc'))
    for (const name of ['runc', 'lxc-root'])
      cpSync(busyboxRoot(), join(directory, name, name === 'runc' ? 'rootfs' : ''), {
        recursive: true,
        verbatimSymlinks: true,
      })
    namespace = await makeNetworkNamespace()
    engine = (await docker(directory, namespace.enter))!
    engine.run(
      'run',
      '-d',
      '--name',
      'docked',
      '--cpus',
      '0.3',
      '-m',
      '64m',
      'busybox',
      'sh',
      '-c',
      'while true; do :; done',
    )
    startRunc()
    startLxc()
    // As where Docker has its state: the test's own is there for the helper alone.
    const script = `mount --make-rprivate / && mkdir -p /var/lib/docker && mount --bind ${directory}/docker /var/lib/docker && exec "$@"`
    helper = await TestHelper.start({ within: ['unshare', '-m', 'sh', '-c', script, 'sh'] })
    client = await helper.client()
  })
  after(async () => {
    await helper.stop()
    lxc('lxc-stop', '-k')
    runc('delete', '-f', 'bulkhead-runc')
    engine.run('rm', '-f', 'docked')
    await engine.close?.()
    namespace.close()
    for (const path of globSync(leftBehind.map((name) => `/sys/fs/cgroup/{*/,}${name}`)))
      if (!present.has(path)) rmdirSync(path)
    rmSync(directory, { recursive: true, force: true })
  })

  function startRunc(): void {
    execFileSync('runc', ['spec'], { cwd: join(directory, 'runc') })
    const path = join(directory, 'runc/config.json')
    const config = JSON.parse(readFileSync(path, 'utf8'))
    config.process.terminal = false
    config.process.args = ['/bin/sleep', '1000']
    writeFileSync(path, JSON.stringify(config))
    assert.equal(runc('run', '-d', 'bulkhead-runc').status, 0)
  }

  function startLxc(): void {
    const lines = [
      'lxc.uts.name = bulkhead-lxc',
      `lxc.rootfs.path = dir:${directory}/lxc-root`,
      'lxc.net.0.type = empty',
      'lxc.init.cmd = /bin/sleep 1000',
      'lxc.tty.max = 0',
      'lxc.pty.max = 0',
      'lxc.mount.auto = proc',
    ]
    writeFileSync(join(directory, 'lxc.conf'), `${lines.join('\n')}\n`)
    lxc('lxc-start', '-f', join(directory, 'lxc.conf'), '-d')
  }

  async function all(path = '/'): Promise<Cgroup[]> {
    const { cgroups } = await client.call('cgroups/list', { path })
    const below = await Promise.all(cgroups.filter(({ hasChildren }) => hasChildren).map((one) => all(one.path)))
    return [...cgroups, ...below.flat()]
  }

  it('are known by their names', async () => {
    const owners = (await all()).flatMap(({ owner }) => (owner === null ? [] : [`${owner.kind} ${owner.name}`]))
    for (const wanted of ['docker docked', 'runc bulkhead-runc', 'lxc bulkhead-lxc'])
      assert.ok(owners.includes(wanted), `${wanted} in ${owners.join(', ')}`)
  })

  it('are known by their namespaces, too', async () => {
    const { namespaces } = await client.call('namespaces/list', { type: 'pid' })
    const names = namespaces.flatMap(({ belongsTo }) => belongsTo.map(({ kind, name }) => `${kind} ${name}`))
    for (const wanted of ['docker docked', 'runc bulkhead-runc', 'lxc bulkhead-lxc'])
      assert.ok(names.includes(wanted), `${wanted} in ${names.join(', ')}`)
    const { rows } = await client.call('namespaces/compare', {
      left: { pid: namespaces.find(({ belongsTo }) => belongsTo[0]?.name === 'docked')!.pid! },
      right: { host: true },
    })
    assert.ok(rows.filter(({ shared }) => shared).some(({ type }) => type === 'user'))
  })

  it('use what docker stats says', async () => {
    const { path } = (await all()).find(({ owner }) => owner?.name === 'docked')!
    const samples: (number | null)[][] = []
    client.onUsage('docker', ({ rows }) => samples.push(rows[0]!))
    await client.call('usage/watch', { key: 'docker', cgroups: [path], metrics: ['cpu', 'memory'] })
    await until('samples', () => samples.length > 4)
    const words = [...engine.host, 'stats', '--no-stream', '--format', '{{json .}}', 'docked']
    const stats = JSON.parse(execFileSync('docker', words, { encoding: 'utf8' })) as {
      CPUPerc: string
      MemUsage: string
    }
    const cpu = samples.slice(1).reduce((sum, [percent]) => sum + percent!, 0) / (samples.length - 1)
    assert.ok(Math.abs(cpu - Number.parseFloat(stats.CPUPerc)) < 4, `${cpu} and ${stats.CPUPerc}`)
    const units: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 ** 2 }
    const [, number, unit] = /^([\d.]+)(\w+)/.exec(stats.MemUsage)!
    const memory = Number(number) * units[unit!]!
    assert.ok(
      Math.abs(samples.at(-1)![1]! - memory) < memory * 0.1 + 65_536,
      `${samples.at(-1)![1]} and ${stats.MemUsage}`,
    )
    await client.call('usage/watch', { key: 'docker', cgroups: [], metrics: ['cpu'] })
  })

  it('are the namespaces that lsns lists', async () => {
    const words = await helper.inNetwork('lsns', ['-J', '-o', 'NS,TYPE'])
    const theirs = (JSON.parse(words.stdout) as { namespaces: { ns: number; type: string }[] }).namespaces
    const ours = new Set((await client.call('namespaces/list', {})).namespaces.map(({ id, type }) => `${type} ${id}`))
    // lsns itself, and what it was started by, may be in some of their own.
    const missing = theirs.filter(({ ns, type }) => !ours.has(`${type} ${ns}`))
    assert.ok(theirs.length > 20)
    assert.deepEqual(missing, [])
  })

  it('stay as they are', () => {
    assert.ok(existsSync('/run/runc/bulkhead-runc/state.json'))
    assert.match(
      execFileSync('docker', [...engine.host, 'ps', '--format', '{{.Names}}'], { encoding: 'utf8' }),
      /docked/,
    )
  })
})
