import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runToEnd, TestHelper } from '../support/helper.ts'

describe('image host', () => {
  let helper: TestHelper
  let directory: string
  before(async () => {
    helper = await TestHelper.start()
    directory = mkdtempSync('/var/tmp/bulkhead-secrets-')
    chmodSync(directory, 0o755)
  })
  after(async () => {
    rmSync(directory, { recursive: true, force: true })
    await helper.stop()
  })

  async function sh(script: string): Promise<string> {
    return (await runToEnd(helper, { image: 'host', command: ['sh', '-c', `${script} 2>&1`] })).output.trimEnd()
  }

  it('shows what any user may read', async () => {
    writeFileSync(join(directory, 'open'), 'open\n', { mode: 0o644 })
    assert.equal(await sh(`cat ${directory}/open; test -x /usr/bin/env && echo usable`), 'open\nusable')
  })

  it('hides passwords, homes, keys, and the helper’s own state', async () => {
    for (const path of [
      '/etc/shadow',
      '/etc/gshadow',
      '/etc/ssh/ssh_host_ed25519_key',
      `${helper.state}/images/index.json`,
      '/root/.bashrc',
    ])
      assert.match(await sh(`cat ${path}`), /No such file/, path)
    for (const path of ['/root', '/home', helper.state, helper.run])
      assert.equal(await sh(`ls -A ${path} 2>/dev/null; true`), '', path)
    assert.ok(existsSync('/etc/shadow'))
  })

  it('hides a secret that was written just before the start, wherever it lies', async () => {
    for (let round = 0; round < 20; round++) {
      const path = join(directory, `secret-${round}`)
      writeFileSync(path, 'secret\n', { mode: 0o600 })
      assert.match(await sh(`cat ${path}`), /No such file/, `round ${round}`)
    }
  })

  it('hides what became secret: by chmod, by a move, by its folder', async () => {
    const [file, moved, folder] = [join(directory, 'file'), join(directory, 'moved'), join(directory, 'folder')]
    writeFileSync(file, 'x\n')
    chmodSync(file, 0o640)
    assert.match(await sh(`cat ${file}`), /No such file/)
    renameSync(file, moved)
    assert.match(await sh(`cat ${moved}`), /No such file/)
    mkdirSync(folder)
    writeFileSync(join(folder, 'inside'), 'x\n')
    chmodSync(folder, 0o700)
    assert.equal(await sh(`ls -A ${folder}`), '')
    chmodSync(folder, 0o755)
    assert.equal(await sh(`cat ${folder}/inside`), 'x')
  })

  it('shows again what was opened', async () => {
    const file = join(directory, 'later')
    writeFileSync(file, 'x\n', { mode: 0o600 })
    assert.match(await sh(`cat ${file}`), /No such file/)
    chmodSync(file, 0o644)
    assert.equal(await sh(`cat ${file}`), 'x')
  })

  it('can be changed at will, in the container’s own copy alone', async () => {
    const size = statSync('/usr/bin/env').size
    assert.equal(
      await sh(
        'echo gone > /usr/bin/env && cat /usr/bin/env; rm -rf /usr/lib/os-release /etc/debian_version; ls /etc/debian_version',
      ),
      "gone\nls: cannot access '/etc/debian_version': No such file or directory",
    )
    assert.equal(statSync('/usr/bin/env').size, size)
    assert.ok(existsSync('/etc/debian_version'))
  })

  it('starts nothing when the privacy layer cannot be kept', async () => {
    const client = await helper.client()
    const { execFileSync } = await import('node:child_process')
    const pid = execFileSync('pgrep', ['-P', String(helper.pid), 'bulkhead-privac'], { encoding: 'utf8' }).trim()
    process.kill(Number(pid), 'SIGSTOP')
    const start = client.call('containers/run', { image: 'host', command: ['true'] })
    await new Promise((resolve) => setTimeout(resolve, 300)) // by now it waits for the layer
    process.kill(Number(pid), 'SIGKILL')
    await assert.rejects(start, /privacy layer of image host cannot be kept/)
    // The next one begins a new walk.
    assert.match(await sh('cat /etc/shadow'), /No such file/)
  })
})
