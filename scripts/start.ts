/** `npm start`: builds, starts the helper, runs a container, and opens VS Code with Bulkhead. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '../helper/client/connect.ts'
import { defaultSocket } from '../helper/protocol/address.ts'

const root = join(import.meta.dirname, '..')
const bulkhead = join(root, 'scripts/bulkhead')
const isRoot = process.getuid?.() === 0

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** With sudo where this is not root already. */
function asRoot(command: string, args: readonly string[]): void {
  const [program, all] = isRoot ? [command, args] : ['sudo', [command, ...args]]
  const { status } = spawnSync(program, all, { stdio: 'inherit' })
  if (status !== 0) throw new Error(`${[program, ...all].join(' ')} failed`)
}

async function answers(): Promise<boolean> {
  try {
    const client = await connect(defaultSocket)
    client.close()
    return true
  } catch (error) {
    // Somebody is there, who does not know us: it runs.
    return (error as { failure?: string }).failure === 'notPermitted'
  }
}

async function startHelper(): Promise<void> {
  if (await answers()) return say('The helper runs already.')
  // Whose members may ask the helper; the user of this shell becomes one.
  asRoot('groupadd', ['--force', '--system', 'bulkhead'])
  const user = process.env['SUDO_USER'] ?? process.env['USER']
  if (!isRoot && user !== undefined) asRoot('usermod', ['--append', '--groups', 'bulkhead', user])
  const logPath = join(root, 'dist/helper.log')
  const log = openSync(logPath, 'w')
  const [program, args] = isRoot ? [bulkhead, ['helper']] : ['sudo', ['--background', bulkhead, 'helper']]
  spawn(program, args, { stdio: ['inherit', log, log], detached: isRoot }).unref()
  for (let tries = 0; tries < 100; tries++) {
    if (await answers()) return say(`The helper is ready; its log is ${logPath}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`the helper did not start within ten seconds: see ${logPath}`)
}

function capture(...args: string[]): string {
  const [program, all] = isRoot ? [bulkhead, args] : ['sudo', [bulkhead, ...args]]
  return spawnSync(program, all, {
    encoding: 'utf8',
    stdio: ['inherit', 'pipe', args[0] === 'rm' ? 'ignore' : 'inherit'],
  }).stdout
}

function runContainer(): void {
  if (capture('ps', '-q') !== '') return
  capture('rm', 'hello')
  const run = ['run', '-d', '--name', 'hello']
  const command = ['host', 'sleep', 'infinity']
  // Before Linux 6.3 image host has no user namespace of its own.
  if (capture(...run, ...command) === '' && capture(...run, '--userns', 'host', ...command) === '')
    throw new Error('the first container could not be started: what bulkhead said is above')
  say('A container runs from this machine’s own files: hello')
}

/** A shell that was there before its user joined the group does not have it: sudo gives it to what opens VS Code. */
function openInGroup(): boolean {
  const group = spawnSync('getent', ['group', 'bulkhead'], { encoding: 'utf8' }).stdout.split(':')[2]
  if (isRoot || process.getgroups?.().includes(Number(group))) return false
  const again = [process.execPath, join(root, 'scripts/start.ts'), '--open']
  const user = process.env['USER'] ?? String(process.getuid?.())
  spawnSync('sudo', ['--preserve-env', '--user', user, '--group', 'bulkhead', ...again], { stdio: 'inherit' })
  return true
}

function openDesktop(): void {
  const own = isRoot ? ['--no-sandbox', '--user-data-dir', join(root, '.cache/code')] : []
  const args = ['--new-window', `--extensionDevelopmentPath=${root}`, ...own, root]
  spawn('code', args, { stdio: 'ignore', detached: true }).unref()
  say('VS Code opens. Bulkhead is the ship in its activity bar.')
}

async function openBrowser(): Promise<void> {
  const { serveVsCode } = await import('./vscode-server.ts')
  const data = mkdtempSync('/tmp/bulkhead-vscode-')
  const settings = {
    'workbench.startupEditor': 'none',
    'chat.disableAIFeatures': true,
    'workbench.secondarySideBar.defaultVisibility': 'hidden',
  }
  const server = await serveVsCode({ data, settings, port: Number(process.env['BULKHEAD_PORT'] ?? 0) })
  say(`\nOpen VS Code with Bulkhead at\n\n  ${server.url({ folder: root, extension: root })}\n`)
  say('Bulkhead is the ship in its activity bar. Ctrl-C here closes VS Code; containers and the helper go on.')
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.process.kill('SIGTERM'))
  await new Promise((resolve) => server.process.once('exit', resolve))
  rmSync(data, { recursive: true, force: true })
}

async function open(): Promise<void> {
  const { DISPLAY, WAYLAND_DISPLAY, WSL_DISTRO_NAME } = process.env
  const hasDesktop = (DISPLAY ?? WAYLAND_DISPLAY ?? WSL_DISTRO_NAME) !== undefined
  const hasCode = spawnSync('sh', ['-c', 'command -v code'], { encoding: 'utf8' }).stdout.trim() !== ''
  if (hasDesktop && hasCode) openDesktop()
  else await openBrowser()
}

async function main(): Promise<void> {
  if (process.argv.includes('--open')) return await open()
  const build = spawnSync(process.execPath, [join(root, 'scripts/build.ts')], { stdio: 'inherit' })
  if (build.status !== 0) throw new Error('the build failed')
  say('Built.')
  await startHelper()
  runContainer()
  if (!openInGroup()) await open()
}

try {
  await main()
} catch (error) {
  process.stderr.write(`npm start: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
