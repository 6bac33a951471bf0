import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, zstdCompressSync } from 'node:zlib'
import { runToEnd, TestHelper } from '../support/helper.ts'
import { makeLayeredImage } from '../support/layeredImage.ts'
import { FakeRegistry, RealRegistry, send } from '../support/registry.ts'

function skopeo(...args: string[]): string {
  return execFileSync('skopeo', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

describe('a registry', () => {
  let helper: TestHelper
  let registry: RealRegistry
  before(async () => {
    helper = await TestHelper.start({ network: 'host' })
    registry = await RealRegistry.start()
    await helper.importBusybox()
    await makeLayeredImage(helper, 'site:1')
  })
  after(async () => {
    await helper.stop()
    await registry.stop()
  })

  const ok = (...args: string[]): Promise<string> => helper.ok(...args)

  it('takes an image, and gives it back the same, plain HTTP on loopback without being asked', async () => {
    const name = `${registry.host}/team/site:1`
    await ok('tag', 'site:1', name)
    const pushed = /digest: (sha256:\w+)/.exec(await ok('push', name))![1]!
    assert.equal(JSON.parse(skopeo('inspect', '--tls-verify=false', `docker://${name}`)).Digest, pushed)
    const { id } = JSON.parse(await ok('image', 'inspect', name))[0]
    for (const other of ['site:1', 'site:1-step-0', name]) await ok('rmi', other)
    const out = await ok('pull', name)
    assert.match(out, new RegExp(`Digest: ${pushed}\nStatus: Downloaded newer image`))
    assert.equal(JSON.parse(await ok('image', 'inspect', name))[0].id, id)
    assert.match(await ok('pull', name), /Image is up to date/)
    const { output } = await runToEnd(helper, { image: name, command: ['cat', '/srv/site/pages/index.html'] })
    assert.equal(output, '<h1>2</h1>\n')
    await ok('tag', name, 'site:1')
  })

  it('gives an image by digest', async () => {
    const digest = JSON.parse(skopeo('inspect', '--tls-verify=false', `docker://${registry.host}/team/site:1`)).Digest
    await ok('pull', `${registry.host}/team/site@${digest}`)
    const image = JSON.parse(await ok('image', 'inspect', `${registry.host}/team/site@${digest}`))[0]
    assert.equal(image.digest, digest)
    await ok('rmi', `${registry.host}/team/site@${digest}`)
  })

  it('has a layer mounted from another repository of its own', async () => {
    const name = `${registry.host}/other/site:1`
    await ok('tag', 'site:1', name)
    const { stderr } = await helper.cli('push', name)
    assert.equal(stderr.match(/: Mounted from another repository/g)?.length, 3, stderr)
    await ok('rmi', name)
  })

  it('has images of Docker’s schema 2, which keep their digest when they go back', async () => {
    const name = `${registry.host}/docker/site:1`
    skopeo(
      'copy',
      '-q',
      '--format',
      'v2s2',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      `docker://${registry.host}/team/site:1`,
      `docker://${name}`,
    )
    const { Digest } = JSON.parse(skopeo('inspect', '--tls-verify=false', `docker://${name}`))
    assert.match(await ok('pull', name), new RegExp(Digest))
    const again = `${registry.host}/docker/again:1`
    await ok('tag', name, again)
    assert.match(await ok('push', again), new RegExp(Digest))
    // The store itself holds the OCI's form, for other tools to read.
    assert.equal(
      JSON.parse(skopeo('inspect', '--raw', `oci:${join(helper.state, 'images')}:${name}`)).mediaType,
      'application/vnd.oci.image.manifest.v1+json',
    )
    for (const each of [name, again]) await ok('rmi', each)
  })

  it('has images with zstd layers', async () => {
    const fake = await FakeRegistry.start()
    const layer = zstdCompressSync(gunzipSync(fake.layer))
    const digest = `sha256:${createHash('sha256').update(layer).digest('hex')}`
    const mediaType = 'application/vnd.oci.image.layer.v1.tar+zstd'
    fake.manifest = Buffer.from(
      JSON.stringify(fake.manifestOf({ layer: { mediaType, digest, size: layer.byteLength } })),
    )
    fake.answers.set(`/v2/bad/blobs/${digest}`, (_request, response) => send(response, layer))
    await ok('pull', `${fake.host}/bad:1`)
    const root = { image: `${fake.host}/bad:1` }
    const client = await helper.client()
    assert.equal((await client.call('files/stat', { root, path: 'x' })).size, 300_000)
    await ok('rmi', `${fake.host}/bad:1`)
    await fake.stop()
  })

  it('has images with the same layer twice', async () => {
    const fake = await FakeRegistry.start()
    const config = JSON.parse(fake.config.toString())
    config.rootfs.diff_ids = [config.rootfs.diff_ids[0], config.rootfs.diff_ids[0], config.rootfs.diff_ids[0]]
    const bytes = Buffer.from(JSON.stringify(config))
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    fake.answers.set(`/v2/bad/blobs/${digest}`, (_request, response) => send(response, bytes))
    const manifest = fake.manifestOf({ config: { digest, size: bytes.byteLength } }) as { layers: object[] }
    fake.manifest = Buffer.from(
      JSON.stringify({ ...manifest, layers: [...manifest.layers, ...manifest.layers, ...manifest.layers] }),
    )
    await ok('pull', `${fake.host}/bad:1`)
    assert.equal(fake.requests.filter(({ url }) => url === fake.layerPath).length, 1)
    assert.equal(JSON.parse(await ok('image', 'inspect', `${fake.host}/bad:1`))[0].layers.length, 3)
    await ok('rmi', `${fake.host}/bad:1`)
    await fake.stop()
  })

  it('has images for several platforms: this machine’s is chosen, or the one that is asked for', async () => {
    const layout = join(helper.directory, 'platforms')
    execFileSync('umoci', ['init', '--layout', layout])
    for (const architecture of ['amd64', 'arm64']) {
      execFileSync('umoci', ['new', '--image', `${layout}:${architecture}`])
      execFileSync('umoci', [
        'config',
        '--image',
        `${layout}:${architecture}`,
        '--architecture',
        architecture,
        '--os',
        'linux',
        '--config.cmd',
        architecture,
      ])
      skopeo(
        'copy',
        '-q',
        '--dest-tls-verify=false',
        `oci:${layout}:${architecture}`,
        `docker://${registry.host}/multi:${architecture}`,
      )
    }
    const manifests = ['amd64', 'arm64'].map((architecture) => {
      const raw = execFileSync('skopeo', [
        'inspect',
        '--raw',
        '--tls-verify=false',
        `docker://${registry.host}/multi:${architecture}`,
      ])
      const digest = JSON.parse(
        skopeo(
          'inspect',
          '--tls-verify=false',
          '--override-arch',
          architecture,
          `docker://${registry.host}/multi:${architecture}`,
        ),
      ).Digest
      return {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest,
        size: raw.byteLength,
        platform: { os: 'linux', architecture },
      }
    })
    const index = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests }
    const put = await fetch(`http://${registry.host}/v2/multi/manifests/latest`, {
      method: 'PUT',
      headers: { 'content-type': index.mediaType },
      body: JSON.stringify(index),
    })
    assert.equal(put.status, 201, await put.text())
    const name = `${registry.host}/multi`
    await ok('pull', name)
    assert.equal(
      JSON.parse(await ok('image', 'inspect', name))[0].platform,
      `linux/${process.arch === 'x64' ? 'amd64' : 'arm64'}`,
    )
    await ok('pull', '--platform', 'linux/arm64', name)
    assert.equal(JSON.parse(await ok('image', 'inspect', name))[0].platform, 'linux/arm64')
    const { code, stderr } = await helper.cli('pull', '--platform', 'linux/s390x', name)
    assert.equal(code, 1)
    assert.match(stderr, /has no image for linux\/s390x\n {2}It has linux\/amd64, linux\/arm64/)
    await ok('rmi', name)
    await ok('image', 'prune', '-f')
  })

  it('lists what refers to an image', async () => {
    const name = `${registry.host}/team/site:1`
    assert.equal(await ok('image', 'referrers', '--format', 'json', name), '')
    const { Digest } = JSON.parse(skopeo('inspect', '--tls-verify=false', `docker://${name}`))
    // This registry does not know the question: its answer lies under a tag (distribution-spec, "Referrers Tag Schema").
    const put = async (reference: string, type: string, document: object): Promise<string> => {
      const answer = await fetch(`http://${registry.host}/v2/team/site/manifests/${reference}`, {
        method: 'PUT',
        headers: { 'content-type': type },
        body: JSON.stringify(document),
      })
      assert.equal(answer.status, 201, await answer.text())
      return answer.headers.get('docker-content-digest')!
    }
    const manifest = JSON.parse(skopeo('inspect', '--raw', '--tls-verify=false', `docker://${name}`))
    const digest = await put('signature', manifest.mediaType, manifest)
    await put(Digest.replace(':', '-'), 'application/vnd.oci.image.index.v1+json', {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [
        {
          mediaType: manifest.mediaType,
          digest,
          size: JSON.stringify(manifest).length,
          artifactType: 'application/vnd.example.signature',
          annotations: { by: 'a test' },
        },
      ],
    })
    const [found] = (await ok('image', 'referrers', '--format', 'json', name))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      [found.digest, found.artifactType, found.annotations],
      [digest, 'application/vnd.example.signature', { by: 'a test' }],
    )
  })

  it('fetches nothing twice for two pulls at once', async () => {
    const name = `${registry.host}/team/site:1`
    await ok('rmi', 'site:1')
    await ok('rmi', name)
    const results = await Promise.all([helper.cli('pull', name), helper.cli('pull', name), helper.cli('pull', name)])
    assert.deepEqual(
      results.map(({ code }) => code),
      [0, 0, 0],
      results.map(({ stderr }) => stderr).join('\n'),
    )
    const downloads = results.flatMap(({ stderr }) => stderr.match(/^\w{12}: Downloading/gm) ?? [])
    assert.equal(new Set(downloads).size, downloads.length, downloads.join('\n'))
    await ok('tag', name, 'site:1')
  })

  it('is asked for an image that is not here when one is run', async () => {
    const name = `${registry.host}/team/site:1`
    for (const each of [name, 'site:1']) await ok('rmi', each)
    const { code, stdout, stderr } = await helper.cli('run', '--rm', name, 'cat', '/srv/site/new')
    assert.deepEqual([code, stdout], [0, 'added\n'], stderr)
    assert.match(stderr, /Unable to find image/)
    await ok('tag', name, 'site:1')
  })
})

