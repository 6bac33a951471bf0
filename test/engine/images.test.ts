import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runToEnd, TestHelper } from '../support/helper.ts'
import { makeLayeredImage } from '../support/layeredImage.ts'

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

  const ok = (...args: string[]): Promise<string> => helper.ok(...args)
  const layout = (): string => join(helper.state, 'images')

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
    const used = (): string =>
      execFileSync('du', ['-s', '-B1', join(helper.state, 'layers'), join(helper.state, 'images')], {
        encoding: 'utf8',
      })
    const before = used()
    for (const name of ['first', 'second']) await ok('run', '-d', '--name', name, 'site:1', 'sleep', '100')
    assert.equal(used(), before)
    const client = await helper.client()
    const sharing = await client.call('images/sharing', { container: 'second' })
    assert.equal(sharing.own, 0)
    assert.ok(sharing.parts[0]!.with.includes('container first'))
    const usage = JSON.parse(await ok('system', 'df', '-v', '--format', 'json'))
    const site = usage.images.find(({ name }: { name: string }) => name === 'site:1') as Record<string, number>
    assert.equal(site['containers'], 2)
    assert.equal(site['shared']! + site['unique']!, site['size'])
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
