import assert from 'node:assert/strict'
import { parseMount, parseTmpfs, parseVolume } from '../../../helper/protocol/mountText.ts'
import { formatPort, parsePublish } from '../../../helper/protocol/portText.ts'

const absolute = (path: string): string => (path.startsWith('/') ? path : `/here/${path.replace(/^\.\//, '')}`)

describe('published ports', () => {
  it('are read as Docker reads them', () => {
    const port = { hostIp: '', protocol: 'tcp' }
    for (const [text, expected] of [
      ['80', [{ ...port, hostPort: 0, containerPort: 80 }]],
      ['8080:80', [{ ...port, hostPort: 8080, containerPort: 80 }]],
      ['53:53/udp', [{ ...port, hostPort: 53, containerPort: 53, protocol: 'udp' }]],
      ['127.0.0.1:8080:80', [{ ...port, hostIp: '127.0.0.1', hostPort: 8080, containerPort: 80 }]],
      ['127.0.0.1::80', [{ ...port, hostIp: '127.0.0.1', hostPort: 0, containerPort: 80 }]],
      ['[::1]:8080:80', [{ ...port, hostIp: '::1', hostPort: 8080, containerPort: 80 }]],
      [
        '7000-7001:80-81',
        [
          { ...port, hostPort: 7000, containerPort: 80 },
          { ...port, hostPort: 7001, containerPort: 81 },
        ],
      ],
    ] as const)
      assert.deepEqual(parsePublish(text), expected, text)
    for (const text of ['', 'x', '80:', '1:2:3:4', '80/sctp', '70000', '7000-7002:80-81', '81-80', '0', '::1:80:80'])
      assert.equal(parsePublish(text), undefined, text)
  })

  it('are shown as Docker shows them', () => {
    const port = { hostPort: 8080, containerPort: 80, protocol: 'tcp' as const }
    assert.equal(formatPort({ ...port, hostIp: '' }), '0.0.0.0:8080->80/tcp')
    assert.equal(formatPort({ ...port, hostIp: '::1' }), '[::1]:8080->80/tcp')
  })
})

describe('mounts', () => {
  const volume = { type: 'volume', readOnly: false, noCopy: false }
  const bind = { type: 'bind', readOnly: false, propagation: 'rprivate' }

  it('are read from --volume', () => {
    assert.deepEqual(parseVolume('/data', absolute), { ...volume, target: '/data' })
    assert.deepEqual(parseVolume('db:/data:ro,nocopy', absolute), {
      ...volume,
      name: 'db',
      target: '/data',
      readOnly: true,
      noCopy: true,
    })
    assert.deepEqual(parseVolume('./src:/src:z,rslave', absolute), {
      ...bind,
      source: '/here/src',
      target: '/src',
      propagation: 'rslave',
      create: true,
    })
    for (const text of ['', 'a::/b', 'a:/b:c:d', 'a:/b:what'])
      assert.equal(typeof parseVolume(text, absolute), 'string', text)
  })

  it('are read from --mount and --tmpfs', () => {
    assert.deepEqual(parseMount('type=bind,src=x,dst=/y,readonly', absolute), {
      ...bind,
      source: '/here/x',
      target: '/y',
      readOnly: true,
      create: false,
    })
    assert.deepEqual(parseMount('source=db,target=/y,readonly=false', absolute), {
      ...volume,
      name: 'db',
      target: '/y',
    })
    const tmpfs = { type: 'tmpfs', target: '/t', readOnly: false, exec: false, mode: 0o1777 }
    assert.deepEqual(parseMount('type=tmpfs,dst=/t,tmpfs-size=1m', absolute), { ...tmpfs, size: 1024 ** 2 })
    assert.deepEqual(parseTmpfs('/t:size=4k,mode=700,exec'), { ...tmpfs, size: 4096, mode: 0o700, exec: true })
    assert.deepEqual(parseTmpfs('/t'), tmpfs)
    for (const text of ['type=bind,dst=/y', 'type=nfs,dst=/y', 'dst=/y,what=1', 'src=a'])
      assert.equal(typeof parseMount(text, absolute), 'string', text)
    assert.equal(typeof parseTmpfs('/t:size=big'), 'string')
  })
})
