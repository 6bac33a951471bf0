import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Params } from '../../helper/protocol/methods.ts'
import type { BulkheadEvent, ContainerSummary } from '../../helper/protocol/schemas.ts'
import { nextEvent, TestHelper, untilState } from '../support/helper.ts'
import { rejects } from '../support/rejects.ts'
import { within } from '../support/within.ts'

describe('the life of a container', () => {
  let helper: TestHelper
  before(async () => {
    helper = await TestHelper.start()
    await helper.importBusybox()
  })
  after(() => helper.stop())
  afterEach(async () => {
    await helper.removeContainers()
  })

  type Request = Partial<Params<'containers/run'>>
  async function make(method: 'containers/run' | 'containers/create', request: Request): Promise<ContainerSummary> {
    const client = await helper.client()
    try {
      return await client.call(method, { image: 'busybox', command: ['sleep', '1000'], network: 'none', ...request })
    } finally {
      client.close()
    }
  }
  const run = (request: Request = {}): Promise<ContainerSummary> => make('containers/run', request)

  async function summaryOf(id: string): Promise<ContainerSummary> {
    const client = await helper.client()
    try {
      return (await client.call('containers/list')).find((one) => one.id === id)!
    } finally {
      client.close()
    }
  }

  async function until(
    id: string,
    fits: (summary: ContainerSummary) => boolean,
    what: string,
  ): Promise<ContainerSummary> {
    for (let tries = 0; tries < 400; tries++) {
      const summary = await summaryOf(id)
      if (fits(summary)) return summary
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    assert.fail(`${what} did not come: ${JSON.stringify(await summaryOf(id))}`)
  }

  it('is created without being started, kept by a later helper, started, renamed, restarted, removed', async () => {
    const client = await helper.client()
    const { id, state } = await make('containers/create', { name: 'made', labels: { a: 'b' } })
    assert.equal(state, 'created')
    await rejects('WrongState', client.call('containers/wait', { container: id }))
    await helper.kill()
    await helper.start()
    const again = await helper.client()
    assert.equal((await summaryOf(id)).state, 'created')
    const { startedAt } = await again.call('containers/start', { container: 'made' })
    await rejects('WrongState', again.call('containers/start', { container: 'made' }))
    await again.call('containers/rename', { container: 'made', name: 'other' })
    await run({ name: 'taken' })
    await rejects('NameInUse', again.call('containers/rename', { container: 'other', name: 'taken' }))
    const restarted = await again.call('containers/restart', { container: 'other', timeout: 0 })
    assert.equal(restarted.state, 'running')
    assert.ok(restarted.startedAt! > startedAt!)
    assert.equal(restarted.restartCount, 0, 'it is somebody who restarted it')
    again.close()
  })

  it('ends by its own stop signal, and is killed after its own grace', async () => {
    const script = 'trap "echo bye; exit 7" QUIT; trap "" TERM; while true; do sleep 0.05; done'
    const { id } = await run({ command: ['sh', '-c', script], stopSignal: 3 })
    const client = await helper.client()
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal((await client.call('containers/stop', { container: id })).exitCode, 7)
    const stubborn = await run({
      command: ['sh', '-c', 'trap "" TERM; while true; do sleep 0.05; done'],
      stopTimeout: 0,
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
    const began = Date.now()
    assert.equal((await client.call('containers/stop', { container: stubborn.id })).exitCode, 137)
    assert.ok(Date.now() - began < 3000)
    client.close()
  })

  it('is restarted by its policy, with pauses that grow, and no more once somebody stops it', async () => {
    const client = await helper.client()
    const events: BulkheadEvent[] = []
    client.onEvent((event) => events.push(event))
    const { id } = await run({ command: ['false'], restart: { name: 'on-failure', maximumRetryCount: 3 } })
    const given = await until(id, ({ state, restartCount }) => state === 'exited' && restartCount === 3, 'its last end')
    assert.equal(given.exitCode, 1)
    const starts = events.filter(({ action, id: of }) => of === id && action === 'start').map(({ time }) => time)
    const pauses = starts.slice(1).map((time, at) => time - starts[at]!)
    assert.equal(pauses.length, 3)
    for (const [at, least] of [100, 200, 400].entries()) assert.ok(pauses[at]! >= least, pauses.join(', '))
    assert.ok(events.some(({ action, container }) => action === 'die' && container?.state === 'restarting'))

    const crashing = await run({ command: ['false'], restart: { name: 'always' } })
    await until(crashing.id, ({ restartCount }) => restartCount >= 1, 'a restart')
    await client.call('containers/stop', { container: crashing.id, timeout: 0 })
    const { restartCount } = await untilState(client, crashing.id, 'exited')
    await new Promise((resolve) => setTimeout(resolve, 900))
    assert.equal((await summaryOf(crashing.id)).restartCount, restartCount)

    const killed = await run({ restart: { name: 'unless-stopped' } })
    await client.call('containers/kill', { container: killed.id })
    await untilState(client, killed.id, 'exited')
    await rejects('InvalidRequest', run({ autoRemove: true, restart: { name: 'always' } }))
    client.close()
  })

  it('begins again with the machine, where its policy says so', async () => {
    const always = await run({ name: 'always', restart: { name: 'always' } })
    const unless = await run({ name: 'unless', restart: { name: 'unless-stopped' } })
    const stopped = await run({ name: 'stopped', restart: { name: 'unless-stopped' } })
    const plain = await run({ name: 'plain' })
    await helper.ok('stop', '-t', '0', 'stopped')
    await new Promise((resolve) => setTimeout(resolve, 150)) // what a start leaves for later is on disk
    // The machine goes down: helper, watchers and containers at once, and what /run holds.
    await helper.kill()
    for (const { pid } of [always, unless, plain]) process.kill(pid, 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 300))
    for (const { id } of [always, unless, plain])
      rmSync(join(helper.state, 'containers', id, 'exit.json'), { force: true })
    rmSync(helper.run, { recursive: true })
    await helper.start()
    await until(always.id, ({ state }) => state === 'running', 'always')
    await until(unless.id, ({ state }) => state === 'running', 'unless-stopped')
    assert.equal((await summaryOf(stopped.id)).state, 'exited')
    assert.equal((await summaryOf(plain.id)).state, 'exited')
  })

  it('has its limits changed while it runs, all or none', async () => {
    const { id } = await run({ resources: { memory: 64 << 20, pidsLimit: 50 } })
    const limit = async (): Promise<string> =>
      (
        await helper.ok(
          'exec',
          id,
          'sh',
          '-c',
          'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max',
        )
      ).trim()
    assert.equal(await limit(), `${64 << 20}\n50`)
    await helper.ok('update', '-m', '128m', '--pids-limit', '60', id)
    assert.equal(await limit(), `${128 << 20}\n60`)
    const refused = await helper.cli('update', '--pids-limit', '70', '-m', '1k', id)
    assert.match(refused.stderr, /too small/)
    assert.equal(await limit(), `${128 << 20}\n60`)
    await helper.ok('restart', '-t', '0', id)
    assert.equal(await limit(), `${128 << 20}\n60`, 'and keeps them')
    await helper.ok('update', '--restart', 'on-failure:2', id)
    const [{ request }] = JSON.parse(await helper.ok('inspect', id))
    assert.deepEqual(request.restart, { name: 'on-failure', maximumRetryCount: 2 })
  })

  it('is checked, and says how it is', async () => {
    const client = await helper.client()
    const healthy = nextEvent(
      client,
      ({ action, attributes }) => action === 'health_status' && attributes['health'] === 'healthy',
    )
    const unhealthy = nextEvent(
      client,
      ({ action, attributes }) => action === 'health_status' && attributes['health'] === 'unhealthy',
    )
    const { id, health } = await run({
      health: { test: ['CMD-SHELL', 'echo looking; test -e /well'], interval: 50, retries: 2 },
      command: ['sh', '-c', 'touch /well; sleep 1000'],
    })
    assert.equal(health, 'starting')
    await within(5000, 'healthy', healthy)
    assert.match(await helper.ok('ps'), /\(healthy\)/)
    await helper.ok('exec', id, 'rm', '/well')
    await within(5000, 'unhealthy', unhealthy)
    const [shown] = JSON.parse(await helper.ok('inspect', id))
    assert.equal(shown.health.status, 'unhealthy')
    assert.equal(shown.health.log.at(-1).output, 'looking\n')
    const hangs = await run({ health: { test: ['CMD', 'sleep', '100'], interval: 30, timeout: 60, retries: 1 } })
    await until(hangs.id, (summary) => summary.health === 'unhealthy', 'a check that takes too long')
    assert.equal(
      (await client.call('containers/top', { container: hangs.id })).filter(({ command }) => command === 'sleep 100')
        .length <= 1,
      true,
    )
    client.close()
  })

  it('has an init process that reaps, passes signals on, and ends as the command does', async () => {
    const { id } = await run({
      init: true,
      command: ['sh', '-c', 'trap "exit 9" USR1; sh -c "sleep 0.1 & exec true"; while true; do sleep 0.05; done'],
    })
    const client = await helper.client()
    await new Promise((resolve) => setTimeout(resolve, 400))
    const processes = await client.call('containers/top', { container: id })
    assert.equal(processes[0]!.containerPid, 1)
    assert.match(processes[0]!.command, /bulkhead-init/)
    assert.ok(
      processes.every(({ state }) => state !== 'Z'),
      'no zombie stays',
    )
    const open = await helper.ok('exec', id, 'ls', '/proc/1/fd').catch(() => '')
    assert.equal(open, '', 'it holds no descriptor, and cannot be looked into')
    await client.call('containers/kill', { container: id, signal: 10 })
    assert.equal((await client.call('containers/wait', { container: id })).exitCode, 9)
    assert.equal((await helper.cli('run', '--init', '--rm', '--network', 'none', 'busybox', '/nothing')).code, 127)
    assert.equal(
      (await helper.cli('run', '--init', '--rm', '--network', 'none', 'busybox', 'sh', '-c', 'kill -9 $$')).code,
      137,
    )
    client.close()
  })

  it('is attached to: what it prints from then on, its input, and left again', async () => {
    const { id } = await run({ openStdin: true, command: ['cat'] })
    const first = await helper.client()
    const second = await helper.client()
    const seen = ['', '']
    const both = Promise.withResolvers<void>()
    for (const [at, client] of [first, second].entries()) {
      client.stream = {
        onBytes: (_on, bytes) => {
          seen[at] = `${seen[at]}${Buffer.from(bytes).toString()}`
          if (seen.every((text) => text === 'hello\n')) both.resolve()
        },
        onEnd: () => undefined,
      }
      assert.deepEqual(await client.call('containers/attach', { container: id }), { id, tty: false, openStdin: true })
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
    await first.send(Buffer.from('hello\n'))
    await within(10_000, 'what both should see', both.promise)
    first.endInput()
    first.close()
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal((await summaryOf(id)).state, 'running', 'one that leaves ends nothing')
    second.close()
    const { id: ended } = await run({ command: ['true'] })
    const client = await helper.client()
    await untilState(client, ended, 'exited')
    await rejects('WrongState', client.call('containers/attach', { container: ended }))
    client.close()
  })

  it('tells what happened before, filtered, and logs of a time', async () => {
    const began = Date.now() / 1000
    const { id } = await run({ name: 'told', command: ['sh', '-c', 'echo early; sleep 1.2; echo late'] })
    const client = await helper.client()
    await untilState(client, id, 'exited')
    const text = await helper.ok(
      'events',
      '--since',
      String(began),
      '--until',
      '0s',
      '--filter',
      'container=told',
      '--filter',
      'event=start',
      '--filter',
      'event=die',
    )
    assert.match(
      text,
      /^\S+ container start [0-9a-f]{64} \(name=told, image=busybox:latest\)\n\S+ container die [0-9a-f]{64} \(.*exitCode=0\)\n$/,
    )
    const stamps = (await helper.ok('logs', '-t', 'told')).trim().split('\n')
    const late = stamps[1]!.split(' ')[0]!
    assert.equal(await helper.ok('logs', '--since', late, 'told'), 'late\n')
    assert.equal(await helper.ok('logs', '--until', stamps[0]!.split(' ')[0]!, 'told'), 'early\n')
    assert.equal(await helper.ok('logs', '--since', '0.5s', 'told'), '')
    client.close()
  })

  it('shows its processes and what they use', async () => {
    const { id } = await run({
      command: ['sh', '-c', 'sleep 99 & while true; do :; done'],
      user: 'alice',
      network: 'bridge',
    })
    const client = await helper.client()
    await new Promise((resolve) => setTimeout(resolve, 300))
    const processes = await client.call('containers/top', { container: id })
    assert.deepEqual(
      processes.map(({ containerPid, uid, command }) => [containerPid, uid, command.split(' ')[0]]),
      [
        [1, 1000, 'sh'],
        [processes[1]!.containerPid, 1000, 'sleep'],
      ],
    )
    const [stats] = await client.call('containers/stats', { containers: [id] })
    assert.ok(stats!.cpu > 50e6, String(stats!.cpu))
    assert.equal(stats!.pids, 2)
    assert.ok(stats!.memory > 0 && stats!.memoryLimit > stats!.memory)
    await helper.ok('exec', id, 'ping', '-c', '1', '10.208.0.1').catch(() => undefined)
    const row = await helper.ok('stats', '--no-stream', id)
    assert.match(
      row,
      /^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS\n\w{12} +\S+ +\d+\.\d\d% /,
    )
    assert.ok(Number(/(\d+\.\d\d)%/.exec(row)![1]) > 20, row)
    await rejects('ContainerNotFound', client.call('containers/stats', { containers: ['none'] }))
    client.close()
  })

  it('passes 1 GB through to a reader that is slow, and neither loses a byte nor fills memory', async function () {
    this.timeout(60_000)
    const client = await helper.client()
    let seen = 0
    let held = false
    const end = Promise.withResolvers<void>()
    client.stream = {
      onBytes: (_on, bytes) => {
        seen += bytes.byteLength
        if (held || seen < 1 << 20) return
        held = true
        client.hold(true)
        setTimeout(() => client.hold(false), 1000)
      },
      onEnd: () => end.resolve(),
    }
    const size = 1 << 30
    await client.call('containers/run', {
      image: 'busybox',
      command: ['head', '-c', String(size), '/dev/zero'],
      network: 'none',
      attach: true,
      autoRemove: true,
    })
    await new Promise((resolve) => setTimeout(resolve, 500))
    const peak = helper.memory()
    await end.promise
    assert.equal(seen, size)
    assert.ok(peak < 200 << 20, `${peak >> 20} MB`)
    client.close()
  })
})
