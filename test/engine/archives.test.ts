import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { busyboxArchive } from '../support/busybox.ts'
import { runToEnd, TestHelper } from '../support/helper.ts'
import { tarEntry, tarEnd } from '../support/tar.ts'

describe('importing an archive', () => {
  let helper: TestHelper
  let directory: string
  before(async () => {
    helper = await TestHelper.start()
    directory = mkdtempSync('/tmp/bulkhead-archives-')
  })
  after(async () => {
    rmSync(directory, { recursive: true, force: true })
    await helper.stop()
  })

  function write(name: string, content: Uint8Array): string {
    const path = join(directory, name)
    writeFileSync(path, content)
    return path
  }

  function layers(): string[] {
    return readdirSync(join(helper.state, 'layers')).filter((name) => !name.endsWith('.json'))
  }

  /** The one layer of an image that has just been imported, by what was there before. */
  async function importInto(name: string, archive: string): Promise<string> {
    const before = new Set(layers())
    const { code, stderr } = await helper.cli('import', archive, name)
    assert.equal(code, 0, stderr)
    const [made] = layers().filter((layer) => !before.has(layer))
    return join(helper.state, 'layers', made!)
  }

  for (const [kind, compress] of [
    ['tar', (tar: Buffer) => tar],
    ['tar.gz', (tar: Buffer) => gzipSync(tar)],
    ['tar.zst', (tar: Buffer) => zstdCompressSync(tar)],
  ] as const)
    it(`makes an image of a ${kind} that runs`, async () => {
      const archive = write(`busybox.${kind}`, compress(readFileSync(busyboxArchive())))
      const { code, stderr } = await helper.cli('import', archive, `as-${kind.replaceAll('.', '-')}`)
      assert.equal(code, 0, stderr)
      const { output } = await runToEnd(helper, { image: `as-${kind.replaceAll('.', '-')}`, command: ['echo', 'runs'] })
      assert.equal(output, 'runs\n')
    })

  it('reads one from standard input', async () => {
    const { code, stdout } = await helper.cliWith(
      { input: readFileSync(busyboxArchive()) },
      'import',
      '-',
      'from-stdin',
    )
    assert.deepEqual([code, /^sha256:[0-9a-f]{64}\n$/.test(stdout)], [0, true])
  })

  it('is an OCI image layout, each blob true to its digest', () => {
    const images = join(helper.state, 'images')
    assert.deepEqual(JSON.parse(readFileSync(join(images, 'oci-layout'), 'utf8')), { imageLayoutVersion: '1.0.0' })
    const blobs = join(images, 'blobs/sha256')
    for (const name of readdirSync(blobs))
      assert.equal(
        createHash('sha256')
          .update(readFileSync(join(blobs, name)))
          .digest('hex'),
        name,
      )
    const index = JSON.parse(readFileSync(join(images, 'index.json'), 'utf8'))
    const manifest = JSON.parse(readFileSync(join(blobs, index.manifests[0].digest.slice(7)), 'utf8'))
    const config = JSON.parse(readFileSync(join(blobs, manifest.config.digest.slice(7)), 'utf8'))
    assert.equal(config.rootfs.diff_ids.length, 1)
  })

  it('keeps owners, modes, times, links, holes, attributes and capabilities', async () => {
    const root = mkdtempSync('/tmp/bulkhead-tree-')
    const script = `cd ${root}; mkdir -p a/b; echo x > a/file; ln a/file a/hard; ln -s ../a/file a/soft; mkfifo a/fifo
      chmod 4755 a/file; chown 1000:2000 a/b; chmod 2750 a/b; truncate -s 50M a/sparse; touch -d '2001-02-03 04:05:06.789' a/file a/b
      setcap cap_net_bind_service+ep a/sparse 2>/dev/null || true
      touch "a/$(printf 'x%.0s' $(seq 1 200))"; touch 'a/ünï\ncode'`
    execFileSync('bash', ['-c', script])
    execFileSync('tar', [
      '-C',
      root,
      '--format=pax',
      '--xattrs',
      '--xattrs-include=*',
      '-S',
      '-cf',
      join(directory, 'tree.tar'),
      '.',
    ])
    const layer = await importInto('tree', join(directory, 'tree.tar'))
    const listing = (place: string): string =>
      execFileSync(
        'sh',
        [
          '-c',
          `cd ${place} && find . -printf '%p %y %m %U:%G %s %n %l %T@\\n' | grep -v '^\\. ' | sort && getfattr -R -d -m - . 2>/dev/null | sort`,
        ],
        { encoding: 'utf8' },
      )
    assert.equal(listing(layer), listing(root))
    assert.ok(lstatSync(join(layer, 'a/sparse')).blocks < 100, 'the hole was filled')
    rmSync(root, { recursive: true })
  })

  const refused: [what: string, content: () => Buffer, message: RegExp][] = [
    [
      'is not an archive',
      () => Buffer.from('this is a text, and not an archive at all\n'.repeat(100)),
      /not a tar archive/,
    ],
    ['is empty', () => Buffer.alloc(0), /not a tar archive|empty/],
    ['is a cut off tar', () => readFileSync(busyboxArchive()).subarray(0, 400_000), /damaged or cut off/],
    ['is a cut off gzip', () => gzipSync(readFileSync(busyboxArchive())).subarray(0, 300_000), /damaged or cut off/],
    [
      'is a cut off zstd',
      () => zstdCompressSync(readFileSync(busyboxArchive())).subarray(0, 300_000),
      /damaged or cut off/,
    ],
    [
      'is a damaged gzip',
      () => {
        const damaged = gzipSync(readFileSync(busyboxArchive()))
        damaged.fill(0x55, 100_000, 100_100)
        return damaged
      },
      /damaged or cut off/,
    ],
    [
      'is compressed with xz',
      () => execFileSync('xz', ['-c', busyboxArchive()], { maxBuffer: 1 << 28 }),
      /compressed with xz\n {2}Recompress/,
    ],
    [
      'climbs out',
      () => Buffer.concat([tarEntry({ name: '../../evil', content: 'x' }), tarEnd]),
      /climbs out of the archive/,
    ],
    [
      'climbs out in the middle',
      () => Buffer.concat([tarEntry({ name: 'a/../../../evil', content: 'x' }), tarEnd]),
      /climbs out of the archive/,
    ],
    [
      'holds overlayfs’s own mark for a removed file',
      () => Buffer.concat([tarEntry({ name: 'etc/passwd', type: '3', device: [0, 0] }), tarEnd]),
      /device node 0:0, which means a removed file/,
    ],
    [
      'replaces its root by a link',
      () => Buffer.concat([tarEntry({ name: '.', type: '2', link: '/tmp' }), tarEnd]),
      /replace the root/,
    ],
    [
      'links hard to a file of the host',
      () => Buffer.concat([tarEntry({ name: 'shadow', type: '1', link: '/etc/shadow' }), tarEnd]),
      /hard link to the absolute path/,
    ],
    [
      'links hard out of itself',
      () => Buffer.concat([tarEntry({ name: 'shadow', type: '1', link: '../../../../etc/shadow' }), tarEnd]),
      /climbs out/,
    ],
  ]
  for (const [what, content, message] of refused)
    it(`is refused when it ${what}, and leaves nothing behind`, async () => {
      const before = layers()
      const blobs = readdirSync(join(helper.state, 'images/blobs/sha256'))
      const { code, stderr } = await helper.cli('import', write('bad.tar', content()), 'bad')
      assert.match(stderr, message)
      assert.equal(code, 1)
      assert.deepEqual([layers(), readdirSync(join(helper.state, 'images/blobs/sha256'))], [before, blobs])
    })

  it('keeps what lies behind links inside: no entry leaves the root', async () => {
    const canary = mkdtempSync('/tmp/bulkhead-canary-')
    writeFileSync(join(canary, 'file'), 'canary')
    const entries = [
      tarEntry({ name: 'absolute', type: '2', link: canary }),
      tarEntry({ name: 'absolute/made', content: 'evil' }),
      tarEntry({ name: 'climbing', type: '2', link: `../../../../../../../..${canary}` }),
      tarEntry({ name: 'climbing/made', content: 'evil' }),
      tarEntry({ name: 'tofile', type: '2', link: `${canary}/file` }),
      tarEntry({ name: 'tofile', content: 'replaced' }),
      tarEntry({ name: '/rooted', content: 'inside' }),
      tarEntry({ name: 'dir/', type: '5' }),
      tarEntry({ name: 'dir', type: '2', link: canary }),
      tarEntry({ name: 'dir/made', content: 'evil' }),
      tarEnd,
    ]
    const result = await helper.cli('import', write('links.tar', Buffer.concat(entries)), 'links')
    assert.deepEqual(readdirSync(canary), ['file'])
    assert.equal(readFileSync(join(canary, 'file'), 'utf8'), 'canary')
    assert.ok(result.code === 0 || /links|No such file|exists|Not a directory/i.test(result.stderr), result.stderr)
    rmSync(canary, { recursive: true })
  })

  it('keeps device nodes, which no container can use', async () => {
    const archive = Buffer.concat([
      tarEntry({ name: 'dev/null', type: '3', device: [1, 3] }),
      tarEntry({ name: 'disk', type: '4', device: [8, 0] }),
      tarEntry({ name: 'mem', type: '3', device: [1, 1] }),
      tarEnd,
    ])
    const layer = await importInto('devices', write('devices.tar', archive))
    const listing = execFileSync('sh', ['-c', `cd ${layer}; stat -c '%n %F %t:%T' dev/null disk mem`], {
      encoding: 'utf8',
    })
    assert.deepEqual(listing.trim().split('\n'), [
      'dev/null character special file 1:3',
      'disk block special file 8:0',
      'mem character special file 1:1',
    ])
    const busybox = join(directory, 'with-devices.tar')
    execFileSync('sh', ['-c', `cp ${busyboxArchive()} ${busybox} && tar -C ${layer} -rf ${busybox} disk mem`])
    await helper.cli('import', busybox, 'with-devices')
    for (const userns of ['private', 'host'] as const) {
      const { output } = await runToEnd(helper, {
        image: 'with-devices',
        command: ['sh', '-c', 'head -c 1 /mem; head -c 1 /disk'],
        userns,
      })
      assert.equal(output.match(/Permission denied|Operation not permitted/g)?.length, 2, output)
    }
  })

  it('is refused with a million entries, and cleans them up', async function () {
    this.timeout(120_000)
    const state = mkdtempSync('/dev/shm/bulkhead-million-')
    const onTmpfs = await TestHelper.start({ state })
    try {
      const archive = join(directory, 'million.tar.zst')
      const make =
        'import sys\nfor i in range(1000000):\n n=b"d%d/f%d"%(i//1000,i)\n h=bytearray(512); h[:len(n)]=n; h[100:108]=b"0000644\\0"; h[108:116]=h[116:124]=b"0000000\\0"; h[124:136]=b"00000000000\\0"; h[136:148]=b"00000000000\\0"; h[148:156]=b"        "; h[156]=48; h[257:265]=b"ustar\\x0000"; h[148:156]=b"%06o\\0 "%sum(h)\n sys.stdout.buffer.write(h)\nsys.stdout.buffer.write(bytes(1024))'
      execFileSync('bash', ['-c', `python3 -c '${make}' | zstd -1 -q -o ${archive}`])
      const { code, stderr } = await onTmpfs.cli('import', archive, 'million')
      assert.match(stderr, /more than 500000 entries/)
      assert.equal(code, 1)
      assert.deepEqual(readdirSync(join(state, 'layers')), [])
      rmSync(archive)
    } finally {
      await onTmpfs.stop()
      rmSync(state, { recursive: true })
    }
  })

  it('ends when the client goes away in the middle, and leaves nothing behind', async () => {
    const before = layers()
    const client = await helper.client()
    client.call('images/import', { name: 'half' }).catch(() => undefined)
    await client.send(readFileSync(busyboxArchive()).subarray(0, 100_000))
    client.close()
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.deepEqual(layers(), before)
  })

  it('makes one layer of the same archive imported twice at once', async () => {
    const archive = write('twice.tar', Buffer.concat([tarEntry({ name: 'same', content: 'same' }), tarEnd]))
    const results = await Promise.all(['one', 'two', 'three'].map((name) => helper.cli('import', archive, name)))
    assert.deepEqual(
      results.map(({ code }) => code),
      [0, 0, 0],
    )
    const names = (await helper.cli('images', '--format', 'json')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).Repository)
    for (const name of ['one', 'two', 'three']) assert.ok(names.includes(name))
    for (const name of ['one', 'two', 'three']) assert.equal((await helper.cli('rmi', name)).code, 0)
    assert.equal(
      layers().some((layer) => readdirSync(join(helper.state, 'layers', layer)).includes('same')),
      false,
    )
  })

  it('is not removed while a container uses it', async () => {
    await helper.cli('run', '-d', '--name', 'user', 'as-tar', 'sleep', '100')
    const { code, stderr } = await helper.cli('rmi', 'as-tar')
    assert.match(stderr, /in use by user/)
    assert.equal(code, 1)
    await helper.cli('rm', '-f', 'user')
  })

  it('is read by a program without privileges that cannot leave the layer', () => {
    const unpack = join(import.meta.dirname, `../../dist/native/linux-${process.arch}/bulkhead-unpack`)
    const target = mkdtempSync('/tmp/bulkhead-unpack-')
    const tiny = write('tiny.tar', Buffer.concat([tarEntry({ name: 'a', content: 'x'.repeat(5000) }), tarEnd]))
    const result = spawnSync('bash', ['-c', `${unpack} --entries 10 --bytes 100 < ${tiny} 3< ${target}`], {
      encoding: 'utf8',
    })
    assert.match(result.stderr, /more bytes than the limit/)
    truncateSync(tiny, 700)
    rmSync(target, { recursive: true })
  })
})
