/** `npm run bench -- containers`: starts with a network, exec, TCP, logs, and many containers at once, beside Docker. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../../helper/client/client.ts'
import { busyboxRoot } from '../support/busybox.ts'
import { TestHelper } from '../support/helper.ts'
import { makeNetworkNamespace } from '../support/networkNamespace.ts'
import { Exits } from './exits.ts'
import { inTurns, median, report, timed, watcherMemory, type Line, type Measured } from './measure.ts'
import { docker, type DockerEngine } from '../support/docker.ts'
import { floor } from './peers.ts'

const blocks = { turns: 4, startsInBlock: 15, warmUp: 3, rest: 1000 }
const execs = 100
const burst = 6
const crowd = 500
const logLines = 700_000
const streamSeconds = 3

const directory = mkdtempSync('/tmp/bulkhead-bench-')
const helper = await TestHelper.start()
// Docker's own, so that neither's packets pass the other's rules.
const namespace = await makeNetworkNamespace()
let engine: DockerEngine | undefined

/** The busybox root with the program that streams. */
async function makeImage(): Promise<string> {
  const root = join(directory, 'root')
  cpSync(busyboxRoot(), root, { recursive: true, verbatimSymlinks: true })
  execFileSync('gcc', ['-O2', '-static', '-o', join(root, 'bin/stream'), join(import.meta.dirname, 'stream.c')])
  const archive = join(directory, 'root.tar')
  execFileSync('tar', ['-C', root, '-cf', archive, '.'])
  await helper.ok('import', archive, 'busybox')
  return archive
}

async function starts(client: Client, exits: Exits): Promise<void> {
  let port = 20_000
  const own = async (): Promise<void> => {
    const { id } = await client.call('containers/run', {
      ...{ image: 'busybox', command: ['/bin/true'], autoRemove: true },
      resources: { memory: 256 << 20, cpus: 1, pidsLimit: 100 },
      publish: [{ hostPort: port++, containerPort: 80 }],
    })
    await exits.of(id)
  }
  const kernel = floor(directory)
  const peers: Measured[] = [
    { name: 'the floor, with a network namespace', start: () => kernel.start() },
    { name: 'bulkhead', start: () => timed(own) },
  ]
  if (engine !== undefined) {
    const limits = ['-m', '256m', '--cpus', '1', '--pids-limit', '100']
    const { run } = engine
    peers.push({
      name: 'docker run',
      start: () => run('run', '--rm', '-p', `${port++}:80`, ...limits, 'busybox', '/bin/true'),
    })
  }
  const times = await inTurns(peers, blocks)
  const ours = median(times.get('bulkhead')!)
  const lines = [...times].map(([what, all]): Line => ({
    what,
    value: `${median(all).toFixed(2).padStart(7)} ms   ${(median(all) / ours).toFixed(2)} × bulkhead`,
  }))
  report('start of /bin/true on a bridge with a published port, request to exit: medians', lines)
  const ratioFloor = ours / median(times.get('the floor, with a network namespace')!)
  report('', [{ what: 'times the floor', value: ratioFloor.toFixed(2), target: 'at most 2.5', met: ratioFloor <= 2.5 }])
  const dockers = times.get('docker run')
  if (dockers === undefined) return
  const ratio = median(dockers) / ours
  report('', [{ what: 'faster than docker', value: `${ratio.toFixed(0)} ×`, target: 'at least 25', met: ratio >= 25 }])
}

async function execOnce(client: Client, container: string): Promise<void> {
  const end = Promise.withResolvers<void>()
  client.stream = { onBytes: () => undefined, onEnd: () => end.resolve() }
  await client.call('containers/exec', { container, command: ['/bin/true'] })
  await end.promise
}

