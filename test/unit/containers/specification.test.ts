import assert from 'node:assert/strict'
import { runtimeResources } from '../../../helper/containers/specification.ts'
import { runRequest } from '../../../helper/protocol/schemas.ts'

describe('limits', () => {
  it('become the runtime specification’s resources', () => {
    const resources = runtimeResources({
      memory: 1 << 29,
      memorySwap: 1 << 30,
      cpus: 1.5,
      cpuShares: 512,
      cpusetCpus: '0-1',
      pidsLimit: 10,
      blkioWeight: 500,
    })
    assert.deepEqual(resources, {
      memory: { limit: 1 << 29, swap: 1 << 30 },
      cpu: { shares: 512, quota: 150_000, period: 100_000, cpus: '0-1' },
      pids: { limit: 10 },
      blockIO: { weight: 500 },
    })
  })

  it('always have one of processes', () => assert.deepEqual(runtimeResources({}).pids, { limit: 2048 }))

  it('are refused when no process can start with them', () => {
    assert.throws(() => runtimeResources({ memory: 4096 }), /4096 bytes is too small/)
    assert.throws(() => runtimeResources({ memory: 1 << 20, memorySwap: 1 << 19 }), /memory-swap/)
    assert.throws(() => runtimeResources({ memorySwap: 1 << 30 }), /memory-swap/)
  })
})

describe('a request', () => {
  const refused: [string, object][] = [
    ['an empty image', { image: '' }],
    ['an unknown field', { image: 'host', privileged: true }],
    ['a NUL in the command', { image: 'host', command: ['a\0'] }],
    ['a variable without =', { image: 'host', env: ['A'] }],
    ['a relative working directory', { image: 'host', workingDirectory: 'tmp' }],
    ['a name with a slash', { image: 'host', name: '../x' }],
    ['a name of one letter', { image: 'host', name: 'x' }],
    ['a negative limit', { image: 'host', resources: { memory: -1 } }],
    ['no processor', { image: 'host', resources: { cpus: 0 } }],
    ['processors that are not a list', { image: 'host', resources: { cpusetCpus: '0;1' } }],
    ['the network of no container', { image: 'host', network: '' }],
    ['a port past the last', { image: 'host', publish: [{ containerPort: 65_536 }] }],
    ['an address that is none', { image: 'host', publish: [{ hostIp: '1.2.3', containerPort: 80 }] }],
    ['a MAC address of many', { image: 'host', endpoint: { mac: '01:00:00:00:00:00' } }],
    ['a host name with a line in it', { image: 'host', addHosts: [{ name: 'a\nb', address: '::1' }] }],
    ['a mount on the root', { image: 'host', mounts: [{ type: 'tmpfs', target: '/.//' }] }],
    ['a mount on /proc', { image: 'host', mounts: [{ type: 'volume', target: '//proc/self' }] }],
    ['a mount by way of ..', { image: 'host', mounts: [{ type: 'volume', target: '/a/../proc' }] }],
    ['a volume outside of its folder', { image: 'host', mounts: [{ type: 'volume', name: '../x', target: '/a' }] }],
    ['a relative source', { image: 'host', mounts: [{ type: 'bind', source: 'x', target: '/a' }] }],
    ['a restart policy that there is not', { image: 'host', restart: { name: 'sometimes' } }],
    ['a health check of another kind', { image: 'host', health: { test: ['SHELL', 'true'] } }],
  ]
  for (const [what, request] of refused)
    it(`is refused with ${what}`, () => assert.equal(runRequest.safeParse(request).success, false))
})
