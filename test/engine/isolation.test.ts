import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import type { Params } from '../../helper/protocol/methods.ts'
import { runToEnd, TestHelper } from '../support/helper.ts'
import { buildProbe } from '../support/probe.ts'

describe('the walls of a container', () => {
  let helper: TestHelper
  before(async () => {
    helper = await TestHelper.start()
    await helper.importBusybox()
  })
  after(() => helper.stop())

  async function sh(script: string, more: Partial<Params<'containers/run'>> = {}): Promise<string> {
    const { output } = await runToEnd(helper, { image: 'busybox', command: ['sh', '-c', script], ...more })
    return output.trimEnd()
  }

  it('are namespaces of its own, all eight', async () => {
    const own = await sh('for n in pid mnt uts ipc net user cgroup time; do readlink /proc/self/ns/$n; done')
    const host = ['pid', 'mnt', 'uts', 'ipc', 'net', 'user', 'cgroup', 'time'].map((name) =>
      readlinkSync(`/proc/self/ns/${name}`),
    )
    const shared = own.split('\n').filter((name) => host.includes(name))
    assert.deepEqual(shared, [])
    assert.equal(own.split('\n').length, 8)
  })

  it('leave nothing of the host’s tree to be reached', async () => {
    for (const userns of ['private', 'host'] as const) {
      const [root, parent] = (await sh('stat -c "%d:%i" / /..', { userns })).split('\n')
      assert.equal(parent, root, 'the parent of the root is another directory')
      const mounts = (await sh('cut -d" " -f5,9- /proc/self/mountinfo', { userns })).split('\n')
      assert.equal(mounts.filter((mount) => mount.startsWith('/ ')).length, 1, mounts.join('\n'))
      const own = /^\/(?:|proc|dev|sys|etc\/(?:hosts|hostname|resolv\.conf))(?:\/\S*)? /
      assert.deepEqual(
        mounts.filter((mount) => !own.test(mount)),
        [],
      )
    }
  })

  it('give each container a range of user ids of its own', async () => {
    const client = await helper.client()
    const maps = await Promise.all(
      [1, 2].map(async () => {
        const { id, pid } = await client.call('containers/run', { image: 'busybox', command: ['sleep', '100'] })
        const map = readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().split(/\s+/).map(Number)
        await client.call('containers/remove', { container: id, force: true })
        return map
      }),
    )
    for (const [inside, outside, size] of maps)
      assert.deepEqual([inside, outside! >= 0x7000_0000, size], [0, true, 65_536])
    assert.notEqual(maps[0]![1], maps[1]![1])
  })

  it('let through no capability but eleven, none of them inheritable or ambient', async () => {
    const status = await sh('grep -E "Cap|NoNewPrivs|Seccomp:" /proc/self/status')
    assert.deepEqual(Object.fromEntries(status.split('\n').map((line) => line.split(/:\s+/))), {
      CapInh: '0000000000000000',
      CapPrm: '00000000800405fb',
      CapEff: '00000000800405fb',
      CapBnd: '00000000800405fb',
      CapAmb: '0000000000000000',
      NoNewPrivs: '1',
      Seccomp: '2',
    })
    const others = await sh('grep -E "CapInh|CapPrm|CapEff|CapAmb" /proc/self/status', { user: '1000' })
    for (const line of others.split('\n')) assert.match(line, /0000000000000000$/)
  })

  it('leak no descriptor', async () => {
    assert.equal(await sh('exec ls /proc/self/fd'), ['0', '1', '2', '3'].join('\n')) // 3 is the directory that ls reads
  })

  it('hide and protect what the kernel shows of itself', async () => {
    assert.equal(await sh('cat /proc/keys /proc/timer_list /proc/interrupts | wc -c; ls /sys/firmware | wc -l'), '0\n0')
    for (const path of ['/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger', '/sys/kernel/uevent_helper'])
      assert.match(await sh(`echo x 2>&1 > ${path}`), /Read-only file system|Permission denied|nonexistent/, path)
  })

  it('allow no writing to cgroups, nor mounting them anew', async () => {
    assert.match(
      await sh('for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/x 2>&1; done'),
      /Read-only|denied|not permitted/,
    )
    assert.doesNotMatch(await sh('mkdir /sys/fs/cgroup/memory/x && echo made; rmdir /sys/fs/cgroup/memory/x'), /made/)
    assert.match(await sh('mount -t tmpfs x /tmp 2>&1; unshare -m true 2>&1'), /not permitted|denied/)
  })

  it('refuse sockets of the kernel’s crypto and of the hypervisor, and new namespaces', async () => {
    const probe = buildProbe()
    await helper.cliWith({}, 'import', probe.archive, 'probe')
    const { output } = await runToEnd(helper, { image: 'probe', command: ['/probe'] })
    assert.deepEqual(JSON.parse(output), {
      'socket AF_ALG': 'EPERM',
      'socket AF_VSOCK': 'EPERM',
      'socket AF_INET': 'ok',
      'unshare CLONE_NEWUSER': 'EPERM',
      clone3: 'ENOSYS',
      keyctl: 'EPERM',
      bpf: 'EPERM',
      open_by_handle_at: 'EPERM',
      'mknod of a disk': 'EPERM',
      TIOCSTI: 'refused',
    })
  })

  it('have a loopback device alone, and it is up', async () => {
    assert.match(await sh('ip addr', { network: 'none' }), /^1: lo: <LOOPBACK,UP/)
    assert.equal((await sh('ls /sys/class/net', { network: 'none' })).trim(), 'lo')
    assert.equal(
      await sh(
        'ping -c1 -W1 127.0.0.1 >/dev/null 2>&1; echo hello | nc -l -p 99 127.0.0.1 & sleep 0.2; nc 127.0.0.1 99 </dev/null',
        { network: 'none' },
      ),
      'hello',
    )
  })

  it('open for the host’s network when asked', async () => {
    const names = (await sh('ls /sys/class/net', { network: 'host' })).split(/\s+/)
    const host = execFileSync('ls', ['/sys/class/net'], { encoding: 'utf8' }).trim().split(/\s+/)
    assert.deepEqual(names, host)
  })

  it('resolve users inside the root, exactly', async () => {
    assert.equal(await sh('id', { user: 'alice' }), 'uid=1000(alice) gid=1000(alice) groups=2000(team),3000(ops)')
    assert.equal(await sh('id', { user: 'alice:team' }), 'uid=1000(alice) gid=2000(team) groups=2000(team)')
    assert.equal(await sh('id', { user: '1234:4321' }), 'uid=1234 gid=4321 groups=4321')
    for (const user of ['nobody-here', '-1', '0x0', '1:', ' 0', '4294967296', '2147483648', '1:nogroup', '70000'])
      await assert.rejects(runToEnd(helper, { image: 'busybox', command: ['id'], user }), /set user/, user)
  })

  it('keep a read-only root read-only', async () => {
    assert.match(
      await sh('touch /x 2>&1; touch /dev/shm/x && echo ok', { readOnly: true }),
      /Read-only file system[^]*ok/,
    )
  })

  it('carry the hostname, the variables and the working directory asked for', async () => {
    const more = { hostname: 'box', env: ['A=1', 'A=2 3'], workingDirectory: '/new/place' }
    assert.equal(
      await sh('hostname; echo $A; pwd; cat /etc/hostname; grep -c box /etc/hosts', more),
      'box\n2 3\n/new/place\nbox\n1',
    )
  })

  it('give a terminal of the container’s own', async () => {
    const { output } = await runToEnd(helper, {
      image: 'busybox',
      command: ['sh', '-c', 'tty; stty size'],
      tty: true,
      rows: 33,
      columns: 99,
    })
    assert.equal(output, '/dev/pts/0\r\n33 99\r\n')
  })

  it('set the limits that were asked for', async () => {
    const resources = { memory: 64 << 20, cpus: 0.5, pidsLimit: 7 }
    const v1 = 'cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max'
    const v2 = 'cat memory.max cpu.max pids.max'
    const values = await sh(`cd /sys/fs/cgroup; if [ -e memory.max ]; then ${v2}; else ${v1}; fi`, { resources })
    assert.match(values, /^67108864\n50000( 100000)?\n7$/)
    const forks = await sh('for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done 2>&1; wait', { resources })
    assert.match(forks, /can't fork|Resource temporarily unavailable/)
  })

  it('keep to the processors that were asked for', async () => {
    assert.match(await sh('grep Cpus_allowed_list /proc/self/status', { resources: { cpusetCpus: '1' } }), /:\s+1$/)
  })
})
