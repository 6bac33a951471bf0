import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, readdirSync, rmSync, mkdtempSync, mkdirSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { dropGroup, ensureGroup } from '../support/group.ts'
import { root, runToEnd, TestHelper } from '../support/helper.ts'
import { within } from '../support/within.ts'

describe('bad input', () => {
  let helper: TestHelper
  before(async () => {
    helper = await TestHelper.start()
    await helper.importBusybox()
  })
  after(() => helper.stop())
  /** After every one of these: the helper answers, and nothing is left behind. */
  afterEach(async () => {
    const client = await helper.client()
    assert.deepEqual(await client.call('containers/list'), [])
    assert.deepEqual(helper.containerFolders(), [])
    assert.deepEqual(readdirSync(join(helper.run, 'watchers')), [])
    client.close()
  })

  const refusals: [what: string, args: string[], code: number, message: RegExp][] = [
    [
      'an unknown image',
      ['run', '--pull', 'never', 'nothing-here', 'true'],
      125,
      /no image nothing-here\n {2}Get it with bulkhead pull/,
    ],
    [
      'a missing command',
      ['run', '--rm', 'busybox', 'no-such-command'],
      127,
      /exec no-such-command .*no such file or directory/,
    ],
    [
      'a file that is not executable',
      ['run', '--rm', 'busybox', '/etc/passwd'],
      126,
      /exec \/etc\/passwd: permission denied/,
    ],
    ['a directory as command', ['run', '--rm', 'busybox', '/etc'], 126, /exec \/etc: permission denied/],
    ['no command at all', ['run', 'busybox'], 125, /names no command/],
    [
      'a memory limit too small',
      ['run', '-m', '100k', 'busybox', 'true'],
      125,
      /memory limit of 102400 bytes is too small/,
    ],
    ['a limit that is no number', ['run', '-m', 'lots', 'busybox', 'true'], 125, /such as 512m/],
    ['a processor that there is not', ['run', '--cpuset-cpus', '4000', 'busybox', 'true'], 125, /cpuset.cpus = 4000/],
    ['an unknown flag', ['run', '--privileged', 'busybox', 'true'], 125, /unknown option '--privileged'/],
    [
      'an unknown user',
      ['run', '-u', 'nobody-here', 'busybox', 'true'],
      126,
      /nobody-here is not in the container's \/etc\/passwd/,
    ],
    [
      'a file as working directory',
      ['run', '-w', '/etc/passwd', 'busybox', 'true'],
      126,
      /set working directory .*not a directory/,
    ],
    ['an unknown command', ['frobnicate'], 125, /unknown command 'frobnicate'/],
    ['a container that there is not', ['stop', 'nothing-here'], 1, /no container nothing-here/],
    ['a signal that there is not', ['kill', '-s', 'NONSENSE', 'x'], 125, /must be a signal such as KILL/],
  ]
  for (const [what, args, code, message] of refusals)
    it(`is refused: ${what}`, async () => {
      const result = await helper.cli(...args)
      assert.match(result.stderr, message)
      assert.equal(result.code, code)
    })

  it('is refused: a name in use', async () => {
    const client = await helper.client()
    await client.call('containers/run', { image: 'busybox', command: ['sleep', '100'], name: 'taken' })
    const { code, stderr } = await helper.cli('run', '--name', 'taken', 'busybox', 'true')
    assert.match(stderr, /the name taken is in use/)
    assert.equal(code, 125)
    await client.call('containers/remove', { container: 'taken', force: true })
  })

  async function open(): Promise<WebSocket> {
    const socket = new WebSocket(`ws+unix://${helper.socket}:/`)
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    return socket
  }

  async function ask(message: string): Promise<Record<string, unknown>> {
    const socket = await open()
    const answer = new Promise<string>((resolve) => socket.once('message', (data: Buffer) => resolve(data.toString())))
    socket.send(message)
    const text = await answer
    socket.close()
    return (JSON.parse(text) as { error: Record<string, unknown> }).error
  }

  it('gets an answer: not JSON, not JSON-RPC, an unknown method, wrong parameters', async () => {
    assert.deepEqual(
      [(await ask('{nonsense'))['code'], (await ask('[1,2]'))['code'], (await ask('{"jsonrpc":"2.0"}'))['code']],
      [-32700, -32600, -32600],
    )
    const unknown = await ask('{"jsonrpc":"2.0","id":1,"method":"containers/explode","params":{}}')
    assert.equal(unknown['code'], -32601)
    assert.match(String(unknown['message']), /no method containers\/explode; there are version, /)
    const wrong = await ask('{"jsonrpc":"2.0","id":1,"method":"containers/run","params":{"image":3,"evil":true}}')
    assert.equal(wrong['code'], -32602)
    assert.match(String(wrong['message']), /containers\/run: [^]*image[^]*evil|containers\/run: [^]*evil[^]*image/)
    assert.equal((await ask('{"jsonrpc":"2.0","id":1,"method":"__proto__","params":{}}'))['code'], -32601)
  })

  it('closes the connection of a message of a gigabyte, at once', async () => {
    // Its header alone: the helper must not wait for the rest, let alone keep it.
    const socket = createConnection(helper.socket)
    const key = Buffer.alloc(16).toString('base64')
    socket.write(
      `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    )
    await new Promise((resolve) => socket.once('data', resolve))
    const header = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4])
    const rest: Buffer[] = []
    socket.on('data', (chunk) => rest.push(chunk))
    socket.write(header)
    await new Promise((resolve) => socket.once('close', resolve).once('end', resolve))
    // A close frame with code 1009, "message too big" (RFC 6455, section 7.4.1).
    assert.equal(Buffer.concat(rest).readUInt16BE(2), 1009)
    socket.destroy()
  })

  it('lets go of a client that connects and never speaks', async function () {
    this.timeout(15_000)
    const began = Date.now()
    const socket = createConnection(helper.socket)
    socket.on('error', () => undefined)
    await new Promise((resolve) => socket.once('close', resolve))
    assert.ok(Date.now() - began < 10_000)
  })

  it('says what it is to somebody who speaks HTTP', async () => {
    assert.match(
      execFileSync('curl', ['-s', '--unix-socket', helper.socket, 'http://x/'], { encoding: 'utf8' }),
      /speaks WebSocket/,
    )
  })

  it('refuses a user who is not in the group, whatever the socket’s mode', async () => {
    // Mode 0777, as somebody might set by mistake: the helper asks the kernel all the same.
    execFileSync('chmod', ['-R', 'a+rwx', helper.run])
    const script = `curl -s -o /dev/null -w '%{http_code}' -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' --max-time 5 --unix-socket ${helper.socket} http://x/`
    execFileSync('chmod', ['a+x', helper.directory])
    const answer = execFileSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'sh', '-c', script], {
      encoding: 'utf8',
    })
    assert.equal(answer, '403')
  })

  it('lets a member of the group look at everything, and change or enter what is others’ by a rule alone', async () => {
    const gid = ensureGroup()
    chmodSync(helper.directory, 0o755)
    chownSync(helper.socket, 0, gid)
    chmodSync(helper.socket, 0o660)
    const node = (...words: string[]) =>
      spawnSync(process.execPath, words, {
        ...{ uid: 1234, gid, encoding: 'utf8' },
        env: { ...process.env, BULKHEAD_HOST: `unix://${helper.socket}` },
      })
    const as = (...words: string[]) => node(join(root, 'dist/bulkhead.cjs'), ...words)
    /** What the helper says against a call. */
    const refusal = (method: string, params: object): string => {
      const script = `import { connect } from '${root}/helper/client/connect.ts'
const client = await connect('${helper.socket}')
await client.invoke(${JSON.stringify(method)}, ${JSON.stringify(params)}).catch(({ message }) => console.log(message))
client.close()`
      return node('--input-type=module', '-e', script).stdout
    }
    const target = String(process.pid)
    assert.equal(as('ns', '--type', 'net').status, 0)
    assert.equal(as('cgroups', '--depth', '1').status, 0)
    const others = { path: '/some.slice' }
    for (const [method, params] of [
      ['cgroups/setLimit', { ...others, limit: 'pids', value: '5' }],
      ['cgroups/freeze', { ...others, frozen: true }],
      ['cgroups/kill', others],
    ] as const)
      assert.match(refusal(method, params), /user 1234 may not use cgroups: it changes what is not Bulkhead’s/, method)
    const refused = as('enter', '-u', target, 'id', '-u')
    assert.match(refused.stderr, /may not use enter: it gives root’s rights/)
    assert.match(refused.stderr, /"allow":\["enter"\]/)
    writeFileSync(
      join(helper.directory, 'policy.json'),
      JSON.stringify({ rules: [{ uids: [1234], allow: ['enter'] }] }),
    )
    assert.equal(as('enter', '-u', target, 'id', '-u').stdout.trim(), '0')
    rmSync(join(helper.directory, 'policy.json'))
    dropGroup()
  })

  it('leaves nothing on a disk that is full, and says that it is full', async () => {
    const directory = mkdtempSync('/tmp/bulkhead-full-')
    const state = join(directory, 'state')
    mkdirSync(state)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', state])
    const small = await TestHelper.start({ state })
    try {
      const filler = mkdtempSync('/tmp/bulkhead-filler-')
      execFileSync('dd', ['if=/dev/urandom', `of=${filler}/big`, 'bs=1M', 'count=8', 'status=none'])
      execFileSync('tar', ['-C', filler, '-cf', `${filler}.tar`, '.'])
      const imported = await small.cli('import', `${filler}.tar`, 'big')
      rmSync(filler, { recursive: true })
      rmSync(`${filler}.tar`)
      assert.match(imported.stderr, /disk is full/)
      assert.equal(imported.code, 125)
      assert.deepEqual(readdirSync(join(state, 'layers')), [])
      assert.deepEqual(readdirSync(join(state, 'images/blobs/sha256')), [])
      execFileSync('sh', ['-c', `dd if=/dev/zero of=${state}/fill bs=4k status=none 2>/dev/null || true`])
      const started = await small.cli('run', 'host', 'true')
      assert.match(started.stderr, /disk is full|no space left/i)
      assert.equal(started.code, 125)
      // A disk with room for nothing but the container itself: it must not go on without its record.
      const kept = await within(10_000, 'the refusal', small.cli('run', '-d', 'host', 'sleep', '1000'))
      assert.match(kept.stderr, /disk is full|no space left/i)
      assert.equal((await small.cli('ps', '-aq')).stdout, '')
      rmSync(join(state, 'fill'))
      assert.equal((await small.cli('run', '--rm', 'host', 'true')).code, 0)
    } finally {
      await small.stop()
      execFileSync('umount', [state])
      rmSync(directory, { recursive: true })
    }
  })

  it('does not run when another helper has its folders', async () => {
    const { spawnSync } = await import('node:child_process')
    const second = spawnSync(
      process.execPath,
      ['dist/bulkhead.cjs', 'helper', '--state', helper.state, '--run', join(helper.directory, 'run2')],
      { encoding: 'utf8' },
    )
    assert.match(second.stderr, /another helper uses/)
    assert.equal(second.status, 125)
  })

  it('keeps a secret out of its log, its events and its errors', async () => {
    const secret = 'SECRET-canary-4711'
    await runToEnd(helper, { image: 'busybox', command: ['true'], env: [`TOKEN=${secret}`] })
    await runToEnd(helper, { image: 'busybox', command: ['no-such'], env: [`TOKEN=${secret}`] }).catch((error: Error) =>
      assert.ok(!error.message.includes(secret)),
    )
    assert.ok(!helper.log.includes(secret))
    assert.ok(!(await helper.cli('ps', '-a')).stdout.includes(secret))
  })
})
