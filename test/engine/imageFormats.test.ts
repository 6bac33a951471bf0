import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { runToEnd, TestHelper } from '../support/helper.ts'
import { makeLayeredImage } from '../support/layeredImage.ts'

/** All that is to survive: names, types, modes, owners, links, sizes, times, attributes. The root's own time changes. */
function listing(directory: string): string {
  const script = `cd "$1" && find . -mindepth 1 \\( -type d -printf '%p %y %m %U:%G %T@\\n' -o -printf '%p %y %m %U:%G %n %s %l %T@\\n' \\) | sort
    find . -type f -exec sha256sum {} + | sort; getfattr -R -h -d -m - . 2>/dev/null | grep -v overlay | sort
    find . \\( -type c -o -type b \\) -exec stat -c '%n %t:%T' {} + | sort`
  return execFileSync('bash', ['-c', script, 'listing', directory], { encoding: 'utf8', maxBuffer: 1 << 26 })
}

function rich(directory: string): void {
  const script = `cd "$1"; mkdir -p a/b deep; echo x > a/file; ln a/file a/hard; ln -s ../a/file a/soft; ln -s nowhere broken; mkfifo a/fifo
    chmod 4755 a/file; chown 1000:2000 a/b; chmod 2750 a/b; truncate -s 50M a/sparse; printf data | dd of=a/sparse bs=1 seek=20000000 conv=notrunc status=none
    touch -d '2001-02-03 04:05:06.789012345' a/file a/b; mknod disk b 8 0; mknod zero c 1 5; setfattr -n user.note -v hello a/file
    cp /bin/busybox sh; cp /bin/true cap; setcap cap_net_raw+ep cap; touch "$(printf 'x%.0s' $(seq 1 200))" 'ünï
code' 'with space'; p=deep; for i in $(seq 1 15); do p=$p/$(printf 'd%.0s' $(seq 1 60)); done; mkdir -p $p; echo deep > $p/file; : > empty`
  execFileSync('bash', ['-c', script, 'rich', directory])
}

