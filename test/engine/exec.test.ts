import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '../../helper/client/client.ts'
import type { Params } from '../../helper/protocol/methods.ts'
import { TestHelper } from '../support/helper.ts'

describe('a command in a running container', () => {
  let helper: TestHelper
  let client: Client
  let container: string
  before(async () => {
    helper = await TestHelper.start()
    await helper.importBusybox()
    client = await helper.client()
    const request = {
      image: 'busybox',
      command: ['sleep', '1000'],
      name: 'runs',
      env: ['OWN=container', 'BOTH=container'],
    }
    container = (await client.call('containers/run', request)).id
  })
  after(() => helper.stop())

  async function exec(
    command: string[],
    more: Partial<Params<'containers/exec'>> = {},
    input?: Uint8Array,
  ): Promise<{ exitCode: number | null; output: string }> {
    const stream = await helper.client()
    let output = ''
    const end = Promise.withResolvers<{ exitCode: number | null }>()
    stream.stream = { onBytes: (_on, bytes) => (output += Buffer.from(bytes).toString('latin1')), onEnd: end.resolve }
    await stream.call('containers/exec', { container, command, ...more })
    if (input !== undefined) {
      await stream.send(input)
      stream.endInput()
    }
    const { exitCode } = await end.promise
    stream.close()
    return { exitCode, output }
  }

  it('has the container’s namespaces, all eight, and its cgroup', async () => {
    const kinds = ['pid', 'mnt', 'uts', 'ipc', 'net', 'user', 'cgroup', 'time']
    const { pid } = (await client.call('containers/list'))[0]!
    const own = execFileSync('sh', ['-c', kinds.map((kind) => `readlink /proc/${pid}/ns/${kind}`).join(';')], {
      encoding: 'utf8',
    })
    assert.equal(
      (await exec(['sh', '-c', kinds.map((kind) => `readlink /proc/self/ns/${kind}`).join(';')])).output,
      own,
    )
    const { pid: second } = await client.call('containers/exec', { container, command: ['sleep', '50'], attach: false })
    const cgroups = (of: number) =>
      readFileSync(`/proc/${of}/cgroup`, 'utf8')
        .split('\n')
        .filter((line) => line.includes(container))
        .toSorted()
    assert.ok(cgroups(second).length > 0)
    assert.deepEqual(cgroups(second), cgroups(pid))
    process.kill(second, 'SIGKILL')
  })

  it('has the container’s restrictions, and leaks nothing of the host', async () => {
    const status = (await exec(['grep', '-E', 'Cap|NoNewPrivs|Seccomp:', '/proc/self/status'])).output
    const first = execFileSync(
      'grep',
      ['-E', 'Cap|NoNewPrivs|Seccomp:', `/proc/${(await client.call('containers/list'))[0]!.pid}/status`],
      { encoding: 'utf8' },
    )
    assert.equal(status, first)
    assert.equal((await exec(['sh', '-c', 'ls /proc/self/fd | tr "\\n" " "'])).output, '0 1 2 3 ')
    assert.equal(
      (await exec(['stat', '-c', '%i', '/', '/..'])).output.split('\n')[0],
      (await exec(['stat', '-c', '%i', '/..'])).output.trim(),
    )
    for (let n = 0; n < 12; n++) {
      const { exitCode, output } = await exec(['pwd'], { workingDirectory: `/proc/self/fd/${n}` }).catch(
        (error: Error) => ({ exitCode: 1, output: error.message }),
      )
      assert.notEqual(exitCode, 0, output)
    }
    await assert.rejects(exec(['/proc/self/exe']), /magic link is never executed/)
  })

  it('has the variables, the user and the directory that are asked for', async () => {
    const { output } = await exec(['sh', '-c', 'echo $OWN $BOTH $NEW; pwd; id'], {
      env: ['BOTH=exec', 'NEW=1'],
      workingDirectory: '/tmp',
      user: 'alice',
    })
    assert.equal(output, 'container exec 1\n/tmp\nuid=1000(alice) gid=1000(alice) groups=2000(team),3000(ops)\n')
  })

  it('passes bytes both ways, and its exit code', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, n) => n % 256))
    const { exitCode, output } = await exec(['sh', '-c', 'cat; exit 7'], { openStdin: true }, bytes)
    assert.equal(exitCode, 7)
    assert.equal(output, bytes.toString('latin1'))
  })

  it('loses nothing of much output, and fills no memory', async () => {
    const stream = await helper.client()
    let bytes = 0
    const end = Promise.withResolvers<{ exitCode: number | null }>()
    stream.stream = { onBytes: (_on, part) => (bytes += part.byteLength), onEnd: end.resolve }
    await stream.call('containers/exec', { container, command: ['head', '-c', '200000000', '/dev/zero'] })
    await end.promise
    stream.close()
    assert.equal(bytes, 200_000_000)
    const resident = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${helper.pid}/status`, 'utf8'))![1])
    assert.ok(resident < 200_000, `${resident} kB`)
  }).timeout(30_000)

  it('has a terminal that can be resized', async () => {
    const stream = await helper.client()
    let output = ''
    const end = Promise.withResolvers<unknown>()
    stream.stream = { onBytes: (_on, part) => (output += Buffer.from(part).toString('utf8')), onEnd: end.resolve }
    const command = ['sh', '-c', 'tty; stty size; read -r _; stty size']
    const { id } = await stream.call('containers/exec', {
      container,
      command,
      tty: true,
      openStdin: true,
      rows: 33,
      columns: 101,
    })
    while (!output.includes('33 101')) await new Promise((resolve) => setTimeout(resolve, 20))
    await client.call('exec/resize', { id, rows: 20, columns: 60 })
    await stream.send(Buffer.from('\n'))
    await end.promise
    assert.match(output, /^\/dev\/pts\/\d+\r\n33 101\r\n\r\n20 60\r\n$/)
    const gone = async () =>
      await client.call('exec/resize', { id, rows: 20, columns: 60 }).then(
        () => false,
        (error: Error) => /no command \w{12} runs/.test(error.message),
      )
    for (let tries = 0; !(await gone()); tries++) {
      assert.ok(tries < 100, 'it is still said to run')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await assert.rejects(client.call('exec/resize', { id, rows: 0, columns: 60 }))
    stream.close()
  })

  it('is one of many at once', async () => {
    const results = await Promise.all(Array.from({ length: 30 }, (_, n) => exec(['sh', '-c', `echo ${n}; exit ${n}`])))
    assert.deepEqual(
      results,
      results.map((_, n) => ({ exitCode: n, output: `${n}\n` })),
    )
  })

  it('ends with the container, and leaves nothing behind', async () => {
    const { id } = await client.call('containers/run', { image: 'busybox', command: ['sleep', '1000'] })
    const stream = await helper.client()
    const end = Promise.withResolvers<{ exitCode: number | null }>()
    stream.stream = { onBytes: () => undefined, onEnd: end.resolve }
    await stream.call('containers/exec', { container: id, command: ['sleep', '1000'] })
    await client.call('containers/kill', { container: id })
    assert.equal((await end.promise).exitCode, 137)
    await client.call('containers/remove', { container: id, force: true })
    assert.ok(!readdirSync(join(helper.state, 'containers')).includes(id))
    // Their folders serve the next ones: however many there were, a few remain.
    const folders = (): number => readdirSync(join(helper.run, 'execs')).length
    const before = folders()
    for (let n = 0; n < 5; n++) await helper.ok('exec', container, 'true')
    assert.equal(folders(), before)
    stream.close()
  })

  it('works from the command line: exit code, input, signals', async () => {
    const result = await helper.cliWith(
      { input: 'piped' },
      'exec',
      '-i',
      '-e',
      'A=b',
      '-w',
      '/tmp',
      'runs',
      'sh',
      '-c',
      'cat; echo " $A $PWD"; exit 5',
    )
    assert.deepEqual([result.code, result.stdout], [5, 'piped b /tmp\n'])
    const bundle = join(import.meta.dirname, '../../dist/bulkhead.cjs')
    const child = spawn(
      process.execPath,
      [bundle, 'exec', 'runs', 'sh', '-c', 'trap "exit 42" TERM; echo ready; while true; do sleep 0.1; done'],
      {
        env: { ...process.env, BULKHEAD_HOST: `unix://${helper.socket}` },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    const [code] = (await once(child, 'exit')) as [number]
    assert.equal(code, 42)
  })

  it('is refused where it makes no sense', async () => {
    await client.call('containers/run', { image: 'busybox', command: ['true'], name: 'ended' })
    await client.call('containers/wait', { container: 'ended' })
    for (const [args, code, message] of [
      [['exec', 'ended', 'true'], 1, /is exited: a command can be run only in one that runs\n {2}Start it first/],
      [['exec', 'nothing', 'true'], 1, /no container nothing/],
      [['exec', 'runs', 'no-such-program'], 127, /no such file or directory/],
      [['exec', 'runs', '/etc/passwd'], 126, /permission denied/],
      [['exec', '-u', 'nobody-here', 'runs', 'true'], 126, /not in the container's \/etc\/passwd/],
      [['exec', '-w', '/etc/passwd', 'runs', 'true'], 126, /not a directory/],
    ] as const) {
      const result = await helper.cli(...args)
      assert.match(result.stderr, message)
      assert.equal(result.code, code)
    }
    await client.call('containers/pause', { container: 'runs' })
    await assert.rejects(client.call('containers/exec', { container: 'runs', command: ['true'] }), /is paused/)
    await client.call('containers/unpause', { container: 'runs' })
  })
})
