import assert from 'node:assert/strict'
import dnsPacket from 'dns-packet'
import { answer, type Names } from '../../../helper/network/nameServer.ts'

const names: Names = {
  lookUp: (name) => ({ web: ['10.0.0.2', 'fd00::2'] })[name],
  nameOf: (address) => (address === '10.0.0.2' ? 'web.red' : undefined),
  includes: () => true,
  resolversFor: () => [],
}

function ask(type: 'A' | 'AAAA' | 'PTR' | 'MX', name: string): dnsPacket.Packet | undefined {
  const reply = answer({ type: 'query', id: 7, flags: 256, questions: [{ type, name }] }, names)
  return reply === undefined ? undefined : dnsPacket.decode(reply)
}

const data = (packet: dnsPacket.Packet | undefined): unknown => packet?.answers?.map((one) => 'data' in one && one.data)

describe('the name server', () => {
  it('answers for containers, whatever the case, with addresses of the family asked for', () => {
    assert.deepEqual(data(ask('A', 'WEB')), ['10.0.0.2'])
    assert.deepEqual(data(ask('AAAA', 'web.')), ['fd00::2'])
    assert.equal(ask('A', 'web')!.id, 7)
    assert.equal(ask('A', 'WEB')!.questions![0]!.name, 'WEB', 'as it was asked')
  })

  it('says that a name has no record of another type, instead of asking elsewhere', () => {
    assert.deepEqual(data(ask('MX', 'web')), [])
  })

  it('answers by address', () => {
    assert.deepEqual(data(ask('PTR', '2.0.0.10.in-addr.arpa')), ['web.red'])
  })

  it('leaves other names to others', () => {
    assert.equal(ask('A', 'example.test'), undefined)
    assert.equal(ask('PTR', '9.0.0.10.in-addr.arpa'), undefined)
  })
})
