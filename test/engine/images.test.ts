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

describe('images', () => {
  let helper: TestHelper
  let directory: string
  before(async () => {
    helper = await TestHelper.start()
    directory = mkdtempSync('/tmp/bulkhead-images-')
    await helper.importBusybox()
    await makeLayeredImage(helper, 'site:1')
  })
  after(async () => {
    rmSync(directory, { recursive: true, force: true })
    await helper.stop()
  })

  async function ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await helper.cli(...args)
    assert.equal(code, 0, stderr)
    return stdout
  }
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

  it('are committed with a message, an author and changes of their configuration', async () => {
    await ok(
      'run',
      '--name',
      'work',
      'busybox',
      'sh',
      '-c',
      'mkdir /data; echo 1 > /data/file; chown 1000:1000 /data/file; rm /etc/group',
    )
    await ok(
      'commit',
      '-m',
      'a message',
      '-a',
      'An Author',
      '-c',
      'CMD ["cat", "/data/file"]',
      '-c',
      'ENV ONE=1 TWO="with space"',
      '-c',
      'LABEL a=b',
      '-c',
      'EXPOSE 80 53/udp',
      '-c',
      'WORKDIR /data',
      '-c',
      'USER 1000',
      'work',
      'work:2',
    )
    const [image] = JSON.parse(await ok('image', 'inspect', 'work:2'))
    const { config, author, history } = image.configuration
    assert.deepEqual(config, {
      Cmd: ['cat', '/data/file'],
      Env: ['ONE=1', 'TWO=with space'],
      Labels: { a: 'b' },
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      WorkingDir: '/data',
      User: '1000',
    })
    assert.deepEqual([author, history.at(-1).comment, history.at(-1).author], ['An Author', 'a message', 'An Author'])
    const { output } = await runToEnd(helper, { image: 'work:2' })
    assert.equal(output, '1\n')
    const owner = await runToEnd(helper, {
      image: 'work:2',
      command: ['stat', '-c', '%u:%g', '/data/file', '/etc/passwd'],
    })
    assert.equal(owner.output, '1000:1000\n0:0\n')
    assert.match((await runToEnd(helper, { image: 'work:2', command: ['ls', '/etc/group'] })).output, /No such file/)
    for (const bad of ['FROM x', 'CMD', 'RUN ls', 'NONSENSE 1', 'ENV A=1\nCMD x']) {
      const { code, stderr } = await helper.cli('commit', '-c', bad, 'work')
      assert.equal(code, 125)
      assert.match(stderr, /A change is one of CMD/)
    }
    await ok('rm', 'work')
    await ok('rmi', 'work:2')
  })

  it('of a container of host cannot be committed, and it says what can be done', async () => {
    await helper.cli('run', '--name', 'of-host', 'host', 'true')
    const { code, stderr } = await helper.cli('commit', 'of-host', 'x')
    assert.equal(code, 125)
    assert.match(stderr, /cannot be committed.*\n {2}bulkhead export CONTAINER \| bulkhead import - NAME/)
    await ok('rm', 'of-host')
  })

  it('tell their history', async () => {
    const steps = (await ok('history', '--format', 'json', 'site:1'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      steps.map(({ Comment }) => Comment),
      ['step 2', 'step 1', ''],
    )
    assert.match(await ok('history', 'site:1'), /^IMAGE +CREATED +CREATED BY +SIZE +COMMENT\n/)
  })

  it('are compared', async () => {
    const lines = (await ok('image', 'compare', '--format', 'json', 'site:1-step-0', 'site:1'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      lines.map(({ kind, path }) => `${kind} ${path}`),
      ['removed srv/site/big', 'added srv/site/new', 'changed srv/site/pages/index.html'],
    )
  })

  it('count wasted bytes as dive does', async () => {
    const { layers, efficiency } = JSON.parse(await ok('image', 'layers', '--format', 'json', 'site:1'))
    assert.equal(layers.length, 3)
    const files = Object.fromEntries(
      efficiency.files.map(({ path, size, count }: { path: string; size: number; count: number }) => [
        path,
        [size, count],
      ]),
    )
    assert.deepEqual(files['srv/site/big'], [300_000, 2])
    assert.deepEqual(files['srv/site/pages/index.html'], [22, 2])
    const wasted = Object.values(files as Record<string, [number, number]>).reduce((sum, [size]) => sum + size, 0)
    assert.equal(efficiency.wasted, wasted)
    assert.ok(efficiency.score > 0.8 && efficiency.score < 0.9)
  })

  it('are squashed: the same files, fewer layers', async () => {
    await ok('image', 'squash', 'site:1', 'site:flat')
    await ok('image', 'squash', '--from', '1', 'site:1', 'site:two')
    for (const [name, layers] of [
      ['site:flat', 1],
      ['site:two', 2],
    ] as const) {
      assert.equal(JSON.parse(await ok('image', 'inspect', name))[0].layers.length, layers)
      assert.equal(await ok('image', 'compare', '--format', 'json', 'site:1', name), '')
      await ok('rmi', name)
    }
    const { code, stderr } = await helper.cli('image', 'squash', '--from', '2', 'site:1', 'x')
    assert.equal(code, 125)
    assert.match(stderr, /nothing to squash/)
  })

  it('are listed, tagged and removed by name and by id, as Docker does', async () => {
    await ok('tag', 'site:1', 'docker.io/library/site:again')
    assert.match(await ok('images'), /^site +again /m)
    const id = JSON.parse(await ok('image', 'inspect', 'site:again'))[0].id.slice(7, 19)
    const refused = await helper.cli('rmi', id)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /has several names: site:1, site:again/)
    assert.equal(await ok('rmi', 'site:again'), 'Untagged: site:again\n')
    assert.match(await ok('images', '-q', '--filter', 'reference=site:1'), new RegExp(`^${id}\n$`))
    // A name that goes to another image leaves the first without one.
    await ok('tag', 'site:1', 'moving')
    await ok('tag', 'site:1-step-0', 'only-here')
    await ok('rmi', 'site:1-step-0')
    await ok('tag', 'site:1', 'only-here')
    const dangling = (await ok('images', '-q', '-f', 'dangling=true')).trim().split('\n')
    assert.equal(dangling.length, 1)
    assert.equal(await ok('image', 'prune', '--dry-run'), `image ${dangling[0]}\nTotal that would be reclaimed: 0B\n`)
    await ok('image', 'prune', '-f')
    assert.equal(await ok('images', '-q', '-f', 'dangling=true'), '')
    for (const name of ['only-here', 'moving']) await ok('rmi', name)
    for (const [args, message] of [
      [['tag', 'site:1', 'Bad Name'], /must be \[registry\/\]name/],
      [['tag', 'site:1', 'host'], /name host is this machine/],
      [['tag', 'nothing', 'x'], /no image nothing/],
      [['rmi', 'host'], /not stored/],
    ] as const) {
      const { code, stderr } = await helper.cli(...args)
      assert.notEqual(code, 0)
      assert.match(stderr, message)
    }
  })

  it('take no byte for a second container, and say what is shared', async () => {
    const used = (): number =>
      Number(
        execFileSync('du', ['-s', '-B1', join(helper.state, 'layers'), join(helper.state, 'images')], {
          encoding: 'utf8',
        })
          .split('\n')
          .reduce((sum, line) => sum + Number(line.split('\t')[0] ?? 0), 0),
      )
    const before = used()
    for (const name of ['first', 'second']) await ok('run', '-d', '--name', name, 'site:1', 'sleep', '100')
    assert.equal(used(), before)
    const client = await helper.client()
    const sharing = await client.call('images/sharing', { container: 'second' })
    assert.equal(sharing.own, 0)
    assert.ok(sharing.parts[0]!.with.includes('container first'))
    const usage = JSON.parse(await ok('system', 'df', '-v', '--format', 'json'))
    const site = usage.images.find(({ name }: { name: string }) => name === 'site:1')
    assert.equal(site.containers, 2)
    assert.equal(site.shared + site.unique, site.size)
    const refused = await helper.cli('rmi', 'site:1')
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /in use by (?:first, second|second, first)/)
    const pruned = JSON.parse(await ok('system', 'prune', '-a', '--dry-run', '--format', 'json'))
    assert.deepEqual(pruned.containers, [])
    assert.ok(!pruned.images.includes('site:1'))
    for (const name of ['first', 'second']) await ok('rm', '-f', name)
  })

  it('of chosen files of this machine have the libraries that these need', async () => {
    await ok('image', 'host', '-t', 'chosen', '--only', '/usr/bin/env', '/usr/bin/sort')
    const { output } = await runToEnd(helper, {
      image: 'chosen',
      command: ['/usr/bin/env', '-i', 'A=b', 'sort', '/etc/hostname'],
    })
    assert.match(output, /^[0-9a-f]{12}\n$/)
    const size = JSON.parse(await ok('image', 'inspect', 'chosen'))[0].size
    assert.ok(size < 20_000_000, `${size} bytes`)
    await ok('rmi', 'chosen')
    for (const [path, message] of [
      ['/etc/shadow', /not there, or not for everybody to read/],
      ['/nothing/here', /not there/],
      ['relative', /not an absolute path/],
    ] as const) {
      const { code, stderr } = await helper.cli('image', 'host', '-t', 'x', '--only', path)
      assert.notEqual(code, 0)
      assert.match(stderr, message)
    }
  })

  it('are minimized to what a container opened', async () => {
    await ok(
      'run',
      '--name',
      'watched',
      '--record-opens',
      'site:1',
      'sh',
      '-c',
      'cat /srv/site/new; sort < /etc/passwd > /dev/null',
    )
    const proposal = JSON.parse(await ok('image', 'minimize', '--format', 'json', 'watched'))
    assert.ok(proposal.kept < proposal.size && proposal.keptFiles >= 3, JSON.stringify(proposal).slice(0, 500))
    assert.ok(proposal.removed.some(({ path }: { path: string }) => path === '/srv/site/pages'))
    await ok('image', 'minimize', 'watched', '-t', 'site:small', '--keep', '/root')
    const { output } = await runToEnd(helper, {
      image: 'site:small',
      command: ['sh', '-c', 'cat /srv/site/new; ls /srv/site; ls -d /root'],
    })
    assert.equal(output, 'added\nnew\n/root\n')
    await ok('rm', 'watched')
    await ok('run', '--name', 'unwatched', 'site:1', 'true')
    const { code, stderr } = await helper.cli('image', 'minimize', 'unwatched')
    assert.equal(code, 1)
    assert.match(stderr, /nobody kept a list.*\n {2}Run one with --record-opens/)
    await ok('rm', 'unwatched')
    await ok('rmi', 'site:small')
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