describe('a registry with TLS and passwords', () => {
  let helper: TestHelper
  let registry: RealRegistry
  const config = (): string => join(helper.directory, 'docker')
  before(async () => {
    helper = await TestHelper.start({ network: 'host' })
    registry = await RealRegistry.start({ tls: true, user: 'alice', password: 'secret:with:colons' })
    mkdirSync(config())
    await helper.importBusybox()
    await helper.cli('tag', 'busybox', `${registry.host}/private:1`)
  })
  after(async () => {
    await helper.stop()
    await registry.stop()
  })
  const push = (path = process.env['PATH']) =>
    helper.cliWith({ env: { DOCKER_CONFIG: config(), PATH: path! } }, 'push', `${registry.host}/private:1`)

  it('is refused while nobody knows its authority', async () => {
    const { code, stderr } = await push()
    assert.equal(code, 1)
    assert.match(stderr, /cannot be reached: .*\n {2}Its certificate is not known here: name the authority as caFile/)
  })

  it('asks for a password', async () => {
    writeFileSync(helper.registries, JSON.stringify({ registries: { [registry.host]: { caFile: registry.ca } } }))
    const { code, stderr } = await push()
    assert.equal(code, 1)
    assert.match(stderr, /answers 401.*\n {2}It may not exist, or need a login/)
  })

  it('takes the one of Docker’s configuration', async () => {
    const auth = Buffer.from('alice:secret:with:colons').toString('base64')
    writeFileSync(join(config(), 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }))
    const { code, stderr } = await push()
    assert.equal(code, 0, stderr)
    assert.doesNotMatch(helper.log, /secret/)
  })

  it('refuses a wrong one', async () => {
    const auth = Buffer.from('alice:wrong').toString('base64')
    writeFileSync(join(config(), 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }))
    const { code, stderr } = await push()
    assert.equal(code, 1)
    assert.match(stderr, /answers 401.*\n {2}The credentials of your Docker configuration are not enough/)
  })

  it('takes the one that a credential helper gives', async () => {
    const bin = join(helper.directory, 'bin')
    mkdirSync(bin)
    writeFileSync(
      join(bin, 'docker-credential-test'),
      `#!/bin/sh\nread -r key\n[ "$1 $key" = "get ${registry.host}" ] || exit 1\necho '{"Username":"alice","Secret":"secret:with:colons"}'\n`,
    )
    chmodSync(join(bin, 'docker-credential-test'), 0o755)
    writeFileSync(join(config(), 'config.json'), JSON.stringify({ credHelpers: { [registry.host]: 'test' } }))
    const { code, stderr } = await push(`${bin}:${process.env['PATH']}`)
    assert.equal(code, 0, stderr)
  })

  it('says so when the configuration is not valid', async () => {
    writeFileSync(join(config(), 'config.json'), '{"auths": ')
    const { code, stderr } = await push()
    assert.equal(code, 125)
    assert.match(stderr, /config\.json is not valid/)
    writeFileSync(join(config(), 'config.json'), JSON.stringify({ credsStore: '../../evil' }))
    assert.match((await push()).stderr, /no name of a credential helper/)
  })

  it('has a mirror that is asked first, and is asked itself when the mirror fails', async () => {
    const mirror = await FakeRegistry.start()
    writeFileSync(
      helper.registries,
      JSON.stringify({ registries: { [registry.host]: { caFile: registry.ca, mirrors: [`http://${mirror.host}`] } } }),
    )
    const auth = Buffer.from('alice:secret:with:colons').toString('base64')
    writeFileSync(join(config(), 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }))
    const pull = (name: string) =>
      helper.cliWith({ env: { DOCKER_CONFIG: config() } }, 'pull', `${registry.host}/${name}`)
    assert.equal((await pull('anything:1')).code, 0)
    assert.ok(
      mirror.requests.every(({ headers }) => headers.authorization === undefined),
      'a mirror got the password',
    )
    mirror.answers.set('*', (_request, response) => void response.writeHead(500).end())
    const { code, stderr } = await pull('private:1')
    assert.equal(code, 0, stderr)
    await mirror.stop()
    writeFileSync(helper.registries, '{"registries": {"x": {"plainHttp": "yes"}}}')
    assert.match((await pull('private:1')).stderr, /registries\.json is not valid/)
    rmSync(helper.registries)
  })
})