async function exec(client: Client): Promise<void> {
  const { id } = await client.call('containers/run', { image: 'busybox', command: ['sleep', '1000'] })
  const stream = await helper.client()
  // A few one after another, as the eight watchers that wait can serve; then a rest, for new ones to be ready.
  const own: number[] = []
  for (let n = -burst; n < execs; n++) {
    const took = await timed(() => execOnce(stream, id))
    if (n >= 0) own.push(took)
    if (n % burst === 0) await sleep(400)
  }
  const unpaused =
    (await timed(async () => {
      for (let n = 0; n < execs; n++) await execOnce(stream, id)
    })) / execs
  const ours = median(own)
  const lines: Line[] = [
    { what: 'bulkhead', value: `${ours.toFixed(2)} ms`, target: 'under 3', met: ours < 3 },
    { what: 'bulkhead, a hundred without a rest', value: `${unpaused.toFixed(2)} ms` },
  ]
  if (engine !== undefined) {
    engine.run('run', '-d', '--name', 'execs', 'busybox', 'sleep', '1000')
    const dockers = Array.from({ length: 20 }, () => engine!.run('exec', 'execs', '/bin/true'))
    const ratio = median(dockers) / ours
    lines.push({
      what: 'docker exec',
      value: `${median(dockers).toFixed(1)} ms, ${ratio.toFixed(0)} × bulkhead`,
      target: 'at least 20',
      met: ratio >= 20,
    })
    engine.run('rm', '-f', 'execs')
  }
  report('exec of /bin/true on an open socket: medians', lines)
  await client.call('containers/remove', { container: id, force: true })
}

/** Bytes a second from one container to another. */
async function ownStream(client: Client): Promise<number> {
  const server = await client.call('containers/run', {
    image: 'busybox',
    command: ['/bin/stream', 'serve', '5000', String(streamSeconds)],
  })
  const sender = await client.call('containers/run', {
    image: 'busybox',
    command: ['/bin/stream', 'send', server.endpoints[0]!.address, '5000'],
  })
  await client.call('containers/wait', { container: server.id })
  const rate = Number(await helper.ok('logs', server.id))
  for (const { id } of [server, sender]) await client.call('containers/remove', { container: id, force: true })
  return rate
}

async function dockerStream({ host, run }: DockerEngine): Promise<number> {
  const ask = (...args: string[]): string => execFileSync('docker', [...host, ...args], { encoding: 'utf8' }).trim()
  run('run', '-d', '--name', 'server', 'busybox', '/bin/stream', 'serve', '5000', String(streamSeconds))
  const address = ask('inspect', '-f', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', 'server')
  run('run', '-d', '--name', 'sender', 'busybox', '/bin/stream', 'send', address, '5000')
  ask('wait', 'server')
  const rate = Number(ask('logs', 'server'))
  run('rm', '-f', 'server', 'sender')
  return rate
}

async function streams(client: Client): Promise<void> {
  const [own, others]: [number[], number[]] = [[], []]
  for (let turn = 0; turn < 7; turn++) {
    // What the other engine still cleans up must not slow this one down.
    await sleep(2000)
    own.push(await ownStream(client))
    await sleep(2000)
    if (engine !== undefined) others.push(await dockerStream(engine))
  }
  const gigabits = (rate: number): string => `${((rate * 8) / 1e9).toFixed(2)} Gbit/s`
  const ratio = others.length === 0 ? 1 : median(own) / median(others)
  report('TCP between two containers: medians of 7', [
    { what: 'bulkhead', value: gigabits(median(own)) },
    ...(others.length === 0
      ? []
      : [
          {
            what: 'docker',
            value: `${gigabits(median(others))}; bulkhead has ${(ratio * 100).toFixed(1)} % of that`,
            target: 'at least 95 %',
            met: ratio >= 0.95,
          },
        ]),
  ])
}

/** Seconds of a command that writes to nowhere. */
async function drained(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  const began = performance.now()
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } })
  let bytes = 0
  child.stdout.on('data', (chunk: Buffer) => (bytes += chunk.byteLength))
  await once(child, 'close')
  if (bytes < logLines * 60) throw new Error(`${command} ${args.join(' ')} printed ${bytes} bytes alone`)
  return (performance.now() - began) / 1000
}

