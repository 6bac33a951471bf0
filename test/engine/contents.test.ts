import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TestHelper } from '../support/helper.ts'
import { makeLayeredImage } from '../support/layeredImage.ts'
import { tarEnd, tarEntry } from '../support/tar.ts'

describe('files of a container', () => {
  let helper: TestHelper
  let directory: string
  before(async () => {
    helper = await TestHelper.start()
    directory = mkdtempSync('/tmp/bulkhead-contents-')
    await helper.importBusybox()
    await makeLayeredImage(helper, 'site:1')
    await ok('run', '-d', '--name', 'runs', 'site:1', 'sleep', '1000')
    await ok('run', '--name', 'ended', 'site:1', 'sh', '-c', 'echo own > /srv/own')
  })
  after(async () => {
    rmSync(directory, { recursive: true, force: true })
    await helper.stop()
  })

  const ok = (...args: string[]): Promise<string> => helper.ok(...args)

  it('that it changed are listed, from its upper directory alone', async () => {
    await ok(
      'run',
      '--name',
      'changes',
      'site:1',
      'sh',
      '-c',
      'echo x >> /etc/passwd; rm -r /srv/site; mkdir /srv/site; touch /srv/site/again; ln -s x /link; mkdir -p /new/dir; rm /etc/motd',
    )
    assert.deepEqual((await ok('diff', 'changes')).trim().split('\n'), [
      'C /etc',
      'D /etc/motd',
      'C /etc/passwd',
      'A /link',
      'A /new',
      'A /new/dir',
      'C /srv',
      'C /srv/site',
      'A /srv/site/again',
      'D /srv/site/new',
      'D /srv/site/pages',
    ])
    assert.equal(await ok('diff', 'runs'), '')
    await ok('rm', 'changes')
  })

  for (const [container, what] of [
    ['runs', 'that runs'],
    ['ended', 'that has ended'],
  ] as const)
    describe(what, () => {
      it('are copied in and out by Docker’s rules', async () => {
        const source = mkdtempSync(join(directory, 'source-'))
        writeFileSync(join(source, 'file'), 'content')
        mkdirSync(join(source, 'folder/inner'), { recursive: true })
        writeFileSync(join(source, 'folder/inner/deep'), 'deep')
        symlinkSync('inner/deep', join(source, 'folder/link'))
        await ok('cp', join(source, 'file'), `${container}:/tmp`)
        await ok('cp', join(source, 'file'), `${container}:/tmp/renamed`)
        await ok('cp', join(source, 'folder'), `${container}:/tmp`)
        await ok('cp', join(source, 'folder'), `${container}:/tmp/other`)
        await ok('cp', `${join(source, 'folder')}/.`, `${container}:/tmp`)
        const client = await helper.client()
        const names = (await client.call('files/list', { root: { container }, path: '/tmp' })).map(({ name }) => name)
        assert.deepEqual(names, ['file', 'folder', 'inner', 'link', 'other', 'renamed'])
        const target = mkdtempSync(join(directory, 'target-'))
        await ok('cp', `${container}:/tmp/folder`, target)
        await ok('cp', `${container}:/tmp/folder`, join(target, 'again'))
        await ok('cp', `${container}:/tmp/folder/.`, target)
        await ok('cp', `${container}:/tmp/renamed`, join(target, 'out'))
        assert.deepEqual(readdirSync(target).toSorted(), ['again', 'folder', 'inner', 'link', 'out'])
        assert.equal(readFileSync(join(target, 'again/link'), 'utf8'), 'deep')
        const archive = execFileSync(
          process.execPath,
          [join(import.meta.dirname, '../../dist/bulkhead.cjs'), 'cp', `${container}:/tmp/other`, '-'],
          {
            env: { ...process.env, BULKHEAD_HOST: `unix://${helper.socket}` },
          },
        )
        writeFileSync(join(directory, 'out.tar'), archive)
        assert.match(
          execFileSync('tar', ['-tf', join(directory, 'out.tar')], { encoding: 'utf8' }),
          /^other\/inner\/deep$/m,
        )
        assert.equal((await helper.cliWith({ input: archive }, 'cp', '-', `${container}:/root`)).code, 0)
        assert.equal((await client.call('files/stat', { root: { container }, path: '/root/other/inner/deep' })).size, 4)
      })

      it('belong to the container’s root, or to whom the archive says', async () => {
        const file = join(directory, 'owned')
        writeFileSync(file, 'x')
        execFileSync('chown', ['1234:1235', file])
        await ok('cp', file, `${container}:/tmp/squashed`)
        await ok('cp', '-a', file, `${container}:/tmp/kept`)
        if (container === 'ended') await ok('start', container)
        const { pid } = (await (await helper.client()).call('containers/list')).find(({ name }) => name === 'runs')!
        if (container === 'runs') {
          const owners = execFileSync(
            'nsenter',
            ['-t', String(pid), '-U', '-m', 'stat', '-c', '%u:%g', '/tmp/squashed', '/tmp/kept'],
            { encoding: 'utf8' },
          )
          assert.equal(owners, '0:0\n1234:1235\n')
        }
      })

      it('are refused when they cannot be copied', async () => {
        for (const [args, message] of [
          [['cp', `${container}:/nothing`, directory], /nothing is not there/],
          [['cp', join(directory, 'nothing'), `${container}:/tmp`], /is not there/],
          [['cp', directory, `${container}:/etc/passwd`], /is a file: a directory cannot be copied onto it/],
          [['cp', join(directory, 'owned'), `${container}:/nothing/here/x`], /nothing\/here is not there/],
          [['cp', directory, directory], /one of the two must be in a container/],
        ] as const) {
          const { code, stderr } = await helper.cli(...args)
          assert.match(stderr, message)
          assert.notEqual(code, 0)
        }
      })
    })

  it('are read and written inside its root, whatever links it makes', async () => {
    const canary = mkdtempSync(join(directory, 'canary-'))
    writeFileSync(join(canary, 'file'), 'canary')
    await ok(
      'run',
      '-d',
      '--name',
      'hostile',
      'busybox',
      'sh',
      '-c',
      `ln -s ${canary} /abs; ln -s ../../../../../..${canary} /rel; ln -s /proc/1/root /magic; ln -s /proc/self/cwd /cwd; sleep 1000`,
    )
    await new Promise((resolve) => setTimeout(resolve, 300))
    const client = await helper.client()
    for (const path of [
      '/abs/file',
      '/rel/file',
      `/magic${canary}/file`,
      `/cwd${canary}/file`,
      `/../../..${canary}/file`,
    ])
      await assert.rejects(client.call('files/stat', { root: { container: 'hostile' }, path }), /is not there/, path)
    for (const path of ['/abs', '/rel', '/magic', `/magic${canary}`]) {
      const { code } = await helper.cli('cp', join(import.meta.dirname, 'contents.test.ts'), `hostile:${path}`)
      assert.ok(code !== 0 || readdirSync(canary).length === 1, path)
    }
    const evil = Buffer.concat([
      tarEntry({ name: 'out', type: '2', link: canary }),
      tarEntry({ name: 'out/evil', content: 'evil' }),
      tarEnd,
    ])
    await helper.cliWith({ input: evil }, 'cp', '-', 'hostile:/tmp')
    assert.deepEqual(readdirSync(canary), ['file'])
    assert.equal(readFileSync(join(canary, 'file'), 'utf8'), 'canary')
    await ok('rm', '-f', 'hostile')
  })

  it('are copied safely while links change under way', async function () {
    this.timeout(60_000)
    const canary = mkdtempSync(join(directory, 'canary-'))
    writeFileSync(join(canary, 'secret'), 'canary')
    await ok(
      'run',
      '-d',
      '--name',
      'racer',
      'busybox',
      'sh',
      '-c',
      `mkdir -p /a/d /b; echo mine > /a/d/secret; ln -s ${canary} /b/link; while true; do mv /a/d /a/x; mv /b/link /a/d; mv /a/d /b/link; mv /a/x /a/d; done`,
    )
    const client = await helper.client()
    const input = Buffer.concat([tarEntry({ name: 'planted', content: 'x' }), tarEnd])
    for (let tries = 0; tries < 60; tries++) {
      await helper.cliWith({ input }, 'cp', '-', 'racer:/a/d')
      await client.call('files/stat', { root: { container: 'racer' }, path: '/a/d/secret' }).then(
        ({ size }) => assert.equal(size, 5),
        () => undefined,
      )
    }
    assert.deepEqual(readdirSync(canary), ['secret'])
    await ok('rm', '-f', 'racer')
  })

  it('are seen in a layer alone, below it, and merged', async () => {
    const client = await helper.client()
    const layers = await client.call('images/layers', { name: 'site:1' })
    const top = layers[2]!.chainId
    const read = async (
      root: Parameters<typeof client.call<'files/read'>>[1]['root'],
      path: string,
    ): Promise<string> => {
      const stream = await helper.client()
      let text = ''
      stream.stream = { onBytes: (_on, bytes) => (text += Buffer.from(bytes).toString('utf8')), onEnd: () => undefined }
      await stream.call('files/read', { root, path })
      stream.close()
      return text
    }
    assert.equal(await read({ layer: top }, '/srv/site/pages/index.html'), '<h1>2</h1>\n')
    assert.equal(await read({ layer: top, below: true }, '/srv/site/pages/index.html'), '<h1>1</h1>\n')
    assert.equal(await read({ image: 'site:1' }, '/srv/site/new'), 'added\n')
    assert.equal(await read({ writable: 'ended' }, '/srv/own'), 'own\n')
    const names = async (root: Parameters<typeof client.call<'files/list'>>[1]['root']) =>
      (await client.call('files/list', { root, path: '/srv/site' })).map(({ name }) => name)
    assert.deepEqual(await names({ layer: top }), ['new', 'pages'])
    assert.deepEqual(await names({ layer: top, below: true }), ['big', 'pages'])
    assert.deepEqual(await names({ image: 'site:1' }), ['new', 'pages'])
    const { entries } = await client.call('layers/changes', { root: { layer: top }, path: 'srv/site' })
    assert.deepEqual(
      entries.map(({ name, kind, type, size }) => [name, kind, type, size]),
      [
        ['pages', 'changed', 'directory', 11],
        ['big', 'removed', 'file', 300_000],
        ['new', 'added', 'file', 6],
      ],
    )
    assert.deepEqual(
      (await client.call('layers/search', { root: { layer: top }, query: 'INDEX' })).map(({ path }) => path),
      ['srv/site/pages/index.html'],
    )
    for (const [path, message] of [
      ['/srv', /is a directory, not a file/],
      ['/nothing', /is not there/],
    ] as const)
      await assert.rejects(client.call('files/read', { root: { image: 'site:1' }, path }), message)
    await assert.rejects(
      client.call('files/stat', { root: { layer: `sha256:${'0'.repeat(64)}` }, path: '/' }),
      /no image has a layer/,
    )
  })

  it('that are many or large hold nothing up', async function () {
    this.timeout(60_000)
    const root = join(directory, 'large')
    mkdirSync(join(root, 'many'), { recursive: true })
    execFileSync('bash', [
      '-c',
      'cd "$1/many" && seq 1 100000 | xargs -n 5000 touch; truncate -s 5G "$1/huge"',
      'x',
      root,
    ])
    execFileSync('tar', ['-C', root, '-S', '-cf', join(directory, 'large.tar'), '.'])
    rmSync(root, { recursive: true })
    await ok('import', join(directory, 'large.tar'), 'large')
    rmSync(join(directory, 'large.tar'))
    const client = await helper.client()
    const began = performance.now()
    assert.equal((await client.call('files/list', { root: { image: 'large' }, path: '/many' })).length, 100_000)
    assert.ok(performance.now() - began < 5000)
    const chainId = (await client.call('images/layers', { name: 'large' }))[0]!.chainId
    const { entries, total } = await client.call('layers/changes', { root: { layer: chainId }, path: 'many' })
    assert.deepEqual([entries.length, total], [10_000, 100_000])
    const stream = await helper.client()
    let bytes = 0
    stream.stream = { onBytes: (_on, part) => (bytes += part.byteLength), onEnd: () => undefined }
    await stream.call('files/read', { root: { image: 'large' }, path: '/huge', offset: 5 * 1024 ** 3 - 1000 })
    assert.equal(bytes, 1000)
    stream.close()
    await ok('rmi', 'large')
  })
})
