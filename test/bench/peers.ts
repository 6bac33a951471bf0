/** The peers, each starting /bin/true in the same busybox root: milliseconds of one start. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { busyboxRoot } from '../support/busybox.ts'
import { timedCommand, type Peer } from '../support/docker.ts'

/** What the kernel itself needs: a static C program, timed inside. */
export function floor(directory: string): Peer {
  const program = join(directory, 'floor')
  execFileSync('gcc', ['-O2', '-static', '-o', program, join(import.meta.dirname, 'floor.c')])
  const scratch = join(directory, 'floor-scratch')
  mkdirSync(scratch)
  return {
    name: 'the floor',
    start: () =>
      Number(execFileSync(program, [busyboxRoot(), scratch, `floor-${process.pid}`, '1'], { encoding: 'utf8' })) / 1000,
  }
}

export function bubblewrap(): Peer {
  const args = ['--unshare-all', '--bind', busyboxRoot(), '/', '--proc', '/proc', '--dev', '/dev', '/bin/true']
  return { name: 'bwrap --unshare-all', start: () => timedCommand('bwrap', args) }
}

export function runc(directory: string): Peer {
  const bundle = join(directory, 'runc')
  mkdirSync(bundle)
  cpSync(busyboxRoot(), join(bundle, 'rootfs'), { recursive: true, verbatimSymlinks: true })
  execFileSync('runc', ['spec'], { cwd: bundle })
  const path = join(bundle, 'config.json')
  const config = JSON.parse(readFileSync(path, 'utf8'))
  config.process.terminal = false
  config.process.args = ['/bin/true']
  config.linux.resources = {
    memory: { limit: 256 << 20 },
    cpu: { quota: 100_000, period: 100_000 },
    pids: { limit: 100 },
  }
  writeFileSync(path, JSON.stringify(config))
  let n = 0
  return {
    name: 'runc run',
    start: () =>
      timedCommand('runc', ['--root', join(directory, 'runc-state'), 'run', `bench-${process.pid}-${n++}`], {
        cwd: bundle,
      }),
  }
}
