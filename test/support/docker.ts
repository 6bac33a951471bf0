/** A Docker engine of a test's or a benchmark's own. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, globSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { busyboxArchive } from './busybox.ts'

/** What is measured beside others: milliseconds of one start. */
export interface Peer {
  readonly name: string
  start(): Promise<number> | number
  close?(): Promise<void>
}

/** Milliseconds. @throws Error with what it said when it fails */
export function timedCommand(command: string, args: readonly string[], options: { cwd?: string } = {}): number {
  const began = performance.now()
  const { status, stderr } = spawnSync(command, args, { ...options, encoding: 'utf8' })
  const took = performance.now() - began
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
  return took
}

function parentCgroups(): string[] {
  return globSync(['/sys/fs/cgroup/docker', '/sys/fs/cgroup/*/docker'])
}

export interface DockerEngine extends Peer {
  /** Runs `docker`; milliseconds. */
  run(...args: string[]): number
  /** Arguments that lead the command line to it. */
  readonly host: readonly string[]
}

/** A Docker engine of the bench's own. Without a network it touches no firewall and no bridge; with one, those of a network
 * namespace of its own: `enter` are the words that lead there. Undefined where none starts. */
export async function docker(directory: string, enter: readonly string[] = []): Promise<DockerEngine | undefined> {
  const host = `unix://${directory}/docker.sock`
  const network = enter.length > 0 ? [] : ['--iptables=false', '--ip6tables=false', '--bridge=none']
  const [command, ...words] = [
    ...enter,
    '/usr/sbin/dockerd',
    ...['--data-root', join(directory, 'docker'), '--exec-root', join(directory, 'docker-run'), '--host', host],
    ...['--pidfile', join(directory, 'docker.pid'), ...network],
  ]
  const daemon: ChildProcess = spawn(command!, words, { stdio: 'ignore' })
  // The engine leaves its parent cgroup behind: those that were not there before it are removed with it.
  const present = new Set(parentCgroups())
  const run = (...args: string[]): number => timedCommand('/usr/bin/docker', ['--host', host, ...args])
  const close = async (): Promise<void> => {
    if (daemon.exitCode !== null) return
    const exited = new Promise((resolve) => daemon.once('exit', resolve))
    daemon.kill('SIGTERM')
    await exited
    for (const parent of parentCgroups()) if (!present.has(parent)) rmdirSync(parent)
  }
  for (let tries = 0; tries < 150 && daemon.exitCode === null; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 200))
    if (!existsSync(`${directory}/docker.sock`)) continue
    try {
      run('import', busyboxArchive(), 'busybox')
      const args = [
        'run',
        '--rm',
        '--network',
        'none',
        '-m',
        '256m',
        '--cpus',
        '1',
        '--pids-limit',
        '100',
        'busybox',
        '/bin/true',
      ]
      run(...args)
      const name = 'docker run --rm --network none'
      return { name, start: () => run(...args), close, run, host: ['--host', host] }
    } catch (error) {
      if (tries > 100) process.stderr.write(`${String(error)}\n`)
    }
  }
  await close()
  return undefined
}
