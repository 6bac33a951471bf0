import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Params } from '../../helper/protocol/methods.ts'
import { dropGroup, ensureGroup } from '../support/group.ts'
import { runToEnd, TestHelper } from '../support/helper.ts'
import { rejects } from '../support/rejects.ts'

type Request = Omit<Params<'containers/run'>, 'image' | 'command'>

describe('volumes and mounts', () => {
  let helper: TestHelper
  let scratch: string
  before(async () => {
    helper = await TestHelper.start()
    scratch = mkdtempSync('/tmp/bulkhead-mounts-')
    chmodSync(scratch, 0o755)
    await helper.importBusybox()
    const from = await helper.ok('run', '-d', 'busybox', 'sleep', '100')
    await helper.ok(
      'exec',
      from.trim(),
      'sh',
      '-c',
      'mkdir -p /srv/data/deep && echo image > /srv/data/deep/file && chown -R 1000:2000 /srv/data && chmod 750 /srv/data && ln -s /srv/data /srv/link',
    )
    await helper.ok('commit', '--change', 'VOLUME /srv/data', from.trim(), 'withvolume')
    await helper.ok('rm', '-f', from.trim())
  })
  after(async () => {
    await helper.stop()
    rmSync(scratch, { recursive: true })
    dropGroup()
  })

  async function sh(line: string, request: Request = {}, image = 'busybox'): Promise<string> {
    return (await runToEnd(helper, { image, command: ['sh', '-c', `${line} 2>&1`], network: 'none', ...request }))
      .output
  }

  const data = (name: string): string => join(helper.state, 'volumes', name, '_data')

  it('keep what one container writes for the next, with the owners it had inside', async () => {
    const mounts = [{ type: 'volume', name: 'kept', target: '/data' }] as const
    await sh('echo one > /data/file; chown 1000:2000 /data/file', { mounts: [...mounts] })
    assert.equal(await sh('stat -c "%u:%g" /data/file; cat /data/file', { mounts: [...mounts] }), '1000:2000\none\n')
    const { uid, gid } = statSync(join(data('kept'), 'file'))
    assert.deepEqual([uid, gid], [1000, 2000], 'on the host, too')
    // Another container has other ids on the host, and sees the same.
    assert.match(await helper.ok('volume', 'ls'), /^DRIVER +VOLUME NAME +USED BY\nlocal +kept\n/)
  })

  it('are filled with the image’s files when they are new: owners, modes, all of it', async () => {
    const mounts = [{ type: 'volume' as const, name: 'filled', target: '/srv/data' }]
    const look = 'stat -c "%u:%g %a" /srv/data; cat /srv/data/deep/file'
    assert.equal(await sh(look, { mounts }, 'withvolume'), '1000:2000 750\nimage\n')
    await sh('echo mine > /srv/data/deep/file', { mounts }, 'withvolume')
    assert.equal(await sh(look, { mounts }, 'withvolume'), '1000:2000 750\nmine\n', 'once')
    assert.equal(
      await sh('ls -A /srv/data', { mounts: [{ ...mounts[0]!, name: 'bare', noCopy: true }] }, 'withvolume'),
      '',
    )
    assert.deepEqual(
      readdirSync(join(helper.state, 'volumes', 'filled')).sort(),
      ['_data', 'volume.json'],
      'nothing half done',
    )
  })

  it('of an image have no name, and go with a container that is removed', async () => {
    const id = (await helper.ok('run', '-d', '--network', 'none', 'withvolume', 'sleep', '100')).trim()
    const [volume] = JSON.parse(await helper.ok('inspect', id))[0].mounts
    assert.match(volume.name, /^[0-9a-f]{64}$/)
    assert.equal(readFileSync(join(volume.source, 'deep/file'), 'utf8'), 'image\n')
    assert.match((await helper.cli('volume', 'rm', volume.name)).stderr, /is used by/)
    assert.equal(
      await sh('cat /srv/data/deep/file; touch /srv/data/x', { volumesFrom: [{ container: id, readOnly: true }] }),
      'image\ntouch: /srv/data/x: Read-only file system\n',
    )
    await helper.ok('rm', '-f', id)
    assert.ok(existsSync(volume.source), 'without -v it stays, as with Docker')
    await helper.ok('volume', 'rm', volume.name)
    await helper.ok('run', '--rm', '--network', 'none', 'withvolume', 'true')
    const other = (await helper.ok('run', '-d', '--network', 'none', 'withvolume', 'true')).trim()
    await helper.ok('rm', '-fv', other)
    assert.doesNotMatch(await helper.ok('volume', 'ls'), /[0-9a-f]{64}/)
    // Nor does anything remain of one that was never made, or never started.
    assert.equal((await helper.cli('run', '-m', '1k', 'withvolume', 'true')).code, 125)
    assert.equal((await helper.cli('run', '--network', 'none', 'withvolume', '/nothing')).code, 127)
    assert.doesNotMatch(await helper.ok('volume', 'ls'), /[0-9a-f]{64}/)
    assert.deepEqual(helper.containerFolders(), [])
  })

  it('bind folders and files of the host, read-only when asked, through links of the image', async () => {
    writeFileSync(join(scratch, 'config'), 'host\n')
    const target = '/srv/link/config'
    const bind = { type: 'bind' as const, source: join(scratch, 'config') }
    assert.equal(
      await sh(
        'cat /srv/data/config; echo x >> /srv/data/config',
        { mounts: [{ ...bind, target, readOnly: true }] },
        'withvolume',
      ),
      "host\nsh: can't create /srv/data/config: Read-only file system\n",
    )
    await sh('echo more >> /srv/data/config', { mounts: [{ ...bind, target }] }, 'withvolume')
    assert.equal(readFileSync(join(scratch, 'config'), 'utf8'), 'host\nmore\n')
    // Docker makes a missing folder for --volume, and refuses it for --mount.
    await helper.ok('run', '--rm', '--network', 'none', '-v', `${scratch}/new/er:/x`, 'busybox', 'touch', '/x/here')
    assert.equal(statSync(join(scratch, 'new/er/here')).uid, 0)
    const missing = await helper.cli(
      'run',
      '--rm',
      '--network',
      'none',
      '--mount',
      `type=bind,src=${scratch}/none,dst=/x`,
      'busybox',
      'true',
    )
    assert.match(missing.stderr, /open source .*\/none: no such file or directory/)
  })

  it('give a user’s files to the container’s root, and nobody else’s', async function () {
    if (spawnSync('setpriv', ['--version']).status !== 0) this.skip()
    const home = join(scratch, 'home')
    mkdirSync(home)
    chownSync(home, 1234, 1234)
    writeFileSync(join(home, 'roots'), 'secret\n', { mode: 0o600 })
    mkdirSync(join(scratch, 'closed'), { mode: 0o700 })
    writeFileSync(join(scratch, 'closed/file'), '')
    const gid = ensureGroup()
    chownSync(helper.socket, 0, gid)
    chmodSync(helper.socket, 0o660)
    const as = (...args: string[]) =>
      spawnSync(
        'setpriv',
        [
          '--reuid=1234',
          '--regid=1234',
          `--groups=${gid}`,
          process.execPath,
          join(import.meta.dirname, '../../dist/bulkhead.cjs'),
          'run',
          '--rm',
          '--network',
          'none',
          ...args,
        ],
        {
          env: { ...process.env, BULKHEAD_HOST: `unix://${helper.socket}` },
          encoding: 'utf8',
        },
      )
    chmodSync(helper.directory, 0o755)
    const made = as(
      '-v',
      `${home}:/h`,
      'busybox',
      'sh',
      '-c',
      'stat -c %u:%g /h; echo new > /h/new; cat /h/roots; chown 33 /h/new',
    )
    assert.match(made.stdout, /^0:0\n/, made.stderr)
    assert.match(made.stderr, /can't open '\/h\/roots': Permission denied[\s\S]*(?:Invalid argument|Value too large)/)
    const { uid } = statSync(join(home, 'new'))
    assert.equal(uid, 1234, 'what the container’s root makes is the caller’s')
    const refused = as('-v', `${scratch}/closed/file:/x`, 'busybox', 'true')
    assert.match(refused.stderr, /closed\/file: permission denied/)
    assert.notEqual(refused.status, 0)
    const cannotMake = as('-v', `${scratch}/mine:/x`, 'busybox', 'true')
    assert.match(cannotMake.stderr, /mine: permission denied/, 'a folder is made with the caller’s rights, too')
  })

  it('pass on what is mounted later, or not, as their propagation says', async () => {
    const shared = join(scratch, 'shared')
    mkdirSync(join(shared, 'below'), { recursive: true })
    execFileSync('mount', ['--bind', shared, shared])
    execFileSync('mount', ['--make-shared', shared])
    try {
      const client = await helper.client()
      const kinds = ['rprivate', 'rslave', 'rshared'] as const
      for (const propagation of kinds)
        await client.call('containers/run', {
          ...{ image: 'busybox', command: ['sleep', '1000'], network: 'none', name: propagation },
          mounts: [{ type: 'bind', source: shared, target: '/shared', propagation }],
        })
      execFileSync('mount', ['-t', 'tmpfs', 'later', join(shared, 'below')])
      writeFileSync(join(shared, 'below/seen'), '')
      const seen = await Promise.all(kinds.map((name) => helper.ok('exec', name, 'ls', '/shared/below')))
      assert.deepEqual(seen, ['', 'seen\n', 'seen\n'])
      execFileSync('umount', [join(shared, 'below')])
      await helper.ok('rm', '-f', ...kinds)
      client.close()
    } finally {
      spawnSync('umount', [join(shared, 'below')])
      execFileSync('umount', [shared])
    }
  })

  it('mount a tmpfs with its size and mode', async () => {
    const mounts = [{ type: 'tmpfs' as const, target: '/t', size: 65_536, mode: 0o700 }]
    const text = await sh('stat -c %a /t; dd if=/dev/zero of=/t/x bs=1k count=100; mount | grep " /t "', { mounts })
    assert.match(text, /^700\n[\s\S]*No space left[\s\S]*none on \/t type tmpfs \(rw,nosuid,nodev,noexec/)
  })

  it('never cover the root or a kernel file system, wherever links of the image lead', async () => {
    const root = join(scratch, 'hostile')
    mkdirSync(root)
    execFileSync('cp', ['-a', '/bin/busybox', root])
    symlinkSync('/proc', join(root, 'toproc'))
    symlinkSync('/', join(root, 'toroot'))
    symlinkSync('/sys/fs/cgroup', join(root, 'tocgroup'))
    execFileSync('tar', ['-C', root, '-cf', join(scratch, 'hostile.tar'), '.'])
    await helper.ok('import', join(scratch, 'hostile.tar'), 'hostile')
    for (const [target, why] of [
      ['/toproc', /kernel file system/],
      ['/toproc/self', /kernel file system/],
      ['/toroot', /is the root/],
      ['/toroot/toproc/sys', /kernel file system/],
    ] as const)
      for (const mount of [
        { type: 'volume' as const, name: 'hostilevolume', target },
        { type: 'tmpfs' as const, target },
      ])
        await rejects(
          'StartFailed',
          runToEnd(helper, { image: 'hostile', command: ['/busybox', 'true'], network: 'none', mounts: [mount] }),
          why,
        )
    await helper.ok('volume', 'rm', 'hostilevolume')
  })

  it('refuse to be removed while in use, and are pruned when they are not', async () => {
    await helper.ok('volume', 'create', 'used', '--label', 'a=b')
    const id = (await helper.ok('create', '--network', 'none', '-v', 'used:/x', 'busybox', 'true')).trim()
    const { code, stderr } = await helper.cli('volume', 'rm', 'used')
    assert.equal(code, 1)
    assert.match(stderr, /volume used is used by/)
    assert.match(await helper.ok('volume', 'prune', '-af'), /^bare\nfilled\nkept\nTotal reclaimed: \d/)
    await helper.ok('rm', id)
    const pruned = await helper.ok('volume', 'prune', '-af')
    assert.match(pruned, /^used\nTotal reclaimed: 0B/)
    assert.deepEqual(readdirSync(join(helper.state, 'volumes')), [])
    assert.match((await helper.cli('volume', 'inspect', 'used')).stderr, /no volume used/)
  })

  it('are whole after a helper that was killed at any moment', async () => {
    await helper.ok('volume', 'create', 'lasting')
    mkdirSync(join(helper.state, 'volumes/.partial-x/_data'), { recursive: true })
    mkdirSync(join(helper.state, 'volumes/.removed-y/_data'), { recursive: true })
    mkdirSync(join(data('lasting'), '../.partial-z'))
    await helper.kill()
    await helper.start()
    assert.deepEqual(readdirSync(join(helper.state, 'volumes')), ['lasting'])
    assert.deepEqual(readdirSync(join(helper.state, 'volumes/lasting')).sort(), ['_data', 'volume.json'])
    const client = await helper.client()
    const removals = Array.from({ length: 3 }, () =>
      client.call('volumes/remove', { volume: 'lasting' }).then(
        () => 1,
        () => 0,
      ),
    )
    assert.equal(
      (await Promise.all(removals)).reduce<number>((sum, n) => sum + n, 0),
      1,
      'two at once: one of them removes it',
    )
  })

  it('are filled once by two containers at once', async () => {
    const client = await helper.client()
    const request = {
      image: 'withvolume',
      command: ['cat', '/srv/data/deep/file'],
      network: 'none',
      mounts: [{ type: 'volume' as const, name: 'race', target: '/srv/data' }],
    }
    const ended = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const { id } = await client.call('containers/run', request)
        return (await client.call('containers/wait', { container: id })).exitCode
      }),
    )
    assert.deepEqual(ended, [0, 0, 0, 0, 0, 0])
  })

  it('are browsed and refused like other roots', async () => {
    const client = await helper.client()
    const root = { volume: 'race' }
    const entries = await client.call('files/list', { root, path: '/deep' })
    assert.deepEqual(
      entries.map(({ name }) => name),
      ['file'],
    )
    await rejects('VolumeNotFound', client.call('files/list', { root: { volume: 'none' }, path: '/' }))
    await rejects('PathNotFound', client.call('files/list', { root, path: '/../../../etc' }))
  })
})
