import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { root, TestHelper } from '../support/helper.ts'
import { within } from '../support/within.ts'

describe('bulkhead', () => {
  let helper: TestHelper
  before(async () => {
    helper = await TestHelper.start()
    await helper.importBusybox()
  })
  after(() => helper.stop())

  it('runs, lists, stops and removes with Docker’s words', async () => {
    const { stdout: id } = await helper.cli(
      'run',
      '-d',
      '--name',
      'web',
      '-m',
      '64m',
      '--cpus',
      '0.5',
      '--pids-limit',
      '50',
      'busybox',
      'sleep',
      '100',
    )
    assert.match(id, /^[0-9a-f]{64}\n$/)
    const [title, row] = (await helper.cli('ps')).stdout.split('\n')
    assert.match(title!, /^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES$/)
    assert.match(
      row!,
      new RegExp(`^${id.slice(0, 12)} +busybox:latest +"sleep 100" +less than a second ago +Up .* +web$`),
    )
    const json = JSON.parse((await helper.cli('ps', '--format', 'json')).stdout)
    assert.deepEqual([json.ID, json.Names, json.State], [id.slice(0, 12), 'web', 'running'])
    const [inspected] = JSON.parse((await helper.cli('inspect', 'web')).stdout)
    assert.equal(inspected.specification.linux.resources.memory.limit, 64 << 20)
    assert.equal((await helper.cli('stop', '-t', '0', 'web')).stdout, 'web\n')
    assert.match((await helper.cli('ps', '-a')).stdout, /Exited \(137\)/)
    assert.equal((await helper.cli('wait', 'web')).stdout, '137\n')
    assert.equal((await helper.cli('rm', 'web')).stdout, 'web\n')
    assert.equal((await helper.cli('ps', '-aq')).stdout, '')
  })

  it('ends as the command does: its own code, 126, 127, 128 and the signal', async () => {
    const code = async (...command: string[]): Promise<number> =>
      (await helper.cli('run', '--rm', 'busybox', ...command)).code
    assert.deepEqual(
      [await code('true'), await code('sh', '-c', 'exit 42'), await code('/etc'), await code('nope')],
      [0, 42, 126, 127],
    )
    const running = helper.cli('run', '--name', 'victim', 'busybox', 'sleep', '100')
    while ((await helper.cli('kill', 'victim')).code !== 0) await sleep(20)
    assert.equal((await running).code, 137)
    await helper.cli('rm', 'victim')
  })

  it('keeps stdout and stderr apart, and passes stdin on', async () => {
    const { stdout, stderr } = await helper.cli('run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2')
    assert.deepEqual([stdout, stderr], ['out\n', 'err\n'])
    assert.equal((await helper.cliWith({ input: 'typed' }, 'run', '-i', '--rm', 'busybox', 'cat')).stdout, 'typed')
  })

  it('takes variables from its own environment when only their name is given', async () => {
    const { stdout } = await helper.cliWith(
      { env: { FROM_HERE: 'yes' } },
      'run',
      '--rm',
      '-e',
      'FROM_HERE',
      '-e',
      'A=b',
      'busybox',
      'sh',
      '-c',
      'echo $FROM_HERE $A',
    )
    assert.equal(stdout, 'yes b\n')
  })

  it('forwards a signal to the container', async () => {
    const script = 'trap "echo got; exit 5" TERM; echo ready; while true; do sleep 0.05; done'
    const child = spawn(
      process.execPath,
      [join(root, 'dist/bulkhead.cjs'), 'run', '--rm', 'busybox', 'sh', '-c', script],
      {
        env: { ...process.env, BULKHEAD_HOST: `unix://${helper.socket}` },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    let output = ''
    child.stdout.on('data', (text: Buffer) => {
      output += text.toString()
      if (output === 'ready\n') child.kill('SIGTERM')
    })
    const [code] = await once(child, 'exit')
    assert.deepEqual([code, output], [5, 'ready\ngot\n'])
  })

  it('hurts nobody when it is killed while it is attached', async () => {
    for (let round = 0; round < 5; round++) {
      const child = spawn(
        process.execPath,
        [join(root, 'dist/bulkhead.cjs'), 'run', '--name', 'orphan', 'busybox', 'sh', '-c', 'echo ready; sleep 1000'],
        { env: { ...process.env, BULKHEAD_HOST: `unix://${helper.socket}` }, stdio: ['ignore', 'pipe', 'inherit'] },
      )
      child.stdout.once('data', () => child.kill('SIGKILL'))
      await once(child, 'exit')
      const client = await helper.client()
      assert.equal((await client.call('containers/list')).find(({ name }) => name === 'orphan')?.state, 'running')
      await within(2_000, 'removal', client.call('containers/remove', { container: 'orphan', force: true }))
      client.close()
    }
    assert.equal(helper.isGone, false)
  })

  it('gives a shell at a terminal', async () => {
    // script(1) is the terminal.
    const command = `${process.execPath} ${join(root, 'dist/bulkhead.cjs')} run -it --rm busybox sh`
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, BULKHEAD_HOST: `unix://${helper.socket}` },
    })
    let output = ''
    child.stdout.on('data', (text: Buffer) => (output += text.toString()))
    await sleep(500)
    child.stdin.write('tty; echo $((6*7)); exit 3\r')
    const [code] = await once(child, 'exit')
    assert.match(output, /\/dev\/pts\/0\r\n42\r\n/)
    assert.equal(code, 3)
  })

  it('leaves a container running when its keys are typed, attaches again, and resizes', async () => {
    const terminal = (...words: string[]) => {
      const command = [process.execPath, join(root, 'dist/bulkhead.cjs'), ...words].join(' ')
      const env = { ...process.env, BULKHEAD_HOST: `unix://${helper.socket}` }
      const child = spawn('script', ['-qec', `stty rows 33 cols 101; ${command}`, '/dev/null'], { env })
      let output = ''
      child.stdout.on('data', (text: Buffer) => (output += text.toString()))
      return { child, output: () => output }
    }
    const first = terminal('run', '-it', '--name', 'kept', 'busybox', 'sh')
    await sleep(700)
    first.child.stdin.write('stty size; A=remembered\r')
    await sleep(300)
    first.child.stdin.write('\x10\x11')
    assert.deepEqual((await once(first.child, 'exit'))[0], 0)
    assert.match(first.output(), /33 101/)
    const second = terminal('attach', 'kept')
    await sleep(700)
    second.child.stdin.write('echo $A; exit 4\r')
    assert.deepEqual((await once(second.child, 'exit'))[0], 4)
    assert.match(second.output(), /\nremembered\r/)
    const third = terminal('start', '-ai', '--detach-keys=ctrl-a,x', 'kept')
    await sleep(700)
    third.child.stdin.write('\x01x')
    assert.deepEqual((await once(third.child, 'exit'))[0], 0)
    assert.match(await helper.ok('ps'), /kept/)
    await helper.ok('rm', '-f', 'kept')
  })

  it('prints events as they come', async () => {
    const child = spawn(process.execPath, [join(root, 'dist/bulkhead.cjs'), 'events', '--format', 'json'], {
      env: { ...process.env, BULKHEAD_HOST: `unix://${helper.socket}` },
    })
    let output = ''
    child.stdout.on('data', (text: Buffer) => (output += text.toString()))
    await sleep(400)
    await helper.cli('run', '--rm', '--name', 'seen', 'busybox', 'true')
    await sleep(200)
    child.kill('SIGINT')
    await once(child, 'exit')
    const actions = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ attributes }) => attributes.name === 'seen')
      .map(({ action }) => action)
    assert.deepEqual(actions, ['create', 'start', 'die', 'destroy'])
  })

  it('says where the helper should be when it is not there', async () => {
    const { code, stderr } = await helper.cliWith({ env: { BULKHEAD_HOST: 'unix:///nowhere/helper.sock' } }, 'ps')
    assert.match(stderr, /no helper listens on \/nowhere\/helper.sock\n {2}Start it: sudo bulkhead helper/)
    assert.equal(code, 125)
    assert.match(
      (await helper.cliWith({ env: { BULKHEAD_HOST: 'tcp://x' } }, 'ps')).stderr,
      /not the address of a helper/,
    )
  })

  it('tells versions', async () => {
    const { client, server } = JSON.parse((await helper.cli('version', '--format', 'json')).stdout)
    assert.equal(client.version, server.version)
    assert.match(server.cgroups, /^v[12]$/)
  })
})
