/** `npm run bench -- images`: unpacking, pulling and comparing, beside other engines and tools on the same files. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { busyboxArchive } from '../support/busybox.ts'
import { TestHelper } from '../support/helper.ts'
import { RealRegistry } from '../support/registry.ts'
import { debianRoot, manyLayers, type Fixture } from './imageFixtures.ts'
import { median, report, timed, type Line } from './measure.ts'

const turns = 3
const directory = mkdtempSync('/tmp/bulkhead-bench-')

function run(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
}

/** Each measurement has a file system of its own, freshly made, in memory: files that one removes would slow down the next
 * (ext4 does not take inodes again that were freed a moment ago), and a disk's mood would be measured with the rest. */
class Disk {
  readonly path = join(directory, 'disk')
  readonly #image = `/dev/shm/bulkhead-bench-${process.pid}`

  mount(): void {
    mkdirSync(this.path, { recursive: true })
    run('truncate', ['-s', '8G', this.#image])
    run('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', '-i', '8192', this.#image])
    run('mount', ['-o', 'loop', this.#image, this.path])
  }

  unmount(): void {
    run('umount', [this.path])
    rmSync(this.#image)
  }
}

/** An engine of the bench's own, that touches no firewall and no bridge. */
class Docker {
  readonly #host = `unix://${directory}/docker.sock`
  readonly #before = new Set(parentCgroups())
  readonly #daemon: ChildProcess

  constructor(data: string) {
    this.#daemon = spawn(
      '/usr/sbin/dockerd',
      [
        ...['--data-root', data, '--exec-root', join(directory, 'docker-run'), '--host', this.#host],
        ...['--pidfile', join(directory, 'docker.pid'), '--iptables=false', '--ip6tables=false', '--bridge=none'],
      ],
      { stdio: 'ignore' },
    )
  }

  /** Undefined where none starts. */
  static async start(data: string): Promise<Docker | undefined> {
    const docker = new Docker(data)
    for (let tries = 0; tries < 150 && docker.#daemon.exitCode === null; tries++) {
      await sleep(200)
      if (spawnSync('docker', ['--host', docker.#host, 'version'], { stdio: 'ignore' }).status === 0) return docker
    }
    await docker.close()
    return undefined
  }

  run(...args: string[]): void {
    run('docker', ['--host', this.#host, ...args])
  }

  async close(): Promise<void> {
    if (this.#daemon.exitCode === null) {
      const exited = new Promise((resolve) => this.#daemon.once('exit', resolve))
      this.#daemon.kill('SIGTERM')
      await exited
    }
    for (const parent of parentCgroups()) if (!this.#before.has(parent)) rmdirSync(parent)
  }
}

function parentCgroups(): string[] {
  return readdirSync('/sys/fs/cgroup')
    .flatMap((name) => [`/sys/fs/cgroup/${name}`, `/sys/fs/cgroup/${name}/docker`])
    .filter((path) => path.endsWith('/docker') && existsSync(path))
}

interface Contender {
  readonly name: string
  /** Makes ready what is not measured, on an empty file system; answers what is, and what follows. */
  readonly prepare: (disk: string) => Promise<{ work: () => Promise<void> | void; after?: () => Promise<void> | void }>
}

const disk = new Disk()

/** Each in turn, since the machine's own speed changes with time. */
async function race(contenders: readonly Contender[]): Promise<Map<string, number>> {
  const times = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (let turn = 0; turn < turns; turn++)
    for (const { name, prepare } of contenders) {
      disk.mount()
      try {
        const { work, after } = await prepare(disk.path)
        execFileSync('sync')
        await sleep(500)
        times.get(name)!.push(await timed(work))
        await after?.()
      } finally {
        disk.unmount()
      }
    }
  return new Map([...times].map(([name, all]) => [name, median(all)]))
}

function lines(times: ReadonlyMap<string, number>): Line[] {
  const ours = times.get('bulkhead')!
  return [...times].map(([what, value]) => ({
    what,
    value: `${(value / 1000).toFixed(2).padStart(7)} s   ${(value / ours).toFixed(2)} × bulkhead`,
  }))
}

const goals: Line[] = []
const goal = (what: string, value: number, least: number): void => {
  goals.push({ what, value: `${value.toFixed(2)} × faster`, target: `at least ${least}`, met: value >= least })
}

async function cli(helper: TestHelper, ...args: string[]): Promise<void> {
  const { code, stderr } = await helper.cli(...args)
  if (code !== 0) throw new Error(stderr)
}

/** With a helper of its own, whose state is on the disk. */
function ours(
  work: (helper: TestHelper) => Promise<void>,
  end: (helper: TestHelper) => void = () => undefined,
): Contender {
  return {
    name: 'bulkhead',
    prepare: async (path) => {
      const helper = await TestHelper.start({ state: join(path, 'state'), network: 'host' })
      return {
        work: () => work(helper),
        after: async () => {
          end(helper)
          await helper.stop()
        },
      }
    },
  }
}

/** Nothing where no Docker engine starts. */
function dockers(name: string, work: (docker: Docker) => void): Contender[] {
  if (!hasDocker) return []
  return [
    {
      name,
      prepare: async (path) => {
        const docker = (await Docker.start(join(path, 'docker')))!
        return { work: () => work(docker), after: () => docker.close() }
      },
    },
  ]
}

const plain = (name: string, work: (path: string) => void): Contender => ({
  name,
  prepare: (path) => Promise.resolve({ work: () => work(path) }),
})

async function unpack(fixture: Fixture): Promise<void> {
  const times = await race([
    ours((helper) => cli(helper, 'load', '-q', '-i', fixture.archive)),
    plain('tar -xzf', (path) => {
      mkdirSync(join(path, 'target'))
      for (const layer of fixture.layers) run('tar', ['-C', join(path, 'target'), '-xzf', layer])
    }),
    plain('umoci unpack', (path) =>
      run('umoci', ['unpack', '--image', `${fixture.layout}:bench`, join(path, 'target')]),
    ),
    ...dockers('docker load', (docker) => docker.run('load', '-i', fixture.archive)),
  ])
  report(`unpack from a local archive: ${fixture.name}, medians of ${turns}`, lines(times))
  const own = times.get('bulkhead')!
  if (hasDocker) goal(`${fixture.name}: than docker load`, times.get('docker load')! / own, 2)
  goal(`${fixture.name}: than umoci unpack`, times.get('umoci unpack')! / own, 2)
  const ratio = own / times.get('tar -xzf')!
  goals.push({
    what: `${fixture.name}: of tar -xzf`,
    value: `${ratio.toFixed(2)} ×`,
    target: 'at most 1.3',
    met: ratio <= 1.3,
  })
}

function peakMemory(helper: TestHelper): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${helper.pid}/status`, 'utf8'))![1]) / 1024
}

async function pull(fixture: Fixture): Promise<void> {
  const registry = await RealRegistry.start()
  const name = `${registry.host}/bench:1`
  run('skopeo', ['copy', '-q', '--dest-tls-verify=false', `oci:${fixture.layout}:bench`, `docker://${name}`])
  const peaks: number[] = []
  try {
    const times = await race([
      ours(
        (helper) => cli(helper, 'pull', '-q', name),
        (helper) => void peaks.push(peakMemory(helper)),
      ),
      plain('skopeo copy + umoci unpack', (path) => {
        run('skopeo', ['copy', '-q', '--src-tls-verify=false', `docker://${name}`, `oci:${path}/fetched:bench`])
        run('umoci', ['unpack', '--image', `${path}/fetched:bench`, join(path, 'target')])
      }),
      ...dockers('docker pull', (docker) => docker.run('pull', '-q', name)),
    ])
    report(`pull from a registry on loopback: ${fixture.name}, medians of ${turns}`, lines(times))
    const own = times.get('bulkhead')!
    if (hasDocker) goal(`${fixture.name}: than docker pull`, times.get('docker pull')! / own, 1.5)
    goal(`${fixture.name}: than skopeo copy + umoci unpack`, times.get('skopeo copy + umoci unpack')! / own, 1.5)
    const peak = median(peaks)
    goals.push({
      what: `${fixture.name}: most memory of the helper`,
      value: `${peak.toFixed(0)} MB`,
      target: 'at most 150',
      met: peak <= 150,
    })
  } finally {
    await registry.stop()
  }
}

async function diff(): Promise<void> {
  const script = 'mkdir -p /many; cd /many; n=0; while [ $n -lt 10000 ]; do : > f$n; n=$((n+1)); done'
  const byCommand = { ...ours((helper) => cli(helper, 'diff', 'many')), name: 'bulkhead diff, with its command line' }
  const changed = (contender: Contender): Contender => ({
    ...contender,
    prepare: async (path) => {
      const helper = await TestHelper.start({ state: join(path, 'state'), network: 'host' })
      await helper.importBusybox()
      await cli(helper, 'run', '--name', 'many', 'busybox', 'sh', '-c', script)
      const client = await helper.client()
      const work = async (): Promise<void> => {
        if (contender === byCommand) await cli(helper, 'diff', 'many')
        else await client.call('containers/diff', { container: 'many' })
      }
      return { work, after: () => helper.stop() }
    },
  })
  const times = await race([
    changed(ours(() => Promise.resolve())),
    changed(byCommand),
    ...dockers('docker diff', (docker) => docker.run('diff', 'many')).map((contender) => ({
      ...contender,
      prepare: async (path: string) => {
        const docker = (await Docker.start(join(path, 'docker')))!
        docker.run('import', busyboxArchive(), 'busybox')
        docker.run('run', '--name', 'many', '--network', 'none', 'busybox', 'sh', '-c', script)
        return { work: () => docker.run('diff', 'many'), after: () => docker.close() }
      },
    })),
  ])
  report(`diff of a container with 10,000 changed files, medians of ${turns}`, lines(times))
  if (hasDocker) goal('diff: than docker diff', times.get('docker diff')! / times.get('bulkhead')!, 5)
}

async function secondContainer(): Promise<void> {
  const helper = await TestHelper.start({ network: 'host' })
  await helper.importBusybox()
  await cli(helper, 'run', '-d', '--name', 'first', 'busybox', 'sleep', '100')
  const used = (): string =>
    execFileSync('du', ['-s', join(helper.state, 'layers'), join(helper.state, 'images')], { encoding: 'utf8' })
  const before = used()
  await cli(helper, 'run', '-d', '--name', 'second', 'busybox', 'sleep', '100')
  const met = used() === before
  goals.push({ what: 'bytes of layers that a second container takes', value: met ? '0' : 'some', target: '0', met })
  await helper.stop()
}

const probe = await Docker.start(join(directory, 'probe'))
const hasDocker = probe !== undefined
await probe?.close()
try {
  const fixtures = [debianRoot(), manyLayers()]
  for (const fixture of fixtures) await unpack(fixture)
  for (const fixture of fixtures) await pull(fixture)
  await diff()
  await secondContainer()
  report('against the goals', goals)
} finally {
  run('rm', ['-rf', directory])
}
