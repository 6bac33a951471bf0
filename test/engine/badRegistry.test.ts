import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { TestHelper } from '../support/helper.ts'
import { FakeRegistry, send, sendRange, type Answer } from '../support/registry.ts'
import { tarEnd, tarEntry } from '../support/tar.ts'

function blobs(helper: TestHelper): string[] {
  return readdirSync(join(helper.state, 'images/blobs/sha256'))
}

describe('a registry that does wrong', () => {
  let helper: TestHelper
  let registry: FakeRegistry
  before(async () => {
    helper = await TestHelper.start({ network: 'host' })
  })
  after(() => helper.stop())
  beforeEach(async () => {
    registry = await FakeRegistry.start()
  })
  afterEach(async () => {
    await helper.cli('rmi', `${registry.host}/bad:1`)
    await registry.stop()
    await helper.kill('SIGKILL')
    await helper.start()
    assert.deepEqual([blobs(helper), readdirSync(join(helper.state, 'layers'))], [[], []], 'something was left')
  })

  const status =
    (code: number, headers: Record<string, string> = {}): Answer =>
    (_request, response) =>
      void response.writeHead(code, headers).end()
  const pull = () => helper.cli('pull', `${registry.host}/bad:1`)

  async function refuses(message: RegExp): Promise<void> {
    const { code, stderr } = await pull()
    assert.match(stderr, message)
    assert.equal(code, 1)
  }

  for (const [code, message] of [
    [401, /answers 401\n/],
    [403, /answers 403\n/],
    [404, /answers 404\n {2}Look at the name/],
    [410, /answers 410\n/],
  ] as const)
    it(`is understood: ${code}`, async () => {
      registry.answers.set('*', status(code))
      await refuses(message)
      assert.equal(registry.requests.length, 1, 'it was asked again')
    })

  it('is asked again after 429, as late as it says', async () => {
    let answers = 0
    registry.answers.set('/v2/bad/manifests/1', (_request, response) => {
      if (answers++ === 0) return void response.writeHead(429, { 'retry-after': '1' }).end()
      send(response, registry.manifest, registry.manifestType)
    })
    const began = performance.now()
    const { code, stderr } = await pull()
    assert.equal(code, 0, stderr)
    assert.ok(performance.now() - began > 700)
  })

  it('is asked five times after 500, and then told of', async () => {
    registry.answers.set('*', status(500))
    await refuses(/answers 500/)
    assert.equal(registry.requests.length, 5)
  }).timeout(30_000)

  it('that breaks off is gone on with where it did', async () => {
    let breaks = 0
    registry.answers.set(registry.layerPath, (request, response) => {
      if (breaks++ >= 2) return sendRange(request, response, registry.layer)
      const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
      response.writeHead(from === 0 ? 200 : 206, { 'content-length': registry.layer.byteLength - from })
      response.write(registry.layer.subarray(from, from + 100), () => response.destroy())
    })
    const { code, stderr } = await pull()
    assert.equal(code, 0, stderr)
    const ranges = registry.requests.filter(({ url }) => url === registry.layerPath).map(({ headers }) => headers.range)
    assert.deepEqual(
      ranges.map((range) => range?.split('-')[0]),
      [undefined, 'bytes=100', 'bytes=200'],
    )
  })

  it('that is left in the middle is gone on with by the next pull', async () => {
    let held: ServerResponse | undefined
    registry.answers.set(registry.layerPath, (_request, response) => {
      held = response
      response.writeHead(200, { 'content-length': registry.layer.byteLength })
      response.write(registry.layer.subarray(0, 200))
    })
    const client = await helper.client()
    const half = client.call('images/pull', { name: `${registry.host}/bad:1` })
    while (held === undefined) await new Promise((resolve) => setTimeout(resolve, 10))
    await new Promise((resolve) => setTimeout(resolve, 200))
    client.close()
    await assert.rejects(half)
    registry.answers.clear()
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.equal((await pull()).code, 0)
    assert.equal(registry.requests.at(-1)!.headers.range, `bytes=200-${registry.layer.byteLength - 1}`)
  })

  it('that knows no ranges sends all of it again', async () => {
    let first = true
    registry.answers.set(registry.layerPath, (_request, response) => {
      if (!first) return send(response, registry.layer)
      first = false
      response.writeHead(200, { 'content-length': registry.layer.byteLength })
      response.write(registry.layer.subarray(0, 100), () => response.destroy())
    })
    const { code, stderr } = await pull()
    assert.equal(code, 0, stderr)
  })

  it('that sends fewer bytes than promised is told of', async () => {
    registry.answers.set(registry.layerPath, (_request, response) => send(response, registry.layer.subarray(0, 0)))
    await refuses(/fewer bytes than promised \(0 of \d+\)/)
  }).timeout(30_000)

  it('that sends more bytes than promised is cut off', async () => {
    registry.answers.set(registry.layerPath, (_request, response) =>
      send(response, Buffer.concat([registry.layer, Buffer.alloc(1)])),
    )
    await refuses(/has more bytes than the \d+ promised/)
  })

  it('that sends something else is found out: layer', async () => {
    const other = gzipSync(Buffer.concat([tarEntry({ name: 'evil', content: 'x' }), tarEnd]))
    registry.manifest = Buffer.from(JSON.stringify(registry.manifestOf({ layer: { size: other.byteLength } })))
    registry.answers.set(registry.layerPath, (_request, response) => send(response, other))
    await refuses(/layer \w{12} has digest sha256:\w{64}, not sha256:/)
  })

  it('that sends something else is found out: damaged layer', async () => {
    const damaged = Buffer.from(registry.layer)
    damaged.fill(0x55, 100, 140)
    registry.answers.set(registry.layerPath, (_request, response) => send(response, damaged))
    await refuses(/layer \w{12} (?:has digest|is refused)/)
  })

  it('that sends something else is found out: configuration', async () => {
    registry.answers.set(`/v2/bad/blobs/${registry.configDigest}`, (_request, response) => {
      send(response, Buffer.alloc(registry.config.byteLength, 0x20))
    })
    await refuses(/configuration has digest/)
  })

  it('that sends something else is found out: manifest', async () => {
    registry.answers.set('/v2/bad/manifests/1', (_request, response) => {
      response
        .writeHead(200, { 'content-type': registry.manifestType, 'docker-content-digest': registry.layerDigest })
        .end(registry.manifest)
    })
    await refuses(/manifest 1 has digest sha256:\w{64}, not sha256:/)
  })

  it('that calls a layer by another layer’s name is found out', async () => {
    const config = JSON.parse(registry.config.toString())
    config.rootfs.diff_ids = [`sha256:${'a'.repeat(64)}`]
    const bytes = Buffer.from(JSON.stringify(config))
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    registry.answers.set(`/v2/bad/blobs/${digest}`, (_request, response) => send(response, bytes))
    registry.manifest = Buffer.from(JSON.stringify(registry.manifestOf({ config: { digest, size: bytes.byteLength } })))
    await refuses(/is not the one that the configuration names/)
  })

  it('that sends a manifest of 100 MB is cut off', async () => {
    let sent = 0
    registry.answers.set('/v2/bad/manifests/1', (_request, response) => {
      response.writeHead(200, { 'content-type': registry.manifestType })
      const more = (): void => {
        while (sent < 100 << 20) {
          sent += 65_536
          if (!response.write(Buffer.alloc(65_536, 0x20))) return void response.once('drain', more)
        }
        response.end()
      }
      more()
    })
    await refuses(/sends a document of more than 8388608 bytes/)
    assert.ok(sent < 60 << 20, `${sent} bytes were taken`)
  })

  const manifests: [what: string, change: (registry: FakeRegistry) => object, message: RegExp][] = [
    [
      'of an unknown type',
      (r) => r.manifestOf({ top: { mediaType: 'application/x-evil' } }),
      /type application\/x-evil is not an image/,
    ],
    [
      'of an artifact',
      (r) => r.manifestOf({ config: { mediaType: 'application/vnd.cncf.helm.config.v1+json' } }),
      /is not an image of a container, but of type application\/vnd\.cncf/,
    ],
    [
      'with a layer of an unknown type',
      (r) => r.manifestOf({ layer: { mediaType: 'application/x-layer' } }),
      /a layer of type application\/x-layer, which is unknown/,
    ],
    [
      'that is an index, too',
      (r) => r.manifestOf({ top: { manifests: [] } }),
      /an index and a manifest at once is refused/,
    ],
    [
      'with a digest that is none',
      (r) => r.manifestOf({ layer: { digest: 'sha256:../../../etc/passwd' } }),
      /the manifest is not valid/,
    ],
    ['with a size that is none', (r) => r.manifestOf({ layer: { size: -1 } }), /the manifest is not valid/],
    ['of Docker’s schema 1', () => ({ schemaVersion: 1, name: 'x', fsLayers: [] }), /schema 1, which is not read/],
  ]
  for (const [what, change, message] of manifests)
    it(`that sends a manifest ${what} is told of`, async () => {
      registry.manifest = Buffer.from(JSON.stringify(change(registry)))
      await refuses(message)
    })

  it('that sends no JSON is told of', async () => {
    registry.manifest = Buffer.from('<html>hello</html>')
    await refuses(/the manifest is not JSON/)
  })

  it('that redirects to another scheme is not followed', async () => {
    registry.answers.set(registry.layerPath, status(307, { location: 'ftp://localhost/layer' }))
    await refuses(/redirects from http:\/\/ to ftp:\/\/, which is not followed/)
  })

  it('that redirects elsewhere is followed, without its password', async () => {
    const other = await FakeRegistry.start()
    other.answers.set('/stored', (request, response) => sendRange(request, response, registry.layer))
    registry.answers.set(registry.layerPath, status(307, { location: `http://${other.host}/stored` }))
    registry.answers.set('/v2/bad/manifests/1', (request, response) => {
      if (request.headers.authorization === undefined)
        return void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      send(response, registry.manifest, registry.manifestType)
    })
    const client = await helper.client()
    await client.call('images/pull', { name: `${registry.host}/bad:1`, credentials: { username: 'a', password: 'b' } })
    assert.equal(other.requests[0]!.headers.authorization, undefined)
    await other.stop()
  })

  it('that redirects in circles is given up', async () => {
    registry.answers.set('*', status(302, { location: '/v2/round' }))
    await refuses(/redirects more than 5 times/)
  })

  it('gives a token for the scope that is asked, and gets it', async () => {
    registry.answers.set('*', (request, response) => {
      const url = new URL(request.url!, 'http://x')
      if (url.pathname === '/token') {
        assert.equal(url.searchParams.get('service'), 'test service')
        assert.equal(url.searchParams.get('scope'), 'repository:bad:pull')
        return send(response, Buffer.from('{"token":"the token","expires_in":300}'), 'application/json')
      }
      if (request.headers.authorization !== 'Bearer the token')
        return void response
          .writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token",service="test service"` })
          .end()
      if (url.pathname.includes('/manifests/')) return send(response, registry.manifest, registry.manifestType)
      send(response, url.pathname.endsWith(registry.configDigest) ? registry.config : registry.layer)
    })
    const { code, stderr } = await pull()
    assert.equal(code, 0, stderr)
  })

  it('that says nothing is given up, and can be left at any time', async () => {
    registry.answers.set('/v2/bad/manifests/1', () => undefined)
    const client = await helper.client()
    const waiting = client.call('images/pull', { name: `${registry.host}/bad:1` })
    await new Promise((resolve) => setTimeout(resolve, 300))
    client.close()
    await assert.rejects(waiting)
    // The helper has let go of it, too: its connection is closed.
    for (let tries = 0; tries < 50; tries++) {
      const open = await new Promise<number>((resolve) => registry.connections(resolve))
      if (open === 0) return
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    assert.fail('the helper still waits')
  })

  it('that is not there is told of', async () => {
    const { code, stderr } = await helper.cli('pull', 'localhost:1/nothing:1')
    assert.match(stderr, /localhost:1 cannot be reached/)
    assert.equal(code, 1)
  })
})

describe('names of images that a registry cannot have', () => {
  let helper: TestHelper
  before(async () => {
    helper = await TestHelper.start({ network: 'host' })
  })
  after(() => helper.stop())
  for (const name of ['../../etc', 'a b', `x@sha256:short`, 'x:'.concat('t'.repeat(200)), 'http://x/y'])
    it(`are refused: ${name.slice(0, 30)}`, async () => {
      const { code, stderr } = await helper.cli('pull', name)
      assert.notEqual(code, 0)
      assert.match(stderr, /no name of an image|must be/)
    })
})