async function logs(client: Client): Promise<void> {
  const line = 'x'.repeat(60)
  const script = ['sh', '-c', `yes ${line} | head -n ${logLines}`]
  const { id } = await client.call('containers/run', { image: 'busybox', command: script, network: 'none' })
  await client.call('containers/wait', { container: id })
  const bundle = join(import.meta.dirname, '../../dist/bulkhead.cjs')
  const bytes = logLines * (line.length + 1)
  const env = { BULKHEAD_HOST: `unix://${helper.socket}` }
  const kept = (await helper.ok('logs', '-n', '1', id)).length
  const [own, others]: [number[], number[]] = [[], []]
  engine?.run('run', '-d', '--name', 'logger', 'busybox', ...script)
  engine?.run('wait', 'logger')
  for (let turn = 0; turn < 3; turn++) {
    own.push(bytes / (await drained(process.execPath, [bundle, 'logs', '-f', id], env)))
    if (engine === undefined) continue
    others.push(bytes / (await drained('docker', [...engine.host, 'logs', '-f', 'logger'])))
  }
  const megabytes = (rate: number): string => `${(rate / 1e6).toFixed(0)} MB/s`
  const ratio = others.length === 0 ? 0 : median(own) / median(others)
  report(`logs -f of ${(bytes / 1e6).toFixed(0)} MB in lines of ${kept} bytes: medians of 3`, [
    { what: 'bulkhead', value: megabytes(median(own)) },
    ...(others.length === 0
      ? []
      : [
          {
            what: 'docker',
            value: `${megabytes(median(others))}, ${ratio.toFixed(1)} × less`,
            target: 'at least 2',
            met: ratio >= 2,
          },
        ]),
  ])
  engine?.run('rm', '-f', 'logger')
  await client.call('containers/remove', { container: id })
}

async function many(client: Client): Promise<void> {
  const times: number[] = []
  const pids: number[] = []
  for (let n = 0; n < crowd; n++) {
    const began = performance.now()
    const { pid } = await client.call('containers/run', { image: 'busybox', command: ['sleep', '10000'] })
    times.push(performance.now() - began)
    pids.push(pid)
    await sleep(10)
  }
  const first = median(times.slice(1, 21))
  const last = median(times.slice(-20))
  await sleep(1000)
  const lists: number[] = []
  for (let n = 0; n < 9; n++) lists.push(await timed(() => client.call('containers/list')))
  const listing = median(lists)
  const memory = median(pids.map(watcherMemory))
  report(`${crowd} containers with networks at once`, [
    {
      what: 'start of one',
      value: `${first.toFixed(2)} ms at first, ${last.toFixed(2)} ms at last: ${(last / first).toFixed(2)} ×`,
      target: 'at most 2',
      met: last / first <= 2,
    },
    { what: 'private memory of a watcher', value: `${memory.toFixed(2)} MB`, target: 'under 0.5', met: memory < 0.5 },
    { what: 'list of all', value: `${listing.toFixed(1)} ms`, target: 'under 20', met: listing < 20 },
  ])
  const began = performance.now()
  const all = await client.call('containers/list')
  await Promise.all(all.map(({ id }) => client.call('containers/remove', { container: id, force: true })))
  report('', [{ what: 'all of them removed', value: `${((performance.now() - began) / 1000).toFixed(1)} s` }])
}

try {
  const archive = await makeImage()
  const client = await helper.client()
  const exits = new Exits(client)
  engine = await docker(directory, namespace.enter)
  engine?.run('import', archive, 'busybox')
  await starts(client, exits)
  await exec(client)
  await streams(client)
  await logs(client)
  await many(client)
} finally {
  await engine?.close?.()
  namespace.close()
  await helper.stop()
  rmSync(directory, { recursive: true, force: true })
}
