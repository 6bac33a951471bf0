import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, globSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { paxHeader, tarEnd, tarEntry } from '../support/tar.ts'

const seconds = Number(process.env['BULKHEAD_FUZZ_SECONDS'] ?? 10)
const root = join(import.meta.dirname, '../..')

/** The same numbers each time, so that a failure can be seen again (xorshift32). */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

function mutated(archive: Buffer, next: (below: number) => number): Buffer {
  const changed = Buffer.from(archive)
  for (let times = 1 + next(8); times > 0; times--) {
    const at = next(changed.byteLength)
    const kind = next(4)
    if (kind === 0) changed[at] = next(256)
    else if (kind === 1) changed.fill(next(256), at, Math.min(changed.byteLength, at + next(32)))
    else if (kind === 2) changed.write(['../', '/', '.wh.', '.wh..wh..opq', '\u00ff'][next(5)]!, at, 'latin1')
    else
      changed.copy(changed, next(changed.byteLength) & ~511, at & ~511, Math.min(changed.byteLength, (at & ~511) + 512))
  }
  return next(10) === 0 ? changed.subarray(0, next(changed.byteLength)) : changed
}

function withChecksums(archive: Buffer): Buffer {
  // Or no mutation of a header would get past the first look.
  for (let at = 0; at + 512 <= archive.byteLength; at += 512) {
    if (archive.toString('latin1', at + 257, at + 262) !== 'ustar') continue
    archive.write('        ', at + 148)
    const sum = archive.subarray(at, at + 512).reduce((total, byte) => total + byte, 0)
    archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148)
  }
  return archive
}

describe('the reader of archives', function () {
  this.timeout((seconds + 90) * 1000)
  let directory: string
  before(() => (directory = mkdtempSync('/tmp/bulkhead-fuzz-')))
  after(() => rmSync(directory, { recursive: true }))

  it(`stays inside its memory and its root through ${seconds} s of damaged archives, with sanitizers`, function () {
    if (process.getuid?.() !== 0) this.skip()
    const program = join(directory, 'unpack')
    const sources = globSync('native/unpack/*.cc', { cwd: root })
    const flags = [
      '-std=c++17',
      '-D_GNU_SOURCE',
      '-O1',
      '-g',
      '-fsanitize=address,undefined',
      '-fno-sanitize-recover=all',
    ]
    execFileSync('clang++', [...flags, '-o', program, ...sources, '-larchive', '-lz', '-lzstd', '-lnettle'], {
      cwd: root,
    })
    const canary = join(directory, 'canary')
    mkdirSync(canary)
    execFileSync('sh', ['-c', 'echo canary > $0/file', canary])
    const listing = (): string =>
      execFileSync('sh', ['-c', `cd ${canary} && find . -printf '%p %m %U %s %T@\\n'`], { encoding: 'utf8' })
    const before = listing()
    const seeds = [
      Buffer.concat([
        tarEntry({ name: 'd', type: '5' }),
        tarEntry({ name: 'd/file', content: 'content' }),
        tarEntry({ name: 'd/link', type: '2', link: canary }),
        tarEntry({ name: 'd/link/through', content: 'x' }),
        tarEntry({ name: 'd/hard', type: '1', link: 'd/file' }),
        tarEntry({ name: 'd/.wh.file', content: '' }),
        tarEntry({ name: 'd/.wh..wh..opq', content: '' }),
        tarEntry({ name: 'disk', type: '4', device: [8, 0] }),
        paxHeader({ path: 'long/'.repeat(40), 'SCHILY.xattr.user.a': 'b', mtime: '1.5', 'GNU.sparse.map': '0,1' }),
        tarEntry({ name: 'short', content: 'y'.repeat(2000) }),
        tarEnd,
      ]),
      ...['gnu', 'pax', 'ustar'].map((format) =>
        execFileSync('tar', ['-C', '/usr/share', `--format=${format}`, '-cf', '-', 'perl5', 'base-files'], {
          maxBuffer: 1 << 26,
        }).subarray(0, 100_000),
      ),
    ]
    const next = random(20_261_125)
    const until = performance.now() + seconds * 1000
    let runs = 0
    for (; performance.now() < until; runs++) {
      const plain = mutated(seeds[next(seeds.length)]!, next)
      const kind = next(6)
      const input =
        kind === 0
          ? mutated(gzipSync(plain), next)
          : kind === 1
            ? mutated(zstdCompressSync(plain), next)
            : withChecksums(Buffer.from(plain))
      const target = join(directory, 'target')
      mkdirSync(target)
      const fd = openSync(target, 'r')
      const args = ['--layer', '--entries', '1000', '--bytes', '10000000']
      const { status, stderr } = spawnSync(program, args, {
        input,
        stdio: ['pipe', 'pipe', 'pipe', fd],
        encoding: 'utf8',
        timeout: 20_000,
        env: { ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=0' },
      })
      closeSync(fd)
      assert.doesNotMatch(stderr, /Sanitizer|runtime error|killed by signal/, `run ${runs}`)
      assert.ok(
        status === 0 || status === 1 || status === constants.errno.ENOSPC,
        `run ${runs} ended with ${status}: ${stderr}`,
      )
      execFileSync('rm', ['-rf', target])
    }
    assert.equal(listing(), before)
    assert.equal(readFileSync(join(canary, 'file'), 'utf8'), 'canary\n')
    assert.ok(runs > seconds * 5, `${runs} archives`)
  })
})
