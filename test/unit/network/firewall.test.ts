import { ruleset } from '../../../helper/network/firewall.ts'
import { golden } from '../../support/golden.ts'

describe('the firewall', () => {
  it('is one table whose elements say it all', () => {
    const networks = [
      { bridge: 'bh-1', internal: false, subnets: ['10.208.0.0/20', 'fd00:1::/64'] },
      { bridge: 'bh-2', internal: true, subnets: ['10.208.16.0/20'] },
    ]
    const port = { hostIp: '', hostPort: 8080, containerPort: 80, protocol: 'tcp' as const }
    const ports = [
      { port, address: '10.208.0.2' },
      { port, address: 'fd00:1::2' },
      { port: { ...port, hostIp: '127.0.0.1', protocol: 'udp' as const }, address: '10.208.0.2' },
    ]
    golden('firewall', ruleset('bulkhead', networks, ports, { closesForward: true }))
  })
})
