/** VS Code's own server and web workbench, from the npm package `code-server`: a real VS Code without a download. */
import { dirname, join } from 'node:path'
import { cached, run } from './cache.ts'

export const vscodeServerVersion = '4.139.1'

/** Its folder; built on first use, which takes about two minutes and needs a compiler. */
export function vscodeServer(): string {
  const directory = cached(`vscode-server-${vscodeServerVersion}-node${process.versions.node.split('.')[0]}`, (partial) => {
    process.stdout.write(`Building the browser VS Code ${vscodeServerVersion} (once a machine, about two minutes)\n`)
    const bin = dirname(process.execPath)
    const env = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}`, npm_config_nodedir: dirname(bin) }
    const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
    run('npm', ['install', '--prefix', partial, '--ignore-scripts', ...quiet, `code-server@${vscodeServerVersion}`], { env })
    run('npm', ['install', '--omit=dev', ...quiet], { cwd: join(partial, 'node_modules/code-server/lib/vscode'), env })
  })
  return join(directory, 'node_modules/code-server/lib/vscode')
}

if (process.argv[1] === import.meta.filename) process.stdout.write(`${vscodeServer()}\n`)
