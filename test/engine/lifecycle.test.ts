import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../../helper/client/client.ts'
import { quickest } from '../support/quickest.ts'
import { nextEvent, runToEnd, TestHelper, untilState } from '../support/helper.ts'

describe('the life of a container', () => {
  let helper: TestHelper
  let client: Client
  before(async () => {
    helper = await TestHelper.start()
    await helper.importBusybox()
    client = await helper.client()
  })
  after(() => helper.stop())

  const run = (command: string[], more: object = {}) =>
    client.call('containers/run', { image: 'busybox', command, ...more })

  it('runs, prints, and ends with its own exit code', async () => {
    const { exitCode, output } = await runToEnd(helper, {
      image: 'busybox',
      command: ['sh', '-c', 'echo out; echo err >&2; exit 7'],
    })
    assert.deepEqual([exitCode, output.split('\n').toSorted()], [7, ['', 'err', 'out']])
  })

  it('says create, start, die and destroy, in that order, each within 100 ms', async () => {
    const watching = await helper.client()
    const most = await quickest(100, async () => {
      const seen: [string, number][] = []
      // That of an earlier test may still be on its way out.
      const isOurs = ({ attributes }: { attributes: Record<string, string> }): boolean => attributes['name'] === 'lived'
      watching.onEvent((event) => isOurs(event) && seen.push([event.action, Date.now() - event.time]))
      const destroyed = nextEvent(watching, (event) => isOurs(event) && event.action === 'destroy')
      await run(['true'], { autoRemove: true, name: 'lived' })
      await destroyed
      assert.deepEqual(
        seen.map(([action]) => action),
        ['create', 'start', 'die', 'destroy'],
      )
      return Math.max(...seen.map(([, late]) => late))
    })
    assert.ok(most < 100, `${most} ms`)
  })

  it('keeps what it wrote when it is stopped, and frees it when it is removed', async () => {
    const { id } = await run(['sh', '-c', 'test -e /kept && exit 5; echo x > /kept; sleep 100'], { name: 'keeper' })
    const upper = join(helper.state, 'containers', id, 'upper')
    while (!existsSync(join(upper, 'kept'))) await sleep(5)
    await client.call('containers/stop', { container: 'keeper', timeout: 0 })
    assert.equal(readFileSync(join(upper, 'kept'), 'utf8'), 'x\n')
    await client.call('containers/start', { container: 'keeper' })
    assert.equal((await client.call('containers/wait', { container: 'keeper' })).exitCode, 5)
    await client.call('containers/remove', { container: 'keeper' })
    assert.equal(existsSync(upper), false)
    assert.equal(existsSync(join(upper, '..')), false)
  })

  it('ends on SIGTERM when it listens, and on SIGKILL when it does not', async () => {
    await run(['sh', '-c', 'trap "exit 3" TERM; while true; do sleep 0.05; done'], { name: 'polite' })
    await run(['sh', '-c', 'trap "" TERM; while true; do sleep 0.05; done'], { name: 'stubborn' })
    await sleep(200)
    assert.equal((await client.call('containers/stop', { container: 'polite' })).exitCode, 3)
    const began = Date.now()
    assert.equal((await client.call('containers/stop', { container: 'stubborn', timeout: 1 })).exitCode, 137)
    assert.ok(Date.now() - began < 2000)
    for (const container of ['polite', 'stubborn']) await client.call('containers/remove', { container })
  })

  it('is frozen and thawed, and can be killed while frozen', async () => {
    const { id } = await run(['sh', '-c', 'while true; do echo tick; sleep 0.02; done'], { name: 'clock' })
    const log = join(helper.state, 'containers', id, 'log')
    while (!existsSync(log)) await sleep(5)
    assert.equal((await client.call('containers/pause', { container: 'clock' })).state, 'paused')
    const size = statSync(log).size
    await sleep(150)
    assert.ok(statSync(log).size - size < 60, 'it went on while it was paused')
    const frozen = statSync(log).size
    await client.call('containers/unpause', { container: 'clock' })
    await sleep(150)
    assert.ok(statSync(log).size > frozen)
    await client.call('containers/pause', { container: 'clock' })
    await client.call('containers/remove', { container: 'clock', force: true })
  })

  it('is killed, stopped or removed while frozen, though its watcher removes the cgroup at that moment', async () => {
    const ends = [
      (container: string) => client.call('containers/kill', { container, signal: 9 }),
      (container: string) => client.call('containers/stop', { container, timeout: 0 }),
      (container: string) => client.call('containers/remove', { container, force: true }),
    ]
    await Promise.all(
      Array.from({ length: 24 }, async (_, n) => {
        const { id } = await run(['sleep', '1000'])
        await client.call('containers/pause', { container: id })
        await ends[n % 3]!(id)
        if (n % 3 === 0) await client.call('containers/unpause', { container: id }).catch(() => undefined)
        if (n % 3 === 2) return
        assert.equal((await client.call('containers/wait', { container: id })).exitCode, 137)
        assert.equal((await untilState(client, id, 'exited')).state, 'exited')
        await client.call('containers/remove', { container: id })
      }),
    )
  })

  it('leaves no zombie behind, neither a watcher nor a process of its own', async () => {
    await Promise.all(
      Array.from({ length: 20 }, () => runToEnd(helper, { image: 'busybox', command: ['sh', '-c', '(true &); true'] })),
    )
    await sleep(300)
    assert.deepEqual(zombiesOf(helper.pid), [])
  })

  it('tells that it was killed for want of memory', async () => {
    const request = {
      image: 'busybox',
      command: ['sh', '-c', 'tail /dev/zero'],
      resources: { memory: 32 << 20, memorySwap: 32 << 20 },
    }
    const result = await runToEnd(helper, request)
    assert.equal(result.oomKilled, true)
    assert.equal(result.exitCode, 137)
  })

  it('refuses what its state does not allow, and says so', async () => {
    await run(['sleep', '100'], { name: 'busy' })
    await assert.rejects(client.call('containers/start', { container: 'busy' }), /container busy is running already/)
    await assert.rejects(client.call('containers/unpause', { container: 'busy' }), /is not paused/)
    await assert.rejects(client.call('containers/remove', { container: 'busy' }), /container busy is running/)
    await client.call('containers/kill', { container: 'busy' })
    await client.call('containers/wait', { container: 'busy' })
    await assert.rejects(client.call('containers/kill', { container: 'busy' }), /is exited: only one that runs/)
    await assert.rejects(client.call('containers/pause', { container: 'busy' }), /is exited/)
    await client.call('containers/remove', { container: 'busy' })
    await assert.rejects(client.call('containers/inspect', { container: 'busy' }), /no container busy/)
  })

  it('is found by its name, its id, and the beginning of its id', async () => {
    const { id } = await run(['true'], { name: 'found' })
    for (const container of ['found', id, id.slice(0, 8)])
      assert.equal((await client.call('containers/inspect', { container }))['id'], id)
    await client.call('containers/remove', { container: 'found', force: true })
  })

  it('gives one name to one of two that ask for it at once', async () => {
    const results = await Promise.allSettled([1, 2, 3, 4].map(() => run(['sleep', '100'], { name: 'only' })))
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
    await client.call('containers/remove', { container: 'only', force: true })
  })

  it('is removed once, however many ask at once', async () => {
    const watching = await helper.client()
    const destroyed: string[] = []
    watching.onEvent(({ action, id }) => action === 'destroy' && destroyed.push(id))
    const { id } = await run(['sleep', '100'], { name: 'unloved' })
    const removals = [1, 2, 3].map(() => client.call('containers/remove', { container: 'unloved', force: true }))
    assert.ok((await Promise.allSettled(removals)).some(({ status }) => status === 'fulfilled'))
    assert.equal(
      (await client.call('containers/list')).some(({ name }) => name === 'unloved'),
      false,
    )
    await watching.call('version')
    assert.deepEqual(destroyed, [id])
  })

  it('is started once, however many ask at once', async () => {
    const { id } = await run(['sh', '-c', 'test -e /again && exec sleep 100; touch /again'], { name: 'wanted' })
    await client.call('containers/wait', { container: id })
    const starts = await Promise.allSettled(
      [1, 2, 3].map(() => client.call('containers/start', { container: 'wanted' })),
    )
    assert.deepEqual(starts.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected', 'rejected'])
    assert.equal((await client.call('containers/list')).find((container) => container.id === id)?.state, 'running')
    await client.call('containers/remove', { container: id, force: true })
  })

  it('starts a hundred times at once', async () => {
    const all = await Promise.all(
      Array.from({ length: 100 }, () => run(['sleep', '100'], { labels: { crowd: 'yes' } })),
    )
    assert.equal(new Set(all.map(({ id }) => id)).size, 100)
    await Promise.all(all.map(({ id }) => client.call('containers/remove', { container: id, force: true })))
    assert.equal((await client.call('containers/list')).length, 0)
    assert.deepEqual(readdirSync(join(helper.run, 'watchers')), [])
  })

  it('shows its start step by step, with times that fit together', async () => {
    const { id } = await run(['true'])
    await untilState(client, id, 'exited')
    const { helper: own, steps } = await client.call('containers/trace', { container: id })
    const operations = steps.map(({ operation }) => operation)
    for (const expected of ['create cgroup', 'new namespaces', 'mount overlay', 'pivot root', 'exec'])
      assert.ok(operations.includes(expected), expected)
    for (const step of steps) assert.ok(step.end >= step.start && step.start >= 0, JSON.stringify(step))
    assert.ok(own.prepare > 0 && own.spawn > 0)
    await client.call('containers/remove', { container: id })
  })

  it('follows its log to the last byte', async () => {
    const { id } = await run(['sh', '-c', 'i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done'])
    const { stdout } = await helper.cli('logs', '-f', id)
    assert.equal(stdout, Array.from({ length: 2000 }, (_, i) => `line ${i}\n`).join(''))
    assert.equal((await helper.cli('logs', '--tail', '2', id)).stdout, 'line 1998\nline 1999\n')
    assert.match((await helper.cli('logs', '-t', '--tail', '1', id)).stdout, /^\d{4}-\d\d-\d\dT.*Z line 1999\n$/)
    await client.call('containers/remove', { container: id })
  })

  it('takes input with back-pressure, and loses no byte', async () => {
    const input = Buffer.alloc(8 << 20, 'abcdefgh')
    const { stdout, code } = await helper.cliWith(
      { input },
      'run',
      '-i',
      '--rm',
      'busybox',
      'sh',
      '-c',
      'sleep 0.3; md5sum',
    )
    const { createHash } = await import('node:crypto')
    assert.equal(stdout, `${createHash('md5').update(input).digest('hex')}  -\n`)
    assert.equal(code, 0)
  })

  it('loses no byte that is sent together with the request', async () => {
    for (let round = 0; round < 30; round++) {
      const eager = await helper.client()
      let output = ''
      const end = Promise.withResolvers<unknown>()
      eager.stream = { onBytes: (_on, bytes) => (output += Buffer.from(bytes).toString()), onEnd: end.resolve }
      const started = eager.call('containers/run', {
        image: 'busybox',
        command: ['wc', '-c'],
        attach: true,
        openStdin: true,
        autoRemove: true,
      })
      void eager.send(Buffer.alloc(300_000, 'x')).then(() => eager.endInput())
      await started
      await end.promise
      eager.close()
      assert.equal(output, '300000\n', `round ${round}`)
    }
  })

  it('prints 64 MB through a slow reader without filling the helper’s memory', async function () {
    this.timeout(60_000)
    const slow = await helper.client()
    let bytes = 0
    const end = Promise.withResolvers<unknown>()
    slow.stream = { onBytes: (_on, part) => (bytes += part.byteLength), onEnd: end.resolve }
    const before = memoryOf(helper.pid)
    await slow.call('containers/run', {
      image: 'busybox',
      command: ['sh', '-c', 'sleep 0.2; head -c 64m /dev/zero | tr "\\0" x'],
      attach: true,
      autoRemove: true,
    })
    slow.hold(true)
    await sleep(1500)
    assert.ok(memoryOf(helper.pid) - before < 50_000, 'the helper kept what its client did not read')
    slow.hold(false)
    await end.promise
    assert.equal(bytes, 64 << 20)
  })
})

/** Resident, KiB. */
function memoryOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
}

function zombiesOf(parent: number): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const [, state, ppid] = readFileSync(`/proc/${pid}/stat`, 'utf8')
          .split(') ')
          .at(-1)!
          .match(/^(\S) (\d+)/)!
        return state === 'Z' && Number(ppid) === parent ? [pid] : []
      } catch {
        return [] // ended meanwhile
      }
    })
}
