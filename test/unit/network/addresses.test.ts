import assert from 'node:assert/strict'
import { AddressPool, chooseSubnet, Subnet } from '../../../helper/network/addresses.ts'

describe('a subnet', () => {
  it('knows its addresses, of both families', () => {
    const four = new Subnet('10.208.17.9/20')
    assert.equal(four.text, '10.208.16.0/20')
    assert.equal(four.address(1n), '10.208.16.1')
    assert.equal(four.numberOf('10.208.31.255'), 4095n)
    assert.equal(four.numberOf('10.208.32.0'), undefined)
    assert.equal(four.numberOf('fd00::1'), undefined)
    const six = new Subnet('fd00:1::/64')
    assert.equal(six.address(0x10000n), 'fd00:1::1:0')
    assert.equal(six.numberOf('fd00:1::ff'), 255n)
  })

  it('overlaps what lies inside, outside and beside', () => {
    const subnet = new Subnet('10.0.0.0/16')
    for (const [other, overlaps] of [
      ['10.0.5.0/24', true],
      ['10.0.0.0/8', true],
      ['10.1.0.0/16', false],
      ['fd00::/8', false],
    ] as const)
      assert.equal(subnet.overlaps(new Subnet(other)), overlaps, other)
  })

  it('is chosen among those that are free, or there is none', () => {
    const taken = [new Subnet('10.0.0.0/24')]
    assert.equal(chooseSubnet(['10.0.0.0/20', '10.0.16.0/20'], taken).text, '10.0.16.0/20')
    assert.throws(() => chooseSubnet(['10.0.0.0/20'], taken), /no subnet left/)
  })
})

describe('a pool of addresses', () => {
  it('gives out each once, the gateway and the broadcast address never, and a returned one last', () => {
    const pool = new AddressPool(new Subnet('10.0.0.0/29'), '10.0.0.1')
    const all = Array.from({ length: 5 }, () => pool.take())
    assert.deepEqual(all, ['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6'])
    assert.throws(() => pool.take(), /all addresses of 10\.0\.0\.0\/29 are taken/)
    pool.giveBack('10.0.0.3')
    pool.giveBack('10.0.0.5')
    assert.equal(pool.take('10.0.0.5'), '10.0.0.5')
    assert.equal(pool.take(), '10.0.0.3')
  })

  it('refuses one that is taken, and one of elsewhere', () => {
    const pool = new AddressPool(new Subnet('10.0.0.0/24'), '10.0.0.1')
    assert.throws(() => pool.take('10.0.0.1'), /is in use/)
    assert.throws(() => pool.take('10.0.1.1'), /is not in the network's subnet/)
  })
})
