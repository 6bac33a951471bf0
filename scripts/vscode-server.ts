/** VS Code's own server and web workbench, from the npm package `code-server`: a real VS Code without a download. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { cached, run } from './cache.ts'

const version = '4.139.1'

/** Its folder; built on first use, which takes about two minutes and needs a compiler. */
export function vscodeServer(): string {
  const directory = cached(`vscode-server-${version}-node${process.versions.node.split('.')[0]}`, (partial) => {
    process.stdout.write(`Building the browser VS Code ${version} (once a machine, about two minutes)\n`)
    const bin = dirname(process.execPath)
    const env = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}`, npm_config_nodedir: dirname(bin) }
    const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
    run('npm', ['install', '--prefix', partial, '--ignore-scripts', ...quiet, `code-server@${version}`], { env })
    run('npm', ['install', '--omit=dev', ...quiet], { cwd: join(partial, 'node_modules/code-server/lib/vscode'), env })
  })
  return join(directory, 'node_modules/code-server/lib/vscode')
}

export interface RunningServer {
  readonly process: ChildProcess
  readonly port: number
  /** Address of a window on `folder` with the extension of `extension`; `tests`: a suite to run in it. */
  url(options: { folder: string; extension: string; tests?: string }): string
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

/** Starts it on a loopback address. `data`: a folder for its settings and state, the caller's to remove. */
export async function serveVsCode(options: {
  data: string
  env?: NodeJS.ProcessEnv
  settings?: Record<string, unknown>
  port?: number
}): Promise<RunningServer> {
  const server = join(vscodeServer(), 'out/server-main.js')
  const port = options.port || (await freePort())
  // Machine: where settings of scope `machine` are read.
  for (const place of ['Machine', 'User']) {
    mkdirSync(join(options.data, 'data', place), { recursive: true })
    writeFileSync(join(options.data, 'data', place, 'settings.json'), JSON.stringify(options.settings ?? {}))
  }
  const child = spawn(
    process.execPath,
    [
      server,
      ...['--host', '127.0.0.1', '--port', String(port), '--without-connection-token', '--accept-server-license-terms'],
      ...[
        '--server-data-dir',
        options.data,
        '--telemetry-level',
        'off',
        '--disable-workspace-trust',
        '--enable-smoke-test-driver',
      ],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } },
  )
  await new Promise<void>((resolve, reject) => {
    let output = ''
    const read = (text: Buffer): void => {
      output += text.toString()
      if (output.includes('Extension host agent listening')) resolve()
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('exit', (code) => reject(new Error(`VS Code's server ended with ${code}:\n${output}`)))
  })
  const remote = (path: string): string => `vscode-remote://localhost:${port}${path}`
  return {
    process: child,
    port,
    url: ({ folder, extension, tests }) => {
      const payload = [
        ['extensionDevelopmentPath', remote(extension)],
        ...(tests === undefined ? [] : [['extensionTestsPath', remote(tests)]]),
        ['skipWelcome', 'true'],
      ]
      return `http://localhost:${port}/?folder=${encodeURI(folder)}&payload=${encodeURIComponent(JSON.stringify(payload))}`
    },
  }
}
