/** `npm run bench -- start`: what a start costs, beside the kernel's own cost and beside other engines. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../../helper/client/client.ts'
import { TestHelper } from '../support/helper.ts'
import { processorTime } from '../support/processorTime.ts'
import { Exits } from './exits.ts'
import { inTurns, median, memoryOf, report, timed, watcherMemory, type Line } from './measure.ts'
import { docker, type Peer } from '../support/docker.ts'
import { bubblewrap, floor, runc } from './peers.ts'

const blocks = { turns: 4, startsInBlock: 20, warmUp: 4, rest: 1500 }
const crowd = 100
const cores = 2

async function startOnce(client: Client, exits: Exits): Promise<void> {
  const resources = { memory: 256 << 20, cpus: 1, pidsLimit: 100 }
  const { id } = await client.call('containers/run', {
    image: 'busybox',
    command: ['/bin/true'],
    autoRemove: true,
    network: 'none',
    resources,
  })
  await exits.of(id)
}

const directory = mkdtempSync('/tmp/bulkhead-bench-')
const helper = await TestHelper.start()
let engine: Peer | undefined
try {
  await helper.importBusybox()
  const client = await helper.client()
  const exits = new Exits(client)
  await sleep(25_000) // until the garbage of its own start is collected
  const idleMemory = memoryOf(helper.pid, 'status', /VmRSS:\s+(\d+)/g)
  const before = processorTime(helper.pid)
  await sleep(10_000)
  const idleTime = processorTime(helper.pid) - before

  const sequential =
    (await timed(async () => {
      for (let n = 0; n < crowd; n++) await startOnce(client, exits)
    })) / crowd
  const together: number[] = []
  for (let n = 0; n < 5; n++)
    together.push(
      (await timed(() => Promise.all(Array.from({ length: crowd }, () => startOnce(client, exits))))) / crowd,
    )
  await sleep(500)

  engine = await docker(directory)
  const own: Peer = { name: 'bulkhead', start: () => timed(() => startOnce(client, exits)) }
  const peers = [floor(directory), own, bubblewrap(), runc(directory), ...(engine === undefined ? [] : [engine])]
  const times = await inTurns(peers, blocks)
  const of = (name: string): number => median(times.get(name)!)
  const ours = of('bulkhead')
  const lines: Line[] = peers.map(({ name }) => ({
    what: name,
    value: `${of(name).toFixed(2).padStart(7)} ms   ${(of(name) / ours).toFixed(2)} × bulkhead`,
  }))
  const { turns, startsInBlock } = blocks
  report(`start of /bin/true, request to exit: medians of ${turns * startsInBlock} in ${turns} turns`, lines)

  const sleepers = await Promise.all(
    Array.from({ length: 20 }, () =>
      client.call('containers/run', { image: 'busybox', command: ['sleep', '1000'], network: 'none' }),
    ),
  )
  await sleep(500)
  const ofWatcher = median(sleepers.map(({ pid }) => watcherMemory(pid)))

  const ratioFloor = ours / of('the floor')
  const ratioRunc = of('runc run') / ours
  const perCore = median(together) / (sequential / cores)
  report('against the goals', [
    { what: 'times the floor', value: ratioFloor.toFixed(2), target: 'at most 2', met: ratioFloor <= 2 },
    { what: 'faster than runc', value: `${ratioRunc.toFixed(1)} ×`, target: 'at least 5', met: ratioRunc >= 5 },
    ...(engine === undefined
      ? [{ what: 'faster than docker', value: 'no Docker engine starts on this machine' }]
      : [
          {
            what: 'faster than docker',
            value: `${(of(engine.name) / ours).toFixed(0)} ×`,
            target: 'at least 40',
            met: of(engine.name) / ours >= 40,
          },
        ]),
    {
      what: `${crowd} at once, a container`,
      value: `${median(together).toFixed(2)} ms; one after another ${sequential.toFixed(2)} ms; ${perCore.toFixed(2)} × that by ${cores} cores`,
      target: 'at most 1.5',
      met: perCore <= 1.5,
    },
    {
      what: 'private memory of a watcher',
      value: `${ofWatcher.toFixed(2)} MB`,
      target: 'at most 0.5',
      met: ofWatcher <= 0.5,
    },
    { what: 'idle helper', value: `${idleMemory.toFixed(0)} MB resident`, target: 'at most 60', met: idleMemory <= 60 },
    {
      what: 'idle helper',
      value: `${idleTime} ms of processor in 10 s`,
      target: 'not measurable',
      met: idleTime <= 10,
    },
  ])
} finally {
  await engine?.close?.()
  await helper.stop()
  execFileSync('rm', ['-rf', directory])
  rmSync(directory, { recursive: true, force: true })
}
