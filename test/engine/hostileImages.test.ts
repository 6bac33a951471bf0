import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  lstatSync,
} from 'node:fs'
import { join } from 'node:path'
import { makeBusyboxRoot } from '../support/busybox.ts'
import { runToEnd, TestHelper } from '../support/helper.ts'

/** Every place that a start touches inside the root. */
const touched = [
  '/proc',
  '/sys',
  '/dev',
  '/dev/pts',
  '/dev/shm',
  '/dev/mqueue',
  '/dev/null',
  '/etc',
  '/etc/hosts',
  '/etc/hostname',
  '/etc/passwd',
  '/tmp',
]

describe('an image that means harm', () => {
  let helper: TestHelper
  let canary: string
  let before_: string
  before(async () => {
    helper = await TestHelper.start()
    await helper.importBusybox()
    canary = mkdtempSync('/tmp/bulkhead-canary-')
    mkdirSync(join(canary, 'directory'))
    writeFileSync(join(canary, 'file'), 'canary\n')
    before_ = snapshot(canary)
  })
  after(async () => {
    await helper.stop()
    rmSync(canary, { recursive: true })
  })
  afterEach(() => assert.equal(snapshot(canary), before_, 'something outside of the container was changed'))

  /** Imports a busybox root that `change` has made hostile. */
  async function image(name: string, change: (root: string) => void): Promise<void> {
    const top = mkdtempSync('/tmp/bulkhead-hostile-')
    try {
      const root = join(top, 'root')
      makeBusyboxRoot(root)
      change(root)
      execFileSync('tar', ['-C', root, '-S', '-cf', join(top, 'image.tar'), '.'])
      const { code, stderr } = await helper.cli('import', join(top, 'image.tar'), name)
      assert.equal(code, 0, stderr)
    } finally {
      rmSync(top, { recursive: true, force: true })
    }
  }

  function link(root: string, path: string, target: string): void {
    rmSync(join(root, path), { recursive: true, force: true })
    mkdirSync(join(root, path, '..'), { recursive: true })
    symlinkSync(target, join(root, path))
  }

  for (const path of touched)
    for (const [kind, target] of [
      ['an absolute link', (c: string) => `${c}/directory`],
      ['a climbing link', (c: string) => `../../../../../../../../..${c}/directory`],
      ['a link to a file', (c: string) => `${c}/file`],
    ] as const)
      it(`gains nothing by ${kind} at ${path}`, async () => {
        const name = `link-${touched.indexOf(path)}-${kind.replaceAll(' ', '-')}`
        await image(name, (root) => link(root, path, target(canary)))
        const request = {
          image: name,
          command: [
            '/bin/sh',
            '-c',
            'echo x > /etc/hosts; echo x > /tmp/x; touch /dev/shm/x; cat /proc/1/comm; ls -l /dev/null',
          ],
        }
        const outcome = await runToEnd(helper, request).catch((error: Error) => error)
        // Either refused, or run with the container's own file systems there: never with the host's.
        if (outcome instanceof Error)
          assert.match(
            outcome.message,
            /symbolic link|not a directory|no such file|file already exists|permission denied/i,
          )
        else assert.match(outcome.output, /crw/)
      })

  it('gains nothing by /dev/null as a link to a file of the kernel', async () => {
    await image('null-link', (root) => link(root, '/dev/null', '/proc/sys/kernel/core_pattern'))
    const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8')
    const { output } = await runToEnd(helper, {
      image: 'null-link',
      command: ['sh', '-c', 'echo x > /dev/null; stat -c %t:%T /dev/null'],
    })
    assert.equal(output, '1:3\n')
    assert.equal(readFileSync('/proc/sys/kernel/core_pattern', 'utf8'), pattern)
  })

  it('gains nothing by /etc/passwd as a FIFO, a device or a link', async () => {
    await image('fifo', (root) => {
      rmSync(join(root, 'etc/passwd'))
      execFileSync('mkfifo', [join(root, 'etc/passwd')])
    })
    await assert.rejects(runToEnd(helper, { image: 'fifo', command: ['true'], user: 'alice' }), /not a regular file/)
    await image('huge', (root) => execFileSync('truncate', ['-s', '10G', join(root, 'etc/passwd')]))
    await assert.rejects(runToEnd(helper, { image: 'huge', command: ['true'], user: 'alice' }), /larger than 1 MiB/)
    await image('shadow', (root) => link(root, '/etc/passwd', '/etc/shadow'))
    await assert.rejects(
      runToEnd(helper, { image: 'shadow', command: ['true'], user: 'root2' }),
      /not in the container's/,
    )
  })

  it('cannot be entered at a directory of the host that somebody left open', async () => {
    const open = Array.from({ length: 20 }, () => openSync('/', 'r'))
    try {
      for (let fd = 0; fd < 64; fd++)
        for (const workingDirectory of [`/proc/self/fd/${fd}`, `/proc/1/fd/${fd}/..`, '/link']) {
          if (workingDirectory === '/link' && fd > 0) continue
          await assert.rejects(
            runToEnd(helper, { image: 'busybox', command: ['pwd'], workingDirectory }).then(({ output }) => {
              if (/^\/(?:link)?\n$/.test(output)) throw new Error('set working directory: inside') // made inside: harmless
            }),
            /working directory/,
          )
        }
    } finally {
      open.forEach((fd) => closeSync(fd))
    }
  })

  it('cannot run the watcher by a magic link, nor write to it', async () => {
    const watcher = join(import.meta.dirname, `../../dist/native/linux-${process.arch}/bulkhead-init`)
    const hash = (): string => createHash('sha256').update(readFileSync(watcher)).digest('hex')
    const intact = hash()
    for (const command of ['/proc/self/exe', '/proc/1/exe', '/self'])
      await image('self', (root) => link(root, '/self', '/proc/self/exe')).then(() =>
        assert.rejects(runToEnd(helper, { image: 'self', command: [command] }), /magic link/),
      )
    const { output } = await runToEnd(helper, {
      image: 'busybox',
      command: ['sh', '-c', 'echo x > /proc/1/exe; ls /proc/1/exe -l'],
    })
    assert.doesNotMatch(output, /bulkhead-init/)
    assert.equal(hash(), intact)
  })

  it('runs nothing of its own outside: no library, no tool', async () => {
    await image('tools', (root) => {
      for (const tool of ['tar', 'gzip', 'xz']) {
        rmSync(join(root, 'bin', tool))
        writeFileSync(join(root, 'bin', tool), `#!/bin/sh\ntouch ${canary}/ran\n`, { mode: 0o755 })
      }
      writeFileSync(join(root, 'etc/ld.so.preload'), '/lib/evil.so\n')
    })
    const { exitCode } = await runToEnd(helper, { image: 'tools', command: ['/bin/busybox', 'true'] })
    assert.equal(exitCode, 0)
  })

  it('leaves files that are removed, however deep it nests them', async () => {
    const client = await helper.client()
    const script = 'i=0; while [ $i -lt 3000 ]; do mkdir d && cd d || break; i=$((i+1)); done; ln -s / link; echo $i'
    const { id } = await client.call('containers/run', { image: 'busybox', command: ['sh', '-c', script] })
    await client.call('containers/wait', { container: id })
    await client.call('containers/remove', { container: id })
    assert.deepEqual(helper.containerFolders(), [])
  })
})

/** Names, kinds and contents below a folder. */
function snapshot(directory: string): string {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const status = lstatSync(join(directory, name))
      return `${name} ${status.mode} ${status.isFile() ? readFileSync(join(directory, name), 'utf8') : ''}`
    })
    .join('\n')
}
