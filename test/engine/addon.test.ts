import assert from 'node:assert/strict'
import { closeSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { createConnection, createServer, Socket } from 'node:net'
import { join } from 'node:path'
import { Native } from '../../helper/host/native.ts'
import { quickest } from '../support/quickest.ts'

describe('the addon', () => {
  const { addon, watcher: executable } = new Native()
  let directory: string
  before(() => {
    directory = mkdtempSync('/tmp/bulkhead-addon-')
    for (const name of ['sockets', 'container']) mkdirSync(join(directory, name))
  })
  after(() => rmSync(directory, { recursive: true }))

  function spawn(): { pid: number; control: number } {
    return addon.spawnWatcher({ executable, socketDirectory: join(directory, 'sockets') })
  }

  /** Ends a watcher by closing its control socket. */
  async function end({ pid, control }: { pid: number; control: number }): Promise<void> {
    closeSync(control)
    while (!addon.reap(pid)) await new Promise((resolve) => setTimeout(resolve, 1))
  }

  it('blocks the event loop for less than a millisecond a call', async () => {
    let times: Record<string, number[]> = {}
    const timed = <T>(name: string, call: () => T): T => {
      const began = performance.now()
      const result = call()
      ;(times[name] ??= []).push(performance.now() - began)
      return result
    }
    const round = async (): Promise<void> => {
      const watcher = timed('spawnWatcher', spawn)
      const options = { plan: Buffer.alloc(20_000), containerDirectory: join(directory, 'container'), attached: false }
      timed('sendPlan', () => addon.sendPlan(watcher.control, options))
      await end(watcher)
      closeSync(timed('lockDirectory', () => addon.lockDirectory(join(directory, 'container'))))
      closeSync(timed('sealedMemory', () => addon.sealedMemory('x', Buffer.alloc(20_000))))
    }
    const slowest = await quickest(1, async () => {
      times = {}
      for (let n = 0; n < 50; n++) await round()
      // Of those that no other process held up.
      return Math.max(...Object.values(times).map((all) => all.toSorted((a, b) => a - b)[10]!))
    })
    assert.ok(slowest < 1, JSON.stringify(times))
  })

  it('refuses a watcher a plan that is not one, and says what is wrong', async () => {
    const watcher = spawn()
    addon.sendPlan(watcher.control, {
      plan: Buffer.from('BHPLAN\xff\xff', 'latin1'),
      containerDirectory: join(directory, 'container'),
      attached: false,
    })
    const socket = new Socket({ fd: watcher.control })
    const said = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
    assert.match(said.toString('latin1'), /a plan of another version/)
    socket.destroy()
    while (!addon.reap(watcher.pid)) await new Promise((resolve) => setTimeout(resolve, 1))
  })

  it('seals memory against every change', () => {
    const fd = addon.sealedMemory('sealed', Buffer.from('content'))
    assert.throws(() => writeSync(fd, 'x', 0), /EPERM/)
    assert.equal(readFileSync(`/proc/self/fd/${fd}`, 'utf8'), 'content')
    closeSync(fd)
  })

  it('tells who is on the other side of a socket', async () => {
    const path = join(directory, 'peer.sock')
    const peer = new Promise<ReturnType<typeof addon.peerCredentials>>((resolve) => {
      const server = createServer((socket) => {
        resolve(addon.peerCredentials((socket as unknown as { _handle: { fd: number } })._handle.fd))
        socket.destroy()
        server.close()
      }).listen(path, () => createConnection(path).on('error', () => undefined))
    })
    const { pid, uid, gid } = await peer
    assert.deepEqual([pid, uid, gid], [process.pid, process.getuid!(), process.getgid!()])
  })

  it('locks a directory once', () => {
    const lock = addon.lockDirectory(directory)
    assert.equal(addon.lockDirectory(directory), -1)
    closeSync(lock)
    closeSync(addon.lockDirectory(directory))
  })

  it('removes a tree without following a link out of it', async () => {
    const tree = join(directory, 'tree')
    mkdirSync(join(tree, 'a/b/c'), { recursive: true })
    writeFileSync(join(directory, 'outside'), 'kept')
    symlinkSync(directory, join(tree, 'a/link'))
    await addon.removeTree(tree)
    await addon.removeTree(tree) // absent is fine
    assert.equal(readFileSync(join(directory, 'outside'), 'utf8'), 'kept')
    symlinkSync(directory, tree)
    await addon.removeTree(tree)
    assert.equal(readFileSync(join(directory, 'outside'), 'utf8'), 'kept')
  })

  it('compiles a seccomp filter off the event loop, and refuses a rule that is none', async () => {
    const program = await addon.compileSeccomp(1, [{ names: ['read', 'no-such-call'], action: 'allow' }])
    assert.ok(program.byteLength > 0 && program.byteLength % 8 === 0)
    assert.throws(
      () =>
        addon.compileSeccomp(1, [
          { names: ['read'], action: 'allow', args: [{ index: 0, op: 'sounds' as never, value: 1 }] },
        ]),
      /unknown comparison/,
    )
  })

  it('names the operation, its object and the errno of what fails', () => {
    let error: Partial<Record<'code' | 'syscall' | 'message', string>> = {}
    try {
      addon.lockDirectory('/nowhere')
    } catch (thrown) {
      error = thrown as typeof error
    }
    assert.deepEqual(
      [error.code, error.syscall, error.message],
      ['ENOENT', 'open', 'open /nowhere: No such file or directory'],
    )
  })
})
