import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { TestHelper } from '../support/helper.ts'
import { makeLayeredImage } from '../support/layeredImage.ts'
import { RealRegistry } from '../support/registry.ts'

/** Whatever is killed whenever: what was acknowledged is there and whole, and nothing else is. */
describe('a helper that is killed while it works on images', function () {
  this.timeout(120_000)
  let helper: TestHelper
  let registry: RealRegistry
  let directory: string
  before(async () => {
    helper = await TestHelper.start({ network: 'host' })
    registry = await RealRegistry.start()
    directory = mkdtempSync('/tmp/bulkhead-crash-')
    await helper.importBusybox()
    await makeLayeredImage(helper, 'site:1')
    for (const args of [
      ['tag', 'site:1', `${registry.host}/site:1`],
      ['push', `${registry.host}/site:1`],
      ['save', '-o', join(directory, 'site.tar'), 'site:1'],
      ['rmi', `${registry.host}/site:1`, 'site:1', 'site:1-step-0'],
    ]) {
      const { code, stderr } = await helper.cli(...args)
      assert.equal(code, 0, stderr)
    }
  })
  after(async () => {
    rmSync(directory, { recursive: true, force: true })
    await helper.stop()
    await registry.stop()
  })

  const layout = (): string => join(helper.state, 'images')

  /** Every blob is what its name says, every image can be read, its layers are there, and nothing else is. */
  function check(): string[] {
    const blobs = readdirSync(join(layout(), 'blobs/sha256'))
    for (const name of blobs)
      assert.equal(
        createHash('sha256')
          .update(readFileSync(join(layout(), 'blobs/sha256', name)))
          .digest('hex'),
        name,
      )
    const { manifests } = JSON.parse(readFileSync(join(layout(), 'index.json'), 'utf8')) as {
      manifests: { digest: string; annotations?: Record<string, string> }[]
    }
    const read = (digest: string) => JSON.parse(readFileSync(join(layout(), 'blobs/sha256', digest.slice(7)), 'utf8'))
    const used = new Set<string>()
    const folders = new Set<string>()
    for (const { digest } of manifests) {
      const manifest = read(digest)
      for (const each of [
        digest,
        manifest.config.digest,
        ...manifest.layers.map((layer: { digest: string }) => layer.digest),
      ])
        used.add(each.slice(7))
      let chain = ''
      for (const diffId of read(manifest.config.digest).rootfs.diff_ids as string[]) {
        chain = chain === '' ? diffId : `sha256:${createHash('sha256').update(`${chain} ${diffId}`).digest('hex')}`
        folders.add(chain.slice(7))
      }
    }
    assert.deepEqual(blobs.toSorted(), [...used].toSorted())
    const layers = readdirSync(join(helper.state, 'layers'))
    assert.deepEqual(layers.filter((name) => !name.endsWith('.json')).toSorted(), [...folders].toSorted())
    return manifests.flatMap(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] ?? [])
  }

  /** Kills the helper `after` milliseconds of the command, and answers whether the command was acknowledged. */
  async function killDuring(after: number, args: readonly string[]): Promise<boolean> {
    const running = helper.cli(...args)
    await new Promise((resolve) => setTimeout(resolve, after))
    await helper.kill('SIGKILL')
    const { code } = await running
    await helper.start()
    return code === 0
  }

  const moments = Array.from({ length: 9 }, (_, n) => 70 + n * 25)

  for (const [what, args, name] of [
    ['a pull', () => ['pull', `${registry.host}/site:1`], () => `${registry.host}/site:1`],
    ['a load', () => ['load', '-q', '-i', join(directory, 'site.tar')], () => 'site:1'],
    ['an import', () => ['import', join(helper.directory, 'root.tar'), 'again'], () => 'again:latest'],
    ['a commit', () => ['commit', 'work', 'work:1'], () => 'work:1'],
  ] as const)
    it(`at any moment of ${what} leaves a whole store`, async () => {
      execFileSync('sh', [
        '-c',
        `head -c 8000000 /dev/urandom > ${directory}/random; tar -C ${directory} -cf ${helper.directory}/root.tar random`,
      ])
      await helper.cli('run', '--name', 'work', 'busybox', 'sh', '-c', 'head -c 4000000 /dev/urandom > /data')
      let acknowledged = 0
      for (const after of moments) {
        const done = await killDuring(after, args())
        const names = check()
        if (done) {
          acknowledged++
          assert.ok(names.includes(name()), `${name()} was acknowledged after ${after} ms, and is gone`)
        }
        if (names.includes(name())) {
          const { code, stderr } = await helper.cli('rmi', name())
          assert.equal(code, 0, stderr)
          check()
        }
      }
      await helper.cli('rm', 'work')
      assert.ok(acknowledged < moments.length, 'the helper was never killed in time')
    })

  it('at any moment of a removal leaves the whole image, or nothing of it', async () => {
    for (const after of moments) {
      await helper.cli('load', '-q', '-i', join(directory, 'site.tar'))
      const done = await killDuring(after, ['rmi', 'site:1'])
      const names = check()
      if (done) assert.ok(!names.includes('site:1'))
      else if (names.includes('site:1')) {
        const { code, stdout } = await helper.cli('run', '--rm', 'site:1', 'cat', '/srv/site/new')
        assert.deepEqual([code, stdout], [0, 'added\n'])
      }
    }
  })
})
