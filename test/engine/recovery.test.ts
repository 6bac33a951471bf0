import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestHelper, untilState } from '../support/helper.ts'

describe('a helper that is killed', () => {
  let helper: TestHelper
  before(async () => {
    helper = await TestHelper.start()
    await helper.importBusybox()
  })
  after(() => helper.stop())

  /** Not a zombie that its parent has not reaped yet, either. */
  const isAlive = (pid: number): boolean =>
    existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))

  it('leaves containers running, and the next one finds them, their logs and their exit codes', async () => {
    const client = await helper.client()
    const script = (n: number): string[] => [
      'sh',
      '-c',
      `i=0; while [ ! -e /end ]; do echo ${n} $i; i=$((i+1)); sleep 0.01; done; exit ${n}`,
    ]
    const goesOn = await client.call('containers/run', { image: 'busybox', command: script(3), name: 'goes-on' })
    const endsMeanwhile = await client.call('containers/run', {
      image: 'busybox',
      command: script(4),
      name: 'ends-meanwhile',
    })
    const paused = await client.call('containers/run', {
      image: 'busybox',
      command: script(5),
      name: 'removes-itself',
      autoRemove: true,
    })
    await sleep(100)
    await helper.kill('SIGKILL')
    assert.ok([goesOn, endsMeanwhile, paused].every(({ pid }) => isAlive(pid)))
    for (const { pid } of [endsMeanwhile, paused])
      execFileSync('nsenter', ['-t', String(pid), '-m', '-r', 'touch', '/end'])
    while (isAlive(endsMeanwhile.pid) || isAlive(paused.pid)) await sleep(5)
    await sleep(100)

    await helper.start()
    const again = await helper.client()
    const list = await again.call('containers/list')
    const state = (name: string) => list.find((container) => container.name === name)
    assert.deepEqual([state('goes-on')?.state, state('goes-on')?.pid], ['running', goesOn.pid])
    assert.deepEqual([state('ends-meanwhile')?.state, state('ends-meanwhile')?.exitCode], ['exited', 4])
    assert.equal(state('removes-itself'), undefined)

    const exit = again.call('containers/wait', { container: 'goes-on' })
    execFileSync('nsenter', ['-t', String(goesOn.pid), '-m', '-r', 'touch', '/end'])
    assert.equal((await exit).exitCode, 3)
    const lines = (await helper.cli('logs', 'goes-on')).stdout.trim().split('\n')
    assert.deepEqual(
      lines,
      lines.map((_, i) => `3 ${i}`),
      'a line was lost while the helper was away',
    )
    assert.ok((await again.call('containers/trace', { container: 'goes-on' })).steps.length > 20)
    for (const container of ['goes-on', 'ends-meanwhile']) await again.call('containers/remove', { container })
  })

  it('is told to clean up after: what was half done is undone', async () => {
    await helper.kill('SIGKILL')
    // A folder whose record was never written, a spare, a removal that was cut off, and an interrupted import.
    const containers = join(helper.state, 'containers')
    for (const name of ['a'.repeat(64), '.spare-0123'])
      mkdirSync(join(containers, name, 'upper/deep'), { recursive: true })
    const torn = join(containers, 'b'.repeat(64))
    mkdirSync(torn)
    writeFileSync(join(torn, 'container.json'), '{"id":"bbb')
    mkdirSync(join(helper.state, 'layers/.partial-x/sub'), { recursive: true })
    writeFileSync(join(helper.state, 'images/blobs/sha256/.partial-x'), 'half')
    writeFileSync(join(helper.run, 'watchers/stale.sock'), '')
    await helper.start()
    // Folders that are kept ready for the next containers are empty.
    for (const name of readdirSync(containers))
      assert.deepEqual(readdirSync(join(containers, name)).toSorted(), ['upper', 'work'], name)
    for (const name of ['a'.repeat(64), 'b'.repeat(64), '.spare-0123'])
      assert.equal(existsSync(join(containers, name)), false)
    const layers = readdirSync(join(helper.state, 'layers'))
    assert.deepEqual(
      layers.filter((name) => !/^[0-9a-f]{64}(?:\.json)?$/.test(name)),
      [],
    )
    assert.equal(layers.length, 2)
    assert.equal(existsSync(join(helper.state, 'images/blobs/sha256/.partial-x')), false)
    assert.deepEqual(readdirSync(join(helper.run, 'watchers')), [])
    const client = await helper.client()
    assert.equal((await client.call('images/list')).length, 2)
  })

  it('at any moment of starts, stops and removals leaves nothing that the next one does not account for', async function () {
    this.timeout(120_000)
    for (let round = 0; round < 12; round++) {
      const client = await helper.client()
      const busy = (async () => {
        while (true) {
          const { id } = await client.call('containers/run', { image: 'busybox', command: ['sleep', '60'] })
          const other = client.call('containers/run', { image: 'busybox', command: ['true'], autoRemove: true })
          await client.call('containers/remove', { container: id, force: true })
          await other
        }
      })()
      busy.catch(() => undefined)
      await sleep(20 + round * 7)
      await helper.kill('SIGKILL')
      await helper.start()
      const again = await helper.client()
      const known = (await again.call('containers/list')).map(({ id }) => id)
      for (const { id } of await again.call('containers/list'))
        await again.call('containers/remove', { container: id, force: true })
      await sleep(50)
      assert.deepEqual(helper.containerFolders(), [], `round ${round}; known were ${known.join(' ')}`)
      assert.deepEqual(readdirSync(join(helper.run, 'watchers')), [])
      assert.equal((await again.call('containers/list')).length, 0)
    }
  })

  it('knows which containers were paused', async () => {
    const client = await helper.client()
    const { id } = await client.call('containers/run', { image: 'busybox', command: ['sleep', '100'] })
    await client.call('containers/pause', { container: id })
    await helper.kill('SIGKILL')
    await helper.start()
    const again = await helper.client()
    assert.equal((await again.call('containers/list')).find((container) => container.id === id)?.state, 'paused')
    assert.equal((await again.call('containers/unpause', { container: id })).state, 'running')
    await again.call('containers/pause', { container: id })
    await again.call('containers/remove', { container: id, force: true })
  })

  it('tells those who wait for it that it is gone', async () => {
    const client = await helper.client()
    const { id } = await client.call('containers/run', { image: 'busybox', command: ['sleep', '100'] })
    const wait = client.call('containers/wait', { container: id })
    await helper.kill('SIGKILL')
    await assert.rejects(wait, /the helper closed the connection/)
    await helper.start()
    const again = await helper.client()
    await again.call('containers/remove', { container: id, force: true })
  })

  it('notices a watcher that was killed, and that its container ended with it', async () => {
    const client = await helper.client()
    const { id, pid } = await client.call('containers/run', { image: 'busybox', command: ['sleep', '100'] })
    const watcher = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
    process.kill(watcher, 'SIGKILL')
    const ended = await untilState(client, id, 'exited')
    assert.equal(ended.exitCode, 137)
    assert.equal(isAlive(pid), false)
    await client.call('containers/remove', { container: id })
  })

  it('or asked to end, ends cleanly: exit code 0, no socket, containers go on', async () => {
    const client = await helper.client()
    const { id, pid } = await client.call('containers/run', { image: 'busybox', command: ['sleep', '100'] })
    assert.equal(await helper.kill('SIGTERM'), 0)
    assert.equal(existsSync(helper.socket), false)
    assert.ok(isAlive(pid))
    await helper.start()
    const again = await helper.client()
    await again.call('containers/remove', { container: id, force: true })
  })

  it('tells systemd when it is ready, if asked', async () => {
    await helper.kill('SIGTERM')
    const socket = join(helper.directory, 'notify')
    const listen = `import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print("bound", flush=True); print(s.recv(500).decode())`
    const systemd = spawn('python3', ['-c', listen, socket])
    let heard = ''
    systemd.stdout.on('data', (text: Buffer) => (heard += text.toString()))
    while (heard === '') await sleep(10)
    await helper.start({ NOTIFY_SOCKET: socket })
    await once(systemd, 'exit')
    assert.equal(heard, `bound\nREADY=1\nMAINPID=${helper.pid}\n`)
  })
})
