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
    ['a network that there is not', { image: 'host', network: 'bridge' }],
  ]
  for (const [what, request] of refused)
    it(`is refused with ${what}`, () => assert.equal(runRequest.safeParse(request).success, false))
})
