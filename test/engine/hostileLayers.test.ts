import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { busyboxArchive } from '../support/busybox.ts'
import { runToEnd, TestHelper } from '../support/helper.ts'
import { imageArchive, loadImage } from '../support/imageArchive.ts'
import { paxHeader, tarEnd, tarEntry } from '../support/tar.ts'

/** The tricks of published advisories for image and archive unpacking: anchors/runtime.md, section 3. Whatever the archive,
 * a tree outside stays as it is; what is refused leaves nothing. */
describe('layers that try to reach outside', () => {
  let helper: TestHelper
  let canary: string
  before(async () => {
    helper = await TestHelper.start()
    canary = mkdtempSync('/tmp/bulkhead-canary-')
    execFileSync('sh', [
      '-c',
      'mkdir $0/dir; echo canary > $0/file; echo canary > $0/dir/inner; chmod 640 $0/file',
      canary,
    ])
  })
  after(async () => {
    rmSync(canary, { recursive: true, force: true })
    await helper.stop()
  })

  const snapshot = (): string =>
    execFileSync(
      'sh',
      ['-c', 'cd $0 && find . -printf "%p %y %m %U:%G %n %s %T@\\n" | sort && cat file dir/inner', canary],
      { encoding: 'utf8' },
    )

  const link = (name: string, to: string) => tarEntry({ name, type: '2', link: to })
  const hard = (name: string, to: string) => tarEntry({ name, type: '1', link: to })
  const dir = (name: string) => tarEntry({ name, type: '5' })
  const file = (name: string, content = 'evil') => tarEntry({ name, content })

  const tricks: [what: string, entries: (canary: string) => Buffer[]][] = [
    ['a name with ..', () => [file('../../../../tmp/evil')]],
    ['a name with .. behind a directory', () => [dir('a'), file('a/../../../../tmp/evil')]],
    ['an absolute name', (c) => [file(`${c}/evil`)]],
    ['a link, then a file through it', (c) => [link('x', c), file('x/evil')]],
    ['a link through a link', (c) => [link('x', 'y'), link('y', c), file('x/evil')]],
    ['a climbing link, then a file through it', (c) => [link('x', `../../../../../../../..${c}`), file('x/evil')]],
    ['a link over a file', (c) => [link('x', `${c}/file`), file('x')]],
    ['a directory, then a link in its place', (c) => [dir('d'), link('d', c), file('d/evil')]],
    ['a link, then a directory in its place', (c) => [link('d', c), dir('d'), file('d/evil')]],
    ['a link, then owner and mode of a directory through it', (c) => [link('d', c), dir('d/')]],
    ['a hard link to a file outside', (c) => [hard('x', `${c}/file`), file('x')]],
    ['a hard link that climbs', (c) => [hard('x', `../../../../../..${c}/file`)]],
    ['a hard link through a link', (c) => [link('l', c), hard('x', 'l/file'), file('x')]],
    ['a link named .', (c) => [link('.', c), file('evil')]],
    ['a link named ./', (c) => [link('./', c), file('./evil')]],
    ['a link named /', (c) => [link('/', c), file('/evil')]],
    ['a whiteout through a link', (c) => [link('d', c), file('d/.wh.file', '')]],
    ['an opaque mark through a link', (c) => [link('d', c), file('d/.wh..wh..opq', '')]],
    ['a whiteout of ..', () => [file('.wh...', '')]],
    ['a whiteout of .', () => [file('.wh..', '')]],
    ['a whiteout of nothing', () => [file('.wh.', '')]],
    ['aufs’s own books', () => [dir('.wh..wh.plnk'), file('.wh..wh.aufs', '')]],
    [
      'a mark of overlayfs as an attribute',
      () => [
        paxHeader({ 'SCHILY.xattr.trusted.overlay.redirect': '/etc', 'SCHILY.xattr.trusted.overlay.opaque': 'y' }),
        dir('d'),
      ],
    ],
    ['a mark of overlayfs as a device', () => [tarEntry({ name: 'gone', type: '3', device: [0, 0] })]],
    ['a device, then a file in its place', () => [tarEntry({ name: 'disk', type: '4', device: [8, 0] }), file('disk')]],
    ['a device through a link', (c) => [link('d', c), tarEntry({ name: 'd/disk', type: '4', device: [8, 0] })]],
    ['a pipe through a link', (c) => [link('d', c), tarEntry({ name: 'd/pipe', type: '6' })]],
    ['a name with a NUL in its long form', () => [paxHeader({ path: 'a\0/../../evil' }), file('short')]],
    ['a name that climbs in its long form', (c) => [paxHeader({ path: `../../../../..${c}/evil` }), file('short')]],
    ['a link that climbs in its long form', (c) => [paxHeader({ linkpath: c }), link('d', 'x'), file('d/evil')]],
    ['a size that is negative in base 256', () => [negativeSize('x')]],
    ['a size of the long form that is none', () => [paxHeader({ size: '-1' }), file('x')]],
    ['a size of the long form that is too large', () => [paxHeader({ size: '9223372036854775807' }), file('x')]],
    ['an unknown type of entry', () => [tarEntry({ name: 'x', type: 'Z', content: 'x' })]],
    ['a link to itself, then a file through it', () => [link('x', 'x'), file('x/evil')]],
    ['the same name three times', () => [file('x', '1'), dir('x'), link('x', '/etc')]],
    ['a file, then a file below it', () => [file('x'), file('x/y')]],
    ['/proc as a link', (c) => [link('proc', c), file('proc/evil')]],
  ]

  for (const [what, entries] of tricks)
    for (const [kind, compress] of [
      ['plain', (tar: Buffer) => tar],
      ['gzip', (tar: Buffer) => gzipSync(tar)],
      ['zstd', (tar: Buffer) => zstdCompressSync(tar)],
    ] as const)
      if (kind === 'plain' || what.includes('whiteout'))
        it(`stay inside: ${what}${kind === 'plain' ? '' : `, ${kind}`}`, async () => {
          const before = snapshot()
          const layer = Buffer.concat([...entries(canary), tarEnd])
          const path = join(helper.directory, 'hostile.tar')
          writeFileSync(path, compress(layer))
          const { code, stderr } = await helper.cli('import', path, 'hostile')
          assert.equal(snapshot(), before, stderr)
          assert.equal(readdirSync('/tmp').includes('evil'), false)
          if (code === 0) assert.equal((await helper.cli('rmi', 'hostile')).code, 0)
          else assert.doesNotMatch(stderr, /was killed|unexpected/i)
          assert.deepEqual(readdirSync(join(helper.state, 'layers')), [], 'something was left')
        })

  it('remove only what lies below: whiteouts and opaque directories', async () => {
    const below = Buffer.concat([
      dir('d'),
      file('d/kept', 'kept'),
      file('d/gone', 'x'),
      dir('o'),
      file('o/old', 'x'),
      dir('deep'),
      dir('deep/er'),
      file('deep/er/x', 'x'),
      tarEnd,
    ])
    const above = Buffer.concat([
      // In any order: a mark may come before what it does not hide, or after.
      file('d/.wh.gone', ''),
      file('o/new', 'new'),
      file('o/.wh..wh..opq', ''),
      file('.wh.deep', ''),
      dir('deep'),
      file('deep/fresh', 'fresh'),
      file('.wh.not-there', ''),
      tarEnd,
    ])
    await loadImage(helper, 'marks', [readFileSync(busyboxArchive()), below, above])
    const { output } = await runToEnd(helper, {
      image: 'marks',
      command: ['sh', '-c', 'find /d /o /deep | sort; ls -a / | grep wh'],
    })
    assert.deepEqual(output.trim().split('\n'), ['/d', '/d/kept', '/deep', '/deep/fresh', '/o', '/o/new'])
    const client = await helper.client()
    const exported = (await client.call('images/compare', { name: 'marks', with: 'marks' })).length
    assert.equal(exported, 0)
    await helper.cli('rmi', 'marks')
  })

  it('that unpack to far more than they are are refused before the disk is full', async () => {
    const path = join(helper.directory, 'bomb.tar.zst')
    execFileSync('bash', [
      '-c',
      `cd /tmp && truncate -s 1300M bulkhead-bomb && tar -cf - bulkhead-bomb | zstd -q -1 -o ${path}; rm bulkhead-bomb`,
    ])
    assert.ok(statSync(path).size < 10_000_000)
    const { code, stderr } = await helper.cli('import', path, 'bomb')
    assert.equal(code, 1)
    assert.match(stderr, /more than 300 times its size: it looks like a bomb/)
    assert.deepEqual(readdirSync(join(helper.state, 'layers')), [])
    rmSync(path)
  }).timeout(120_000)

  it('in an archive of images that lies are found out', async () => {
    const layer = Buffer.concat([file('x'), tarEnd])
    const good = imageArchive('good', [layer])
    const cases: [what: string, archive: Buffer, message: RegExp][] = [
      ['no archive', Buffer.from('nothing of the kind'.repeat(100)), /not an archive of images|holds no image/],
      ['empty', tarEnd, /holds no image/],
      ['cut off', good.subarray(0, 1600), /damaged|not an archive|holds no image/],
      [
        'names a layer that is not there',
        Buffer.concat([
          tarEntry({
            name: 'manifest.json',
            content: '[{"Config":"c","RepoTags":null,"Layers":["../../../etc/passwd"]}]',
          }),
          tarEntry({ name: 'c', content: '{}' }),
          tarEnd,
        ]),
        /etc\/passwd is missing in the archive/,
      ],
      [
        'has a configuration that is none',
        Buffer.concat([
          tarEntry({ name: 'manifest.json', content: '[{"Config":"c","RepoTags":null,"Layers":[]}]' }),
          tarEntry({ name: 'c', content: '{}' }),
          tarEnd,
        ]),
        /configuration of the archive is not valid/,
      ],
      [
        'has a manifest that is no JSON',
        Buffer.concat([tarEntry({ name: 'manifest.json', content: '[{' }), tarEnd]),
        /is not JSON/,
      ],
      [
        'calls a layer by another’s name',
        imageArchive('bad', [layer], [Buffer.concat([file('y'), tarEnd])]),
        /is not the one that the configuration names/,
      ],
      [
        'has a blob that is not its name',
        Buffer.concat([tarEntry({ name: `blobs/sha256/${'0'.repeat(64)}`, content: 'x' }), tarEnd]),
        /blob 000000000000 of the archive is damaged/,
      ],
      ['links to a file of the host', Buffer.concat([link('manifest.json', '/etc/passwd'), tarEnd]), /holds no image/],
    ]
    for (const [what, archive, message] of cases) {
      const { code, stderr } = await helper.cliWith({ input: archive }, 'load', '-q')
      assert.notEqual(code, 0, what)
      assert.match(stderr, message, what)
    }
    assert.deepEqual(
      [readdirSync(join(helper.state, 'layers')), readdirSync(join(helper.state, 'images/blobs/sha256'))],
      [[], []],
    )
  })
})

/** An entry whose size is -1 in the base-256 form of GNU tar. */
function negativeSize(name: string): Buffer {
  const entry = tarEntry({ name })
  entry.fill(0xff, 124, 136)
  entry.write('        ', 148)
  entry.write(
    `${entry
      .subarray(0, 512)
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  return entry
}