describe('images and other tools', () => {
  let helper: TestHelper
  let directory: string
  before(async () => {
    helper = await TestHelper.start({ network: 'host' })
    directory = mkdtempSync('/tmp/bulkhead-images-')
    await helper.importBusybox()
    await makeLayeredImage(helper, 'site:1')
  })
  after(async () => {
    rmSync(directory, { recursive: true, force: true })
    await helper.stop()
  })

  const ok = (...args: string[]): Promise<string> => helper.ok(...args)
  const layout = (): string => join(helper.state, 'images')
  const cat = async (image: string, path: string) => (await runToEnd(helper, { image, command: ['cat', path] })).output

  it('are a layout that skopeo and umoci read as it is', () => {
    const seen = JSON.parse(execFileSync('skopeo', ['inspect', `oci:${layout()}:site:1`], { encoding: 'utf8' }))
    assert.equal(seen.Layers.length, 3)
    assert.match(execFileSync('umoci', ['list', '--layout', layout()], { encoding: 'utf8' }), /^site:1$/m)
    const bundle = join(directory, 'bundle')
    execFileSync('umoci', ['unpack', '--image', `${layout()}:site:1`, bundle], { stdio: 'ignore' })
    assert.equal(readFileSync(join(bundle, 'rootfs/srv/site/pages/index.html'), 'utf8'), '<h1>2</h1>\n')
    assert.equal(existsSync(join(bundle, 'rootfs/srv/site/big')), false)
    rmSync(bundle, { recursive: true })
  })

  it('that umoci makes are read from its layout, whiteouts and opaque directories among them', async () => {
    const other = join(directory, 'umoci')
    execFileSync('skopeo', ['copy', '-q', `oci:${layout()}:site:1`, `oci:${other}:base`])
    const bundle = join(directory, 'bundle')
    execFileSync('umoci', ['unpack', '--image', `${other}:base`, bundle], { stdio: 'ignore' })
    execFileSync('sh', [
      '-c',
      'cd "$1/rootfs" && rm -r srv/site/pages && mkdir srv/site/pages && echo p > srv/site/pages/other && rm etc/motd && ln -s /srv/site short',
      'x',
      bundle,
    ])
    execFileSync('umoci', ['repack', '--image', `${other}:changed`, bundle], { stdio: 'ignore' })
    const archive = join(directory, 'umoci.tar')
    execFileSync('skopeo', ['copy', '-q', `oci:${other}:changed`, `oci-archive:${archive}:umoci:1`])
    await ok('load', '-i', archive)
    const { output } = await runToEnd(helper, {
      image: 'umoci:1',
      command: ['sh', '-c', 'ls /srv/site/pages; ls /etc/motd; cat /short/new'],
    })
    assert.equal(
      output
        .split('\n')
        .filter((line) => line !== '')
        .toSorted()
        .join('|'),
      'added|ls: /etc/motd: No such file or directory|other',
    )
    await ok('rmi', 'umoci:1')
  })

  it('come back byte for byte: import, run nothing, export', async () => {
    const root = join(directory, 'rich')
    mkdirSync(root)
    rich(root)
    const archive = join(directory, 'rich.tar')
    execFileSync('tar', ['-C', root, '--format=pax', '--xattrs', '--xattrs-include=*', '-S', '-cf', archive, '.'])
    await ok('import', archive, 'rich', '-c', 'CMD ["/sh", "true"]')
    for (const userns of ['private', 'host']) {
      await helper.cli('run', '--name', 'untouched', '--userns', userns, 'rich')
      const exported = join(directory, `exported-${userns}`)
      mkdirSync(exported)
      execFileSync(
        'bash',
        [
          '-c',
          `set -o pipefail; "$1" "$2" export untouched | tar -C "$3" --xattrs --xattrs-include='*' -xpf -`,
          'x',
          process.execPath,
          join(import.meta.dirname, '../../dist/bulkhead.cjs'),
          exported,
        ],
        {
          env: { ...process.env, BULKHEAD_HOST: `unix://${helper.socket}` },
        },
      )
      const engines = /^\.\/(?:dev|proc|sys|etc)(?:\/\S*)? |^# file: (?:dev|proc|sys|etc)| {2}\.\/etc\//
      const back = listing(exported)
        .split('\n')
        .filter((line) => !engines.test(line))
      assert.deepEqual(
        back,
        listing(root)
          .split('\n')
          .filter((line) => !engines.test(line)),
      )
      assert.ok(statSync(join(exported, 'a/sparse')).blocks < 100, 'the holes were filled')
      await ok('rm', 'untouched')
    }
    rmSync(root, { recursive: true })
  }).timeout(60_000)

  it('come back from an archive of each kind, and others read ours', async () => {
    const archive = join(directory, 'saved.tar')
    await ok('save', '-o', archive, 'site:1', 'busybox')
    const before = JSON.parse(await ok('image', 'inspect', 'site:1'))[0]
    for (const [transport, suffix] of [
      ['docker-archive', ':site:1'],
      ['oci-archive', ':site:1'],
    ])
      assert.equal(
        JSON.parse(execFileSync('skopeo', ['inspect', `${transport}:${archive}${suffix}`], { encoding: 'utf8' })).Layers
          .length,
        3,
      )
    const podman = [
      '--root',
      join(directory, 'podman'),
      '--runroot',
      join(directory, 'podman-run'),
      '--storage-driver',
      'vfs',
    ]
    assert.match(spawnSync('podman', [...podman, 'load', '-i', archive], { encoding: 'utf8' }).stdout, /site:1/)
    for (const format of ['oci-archive', 'docker-archive']) {
      const theirs = join(directory, `${format}.tar`)
      execFileSync('podman', [...podman, 'save', '-q', '--format', format, '-o', theirs, 'localhost/site:1'], {
        stdio: 'ignore',
      })
      for (const kind of ['', '.gz']) {
        if (kind === '.gz') writeFileSync(`${theirs}.gz`, gzipSync(readFileSync(theirs)))
        assert.match(await ok('load', '-q', '-i', `${theirs}${kind}`), /Loaded image: localhost\/site:1/)
        assert.equal(await cat('localhost/site:1', '/srv/site/pages/index.html'), '<h1>2</h1>\n')
        await ok('rmi', 'localhost/site:1')
      }
    }
    await ok('rmi', 'site:1')
    assert.equal(await ok('load', '-q', '-i', archive), 'Loaded image: site:1\nLoaded image: busybox:latest\n')
    assert.equal(JSON.parse(await ok('image', 'inspect', 'site:1'))[0].digest, before.digest)
    spawnSync('podman', [...podman, 'rmi', '-af'])
  }).timeout(60_000)

  it('are accepted by docker load', async function () {
    this.timeout(60_000)
    const archive = join(directory, 'saved.tar')
    const host = `unix://${directory}/docker.sock`
    const before = readdirSync('/sys/fs/cgroup')
    const daemon = spawn(
      '/usr/sbin/dockerd',
      [
        '--data-root',
        join(directory, 'docker'),
        '--exec-root',
        join(directory, 'docker-run'),
        '--host',
        host,
        '--pidfile',
        join(directory, 'docker.pid'),
        '--iptables=false',
        '--ip6tables=false',
        '--bridge=none',
      ],
      { stdio: 'ignore' },
    )
    try {
      const docker = (...args: string[]) => spawnSync('docker', ['--host', host, ...args], { encoding: 'utf8' })
      for (let tries = 0; tries < 150 && docker('version').status !== 0; tries++)
        await new Promise((resolve) => setTimeout(resolve, 200))
      const loaded = docker('load', '-i', archive)
      assert.equal(loaded.status, 0, loaded.stderr)
      assert.match(loaded.stdout, /Loaded image: site:1/)
      const theirs = join(directory, 'docker-save.tar')
      assert.equal(docker('save', '-o', theirs, 'site:1').status, 0)
      await ok('rmi', 'site:1')
      assert.match(await ok('load', '-q', '-i', theirs), /Loaded image: site:1/)
      assert.equal(await cat('site:1', '/srv/site/new'), 'added\n')
    } finally {
      const exited = new Promise((resolve) => daemon.once('exit', resolve))
      daemon.kill('SIGTERM')
      await exited
      for (const name of readdirSync('/sys/fs/cgroup'))
        if (!before.includes(name)) spawnSync('rmdir', [join('/sys/fs/cgroup', name)])
    }
  })

  it('are the same blobs, true to their digests, when all is done', () => {
    const blobs = join(layout(), 'blobs/sha256')
    for (const name of readdirSync(blobs))
      assert.equal(
        createHash('sha256')
          .update(readFileSync(join(blobs, name)))
          .digest('hex'),
        name,
      )
  })
})
