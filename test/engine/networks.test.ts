import assert from 'node:assert/strict'
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import type { Params } from '../../helper/protocol/methods.ts'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import { runToEnd, TestHelper } from '../support/helper.ts'
import { rejects } from '../support/rejects.ts'

/** In the helper's network namespace: what answers at an address. */
const ask = 'timeout 3 nc "$0" "$1" </dev/null'
/** Sends a datagram, and prints what comes back. */
const datagram = `import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
s.sendto(b'udp', (sys.argv[1], int(sys.argv[2])))
print(s.recv(100).decode())`
/** Sends every datagram back. busybox does nothing with datagrams: the machine's own Python does, in a container of `host`. */
const echo = (port: number): Partial<Params<'containers/run'>> => ({
  image: 'host',
  command: [
    '/usr/bin/python3',
    '-c',
    `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', ${port}))
while True:
    data, sender = s.recvfrom(100)
    s.sendto(data, sender)`,
  ],
})
/** Answers every connection with a word. */
const serve = (word: string): string[] => ['nc', '-ll', '-p', '80', '-e', 'echo', word]

describe('networks', () => {
  let helper: TestHelper
  let forwarding: string
  before(async () => {
    helper = await TestHelper.start()
    await helper.importBusybox()
    forwarding = await ipForward()
  })
  after(() => helper.stop())
  afterEach(async () => {
    const client = await helper.client()
    await remove(...(await client.call('containers/list')))
    client.close()
  })

  async function run(request: Partial<Params<'containers/run'>>): Promise<ContainerSummary> {
    const client = await helper.client()
    try {
      return await client.call('containers/run', { image: 'busybox', command: ['sleep', '1000'], ...request })
    } finally {
      client.close()
    }
  }

  async function ipForward(): Promise<string> {
    return (await helper.inNetwork('cat', ['/proc/sys/net/ipv4/ip_forward'])).stdout
  }

  async function remove(...containers: { id: string }[]): Promise<void> {
    const client = await helper.client()
    for (const { id } of containers) await client.call('containers/remove', { container: id, force: true })
    client.close()
  }

  /** What a shell in a container prints. */
  async function inside(container: { id: string }, line: string): Promise<string> {
    return (await helper.cli('exec', container.id, 'sh', '-c', line)).stdout
  }

  async function fromHost(address: string, port: number): Promise<string> {
    return (await helper.inNetwork('busybox', ['sh', '-c', ask, address, String(port)])).stdout.trim()
  }

  async function untilAnswers(address: string, port: number, word: string): Promise<void> {
    for (let tries = 0; tries < 50; tries++) {
      if ((await fromHost(address, port)) === word) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.fail(`${address}:${port} does not answer ${word}`)
  }

  it('join two containers with servers: TCP and UDP, by name, alias, short id and address', async () => {
    const server = await run({
      name: 'web',
      command: serve('tcp'),
      endpoint: { aliases: ['front'] },
    })
    const client = await run({ name: 'caller' })
    const { address } = server.endpoints[0]!
    for (const name of ['web', 'front', server.id.slice(0, 12), 'web.bridge', address])
      assert.equal(await inside(client, `timeout 3 nc ${name} 80 </dev/null`), 'tcp\n', name)
    await run({ name: 'echo', ...echo(53) })
    await new Promise((resolve) => setTimeout(resolve, 300))
    const { output } = await runToEnd(helper, {
      image: 'host',
      command: ['/usr/bin/python3', '-c', datagram, 'echo', '53'],
    })
    assert.equal(output, 'udp\n')
    assert.match(await inside(client, `nslookup ${address}`), /name = web\.bridge/)
    assert.match(await inside(client, 'nslookup nobody 2>&1'), /can't find nobody|SERVFAIL|NXDOMAIN/)
    assert.match(await inside(client, 'nslookup host.docker.internal'), /Address: 10\.208\.0\.1/)
    await remove(server, client)
  })

  it('publish ports: on every address, on one, a range, UDP, any free one; and from the host by 127.0.0.1', async () => {
    const server = await run({
      command: serve('here'),
      publish: [
        { hostPort: 8080, containerPort: 80 },
        { hostIp: '127.0.0.1', hostPort: 8081, containerPort: 80 },
        { containerPort: 80 },
      ],
    })
    await run({ ...echo(99), publish: [{ hostPort: 9999, containerPort: 99, protocol: 'udp' }] })
    const free = server.ports[2]!.hostPort
    assert.ok(free > 1023, String(free))
    await untilAnswers('127.0.0.1', 8080, 'here')
    for (const port of [8081, free]) assert.equal(await fromHost('127.0.0.1', port), 'here', String(port))
    assert.equal(await fromHost('10.208.0.1', 8080), 'here')
    assert.equal(await fromHost('10.208.0.1', 8081), '', 'one of 127.0.0.1 alone')
    const { stdout, stderr } = await helper.inNetwork('/usr/bin/python3', ['-c', datagram, '127.0.0.1', '9999'])
    assert.equal(stdout, 'udp\n', stderr)
    assert.match(await helper.ok('port', server.id), /^80\/tcp -> 0\.0\.0\.0:8080\n80\/tcp -> 127\.0\.0\.1:8081\n/)
    assert.match(await helper.ok('ps'), /0\.0\.0\.0:8080->80\/tcp/)
    // By way of the host, from a container: another's published port, and its own.
    assert.equal(await inside(server, 'timeout 3 nc 10.208.0.1 8080 </dev/null'), 'here\n')
    await remove(server)
    assert.equal(await fromHost('127.0.0.1', 8080), '', 'the port is closed when the container is gone')
  })

  it('refuse a port that somebody has, and give it back when a start fails', async () => {
    const first = await run({ publish: [{ hostPort: 8080, containerPort: 80 }] })
    await rejects(
      'AddressInUse',
      run({ publish: [{ hostPort: 8080, containerPort: 80 }] }),
      /port 8080\/tcp of the host/,
    )
    await remove(first)
    const listener = spawn('nsenter', [...(await helper.enter()), 'busybox', 'nc', '-l', '-p', '8080'])
    await new Promise((resolve) => setTimeout(resolve, 200))
    await rejects('AddressInUse', run({ publish: [{ hostPort: 8080, containerPort: 80 }] }))
    listener.kill('SIGKILL')
    await once(listener, 'exit')
    await rejects('CommandNotFound', run({ command: ['/nothing'], publish: [{ hostPort: 8080, containerPort: 80 }] }))
    await remove(await run({ publish: [{ hostPort: 8080, containerPort: 80 }] }))
  })

  it('are isolated from each other, but for published ports', async () => {
    await helper.ok('network', 'create', 'red')
    await helper.ok('network', 'create', 'blue', '--internal', '--label', 'a=b')
    const red = await run({
      name: 'rr',
      network: 'red',
      command: serve('red'),
      publish: [{ hostPort: 7000, containerPort: 80 }],
    })
    const blue = await run({ name: 'bb', network: 'blue', command: serve('blue') })
    const plain = await run({ name: 'pp' })
    await untilAnswers('127.0.0.1', 7000, 'red')
    assert.equal(await inside(plain, `timeout 1 nc ${red.endpoints[0]!.address} 80 </dev/null`), '')
    assert.equal(await inside(plain, `timeout 1 nc ${blue.endpoints[0]!.address} 80 </dev/null`), '')
    assert.match(await inside(plain, 'nslookup rr 2>&1'), /can't find/)
    assert.equal(await inside(plain, 'timeout 3 nc 10.208.0.1 7000 </dev/null'), 'red\n')
    // The host's 127.0.0.1 is not the containers' (CVE-2020-8558): routes alone do not keep them away.
    assert.equal(
      await inside(plain, 'ip route add 127.9.9.9 via 10.208.0.1 2>/dev/null; timeout 1 nc 127.9.9.9 7000'),
      '',
    )
    assert.equal(await inside(blue, 'ip route | grep -c default'), '0\n', 'an internal network leads nowhere')

    await helper.ok('network', 'connect', 'red', 'pp', '--alias', 'guest')
    assert.equal(await inside(plain, `timeout 3 nc ${red.endpoints[0]!.address} 80 </dev/null`), 'red\n')
    assert.match(await inside(red, 'nslookup guest'), /Address: 10\.208\.16\./)
    await rejects('WrongState', (await helper.client()).call('networks/connect', { network: 'red', container: 'pp' }))
    await helper.ok('network', 'disconnect', 'red', 'pp')
    assert.equal(await inside(plain, `timeout 1 nc ${red.endpoints[0]!.address} 80 </dev/null`), '')

    const inUse = await helper.cli('network', 'rm', 'red')
    assert.match(inUse.stderr, /network red is used by rr/)
    assert.equal(inUse.code, 1)
    await remove(red, blue, plain)
    await helper.ok('network', 'rm', 'red')
    assert.equal(await helper.ok('network', 'prune', '-f'), 'blue\n')
    assert.match(
      await helper.ok('network', 'ls'),
      /^NETWORK ID +NAME +DRIVER +SUBNETS\n\w{12} +bridge +bridge +10\.208\.0\.0\/20\n\w{12} +host +host\n\w{12} +none +none\n$/,
    )
  })

  it('have IPv6 when asked: addresses, names, published ports', async () => {
    await helper.ok('network', 'create', '--ipv6', '--subnet', 'fd00:7::/64', 'six')
    const server = await run({
      name: 's6',
      network: 'six',
      endpoint: { address6: 'fd00:7::99' },
      command: serve('six'),
      publish: [{ hostPort: 6000, containerPort: 80 }],
    })
    assert.equal(server.endpoints[0]!.address6, 'fd00:7::99')
    const client = await run({ network: 'six' })
    assert.equal(await inside(client, 'timeout 3 nc fd00:7::99 80 </dev/null'), 'six\n')
    assert.match(await inside(client, 'nslookup -type=aaaa s6'), /fd00:7::99/)
    assert.equal(await fromHost('fd00:7::1', 6000), 'six')
    await rejects('AddressInUse', run({ network: 'six', endpoint: { address6: 'fd00:7::99' } }))
    await remove(server, client)
    await helper.ok('network', 'rm', 'six')
  })

  it('give what was asked for: address, MAC, hosts, resolvers; and share with another container', async () => {
    const { output } = await runToEnd(helper, {
      image: 'busybox',
      command: ['sh', '-c', 'cat /sys/class/net/eth0/address; ip -4 addr show eth0; cat /etc/hosts /etc/resolv.conf'],
      endpoint: { address: '10.208.1.7', mac: '02:00:00:00:00:07' },
      addHosts: [
        { name: 'far', address: '192.0.2.1' },
        { name: 'here', address: 'host-gateway' },
      ],
      dnsSearch: ['example.test'],
      dnsOptions: ['ndots:2'],
      hostname: 'box',
    })
    assert.match(output, /^02:00:00:00:00:07\n/)
    assert.match(output, /inet 10\.208\.1\.7\/20/)
    assert.match(output, /10\.208\.1\.7\tbox\n192\.0\.2\.1\tfar\n10\.208\.0\.1\there\n/)
    assert.match(output, /nameserver 10\.208\.0\.1\nsearch example\.test\noptions ndots:2\n/)
    await rejects('InvalidRequest', run({ endpoint: { address: '192.0.2.1' } }), /is not in the network's subnet/)

    const owner = await run({ name: 'owner', command: serve('shared') })
    const guest = await run({ network: 'container:owner' })
    assert.equal(await inside(guest, 'timeout 3 nc 127.0.0.1 80 </dev/null'), 'shared\n')
    await rejects('InvalidRequest', run({ network: 'container:owner', publish: [{ containerPort: 80 }] }))
    await rejects('NetworkNotFound', run({ network: 'nowhere' }))
    await remove(guest, owner)
  })

  it('let any user of a container listen on port 80', async () => {
    const server = await run({
      user: 'alice',
      command: serve('alice'),
      publish: [{ hostPort: 8080, containerPort: 80 }],
    })
    await untilAnswers('127.0.0.1', 8080, 'alice')
    await remove(server)
  })

  it('go on when the helper is killed, and are put right when somebody flushes the rules', async () => {
    const server = await run({
      name: 'lasting',
      command: serve('still'),
      publish: [{ hostPort: 8080, containerPort: 80 }],
    })
    await untilAnswers('127.0.0.1', 8080, 'still')
    await helper.kill()
    assert.equal(await fromHost('127.0.0.1', 8080), 'still', 'no helper is needed for packets')
    await helper.start()
    const client = await run({})
    assert.equal(await inside(client, 'timeout 3 nc lasting 80 </dev/null'), 'still\n', 'names are served again')
    assert.notEqual(client.endpoints[0]!.address, server.endpoints[0]!.address, 'its address is still its own')
    await rejects('AddressInUse', run({ publish: [{ hostPort: 8080, containerPort: 80 }] }))
    await helper.inNetwork('nft', ['flush', 'ruleset'])
    await untilAnswers('127.0.0.1', 8080, 'still')
    const rules = await helper.inNetwork('nft', ['list', 'tables'])
    assert.match(rules.stdout, /^table inet bulkhead-[0-9a-f]{12}\n$/)
    await remove(server, client)
  })

  it('refuse subnets that this machine uses already, and what is no subnet', async () => {
    const overlapping = await helper.cli('network', 'create', '--subnet', '10.208.0.0/16', 'x2')
    assert.match(overlapping.stderr, /the subnet 10\.208\.0\.0\/16 overlaps 10\.208\.\d+\.0\/20/)
    assert.match((await helper.cli('network', 'create', '--subnet', '10.0.0.0/99', 'x2')).stderr, /must be a subnet/)
    assert.match(
      (await helper.cli('network', 'create', '--subnet', '10.0.0.0/24', '--gateway', '10.1.0.1', 'x2')).stderr,
      /the gateway 10\.1\.0\.1 is in none/,
    )
    assert.match((await helper.cli('network', 'create', 'host')).stderr, /there is a network host already/)
    assert.match((await helper.cli('network', 'rm', 'bridge')).stderr, /always there/)
    assert.match((await helper.cli('network', 'create', 'a"; delete table')).stderr, /must be letters/)
  })

  it('are gone with the helper when no container needs them', async () => {
    await helper.kill('SIGTERM')
    const { stdout: links } = await helper.inNetwork('cat', ['/proc/net/dev'])
    assert.doesNotMatch(links, /bh-|bv/)
    assert.equal((await helper.inNetwork('nft', ['list', 'tables'])).stdout, '')
    assert.equal(await ipForward(), forwarding, 'as it was before')
    await helper.start()
  })
})
