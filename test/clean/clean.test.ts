import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Runs last: what any suite has left on the machine. */
describe('after all tests', () => {
  it('no process of ours remains', () => {
    const ours = readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .flatMap((pid) => {
        try {
          const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
          return /bulkhead-(?:init|privacy|unpack|test|window|vm)|bulkhead\.cjs helper/.test(command) &&
            !command.includes('mocha')
            ? [`${pid} ${command}`]
            : []
        } catch {
          return [] // ended meanwhile
        }
      })
      // A developer's own helper, at its usual place, is not the tests'.
      .filter((line) => !line.endsWith('bulkhead.cjs helper'))
    assert.deepEqual(
      ours.filter((line) => /\/tmp\/bulkhead-|\/dev\/shm\/bulkhead-/.test(line)),
      [],
    )
  })

  it('no mount remains', () => {
    const mounts = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => /bulkhead-(?:test|full|million|canary)/.test(line))
    assert.deepEqual(mounts, [])
  })

  it('no cgroup remains', () => {
    const found = execFileSync('find', ['/sys/fs/cgroup', '-type', 'd', '-name', 'bulkhead-*'], { encoding: 'utf8' })
    assert.equal(found, '')
  })

  it('no network link and no firewall rule remains', () => {
    const links = readdirSync('/sys/class/net').filter((name) => /^(?:bulkhead|bh|veth)/.test(name))
    assert.deepEqual(links, [])
    if (existsSync('/usr/sbin/nft'))
      assert.doesNotMatch(execFileSync('/usr/sbin/nft', ['list', 'tables'], { encoding: 'utf8' }), /bulkhead/)
  })

  it('no folder remains', () => {
    const left = ['/tmp', '/var/tmp', '/dev/shm'].flatMap((place) =>
      readdirSync(place)
        .filter((name) => /^bulkhead-/.test(name))
        .map((name) => `${place}/${name}`),
    )
    assert.deepEqual(left, [])
  })
})
