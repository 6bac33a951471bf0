/** Registries on loopback: Debian's real one, and one that does wrong in any way a test likes. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { tarEnd, tarEntry } from './tar.ts'

async function freePort(): Promise<number> {
  const server = createTcpServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Debian's docker-registry (distribution 2.8), with TLS and basic authentication where wanted. */
export class RealRegistry {
  readonly directory: string
  readonly host: string
  readonly #process: ChildProcess

  private constructor(directory: string, host: string, process: ChildProcess) {
    this.directory = directory
    this.host = host
    this.#process = process
  }

  static async start(options: { tls?: boolean; user?: string; password?: string } = {}): Promise<RealRegistry> {
    const directory = mkdtempSync('/tmp/bulkhead-registry-')
    const port = await freePort()
    const lines = [
      'version: 0.1',
      'log: {level: error}',
      `storage: {filesystem: {rootdirectory: ${directory}/data}, delete: {enabled: true}}`,
      'http:',
      `  addr: 127.0.0.1:${port}`,
    ]
    if (options.tls === true) {
      makeCertificate(directory)
      lines.push(`  tls: {certificate: ${directory}/server.crt, key: ${directory}/server.key}`)
    }
    if (options.user !== undefined) {
      const entry = execFileSync('htpasswd', ['-Bbn', options.user, options.password!], { encoding: 'utf8' })
      writeFileSync(join(directory, 'htpasswd'), entry)
      lines.push(`auth: {htpasswd: {realm: test, path: ${directory}/htpasswd}}`)
    }
    writeFileSync(join(directory, 'config.yml'), `${lines.join('\n')}\n`)
    const child = spawn('docker-registry', ['serve', join(directory, 'config.yml')], { stdio: 'ignore' })
    await listening(port)
    return new RealRegistry(directory, `localhost:${port}`, child)
  }

  /** The authority that signed its certificate. */
  get ca(): string {
    return join(this.directory, 'ca.crt')
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.kill('SIGKILL')
    await exited
    rmSync(this.directory, { recursive: true, force: true })
  }
}

function makeCertificate(directory: string): void {
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' })
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
  )
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    '/CN=localhost',
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
  )
  writeFileSync(join(directory, 'ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'ext',
    '-out',
    'server.crt',
  )
}

async function listening(port: number): Promise<void> {
  const { createConnection } = await import('node:net')
  for (let tries = 0; tries < 200; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = createConnection(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`nothing listens on port ${port}`)
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** Serves one image of one layer from memory; `answers` take the place of what it would say. */
export class FakeRegistry {
  readonly #server: Server
  readonly answers = new Map<string, Answer>()
  readonly requests: { method: string; url: string; headers: IncomingMessage['headers'] }[] = []
  readonly layer: Buffer
  readonly layerDigest: string
  readonly config: Buffer
  readonly configDigest: string
  manifest: Buffer
  manifestType = 'application/vnd.oci.image.manifest.v1+json'

  private constructor(server: Server, layer: Buffer) {
    this.#server = server
    const tar = layer
    this.layer = gzipSync(tar)
    this.layerDigest = digestOf(this.layer)
    this.config = Buffer.from(
      JSON.stringify({
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: { Cmd: ['/x'] },
        rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
      }),
    )
    this.configDigest = digestOf(this.config)
    this.manifest = Buffer.from(JSON.stringify(this.manifestOf()))
  }

  static async start(
    layer: Buffer = Buffer.concat([tarEntry({ name: 'x', content: 'x'.repeat(300_000) }), tarEnd]),
  ): Promise<FakeRegistry> {
    const server = createServer()
    const registry = new FakeRegistry(server, layer)
    server.on('request', (request, response) => registry.#answer(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return registry
  }

  manifestOf(more: { layer?: object; config?: object; top?: object } = {}): object {
    return {
      schemaVersion: 2,
      mediaType: this.manifestType,
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: this.configDigest,
        size: this.config.byteLength,
        ...more.config,
      },
      layers: [
        {
          mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
          digest: this.layerDigest,
          size: this.layer.byteLength,
          ...more.layer,
        },
      ],
      ...more.top,
    }
  }

  get host(): string {
    return `localhost:${(this.#server.address() as AddressInfo).port}`
  }

  connections(answer: (open: number) => void): void {
    this.#server.getConnections((_error, open) => answer(open))
  }

  get layerPath(): string {
    return `/v2/bad/blobs/${this.layerDigest}`
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? ''
    this.requests.push({ method: request.method ?? '', url, headers: request.headers })
    const special = this.answers.get(url) ?? this.answers.get('*')
    if (special !== undefined) return special(request, response)
    if (/\/manifests\//.test(url)) return send(response, this.manifest, this.manifestType)
    if (url.endsWith(this.configDigest)) return send(response, this.config)
    if (url.endsWith(this.layerDigest)) return sendRange(request, response, this.layer)
    response.writeHead(404).end()
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

export function send(response: ServerResponse, body: Buffer, type = 'application/octet-stream'): void {
  response.writeHead(200, { 'content-type': type, 'content-length': body.byteLength }).end(body)
}

export function sendRange(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
  if (from === 0) return send(response, body)
  response
    .writeHead(206, {
      'content-length': body.byteLength - from,
      'content-range': `bytes ${from}-${body.byteLength - 1}/${body.byteLength}`,
    })
    .end(body.subarray(from))
}
