/** `npm run bench -- observe`: what looking at the whole machine costs, side by side with what others need for it. */
import { spawn, spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Hierarchies } from '../../helper/cgroups/hierarchies.ts'
import { UsageSampler } from '../../helper/cgroups/sampler.ts'
import type { Client } from '../../helper/client/client.ts'
import { Native } from '../../helper/host/native.ts'
import { TestHelper } from '../support/helper.ts'
import { processorTime } from '../support/processorTime.ts'
import { CgroupCrowd, sleepers } from './crowd.ts'
import { median, report, timed, type Line } from './measure.ts'
import { openViews } from './views.ts'

const cgroups = 1000
const processes = 2000
/** Of a measurement of processor time. */
const seconds = 20

const helper = new TestHelper({ network: 'host' })

/** Percent of a processor that a process needs. */
async function share(pid: number): Promise<number> {
  const [began, before] = [performance.now(), processorTime(pid)]
  await sleep(seconds * 1000)
  return ((processorTime(pid) - before) / (performance.now() - began)) * 100
}

async function cgtop(): Promise<number | undefined> {
  const child = spawn('systemd-cgtop', ['-b', '-d', '1', '-n', String(seconds + 10)], { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve))
  await sleep(2000)
  if (child.pid === undefined || child.exitCode !== null) return undefined
  const used = await share(child.pid)
  child.kill('SIGKILL')
  await ended
  return used
}

/** Milliseconds of one sample, in this process: the same code, the same files. */
async function sampleCosts(paths: readonly string[], metric: 'cpu' | 'memory'): Promise<number[]> {
  const native = new Native()
  const sampler = new UsageSampler(native, new Hierarchies(native))
  const looks = paths.map((path) => sampler.look(path, [metric]))
  const costs: number[] = []
  const end = sampler.onSample(() => costs.push(sampler.lastCost))
  while (costs.length < 8) await sleep(200)
  end()
  for (const look of looks) look.close()
  sampler.close()
  return costs.slice(1)
}

async function sampling(client: Client): Promise<void> {
  const crowd = new CgroupCrowd('sampled', cgroups)
  try {
    for (let n = 0; n < 10; n++)
      await client.call('containers/run', { image: 'busybox', network: 'none', command: ['sleep', '10000'] })
    await openViews(client, crowd.paths)
    await sleep(3000)
    const used = await share(helper.pid)
    await client.call('usage/watch', { key: 'cgroups', cgroups: [], metrics: ['cpu'] })
    const peer = await cgtop()
    const costs = {
      cpu: median(await sampleCosts(crowd.paths, 'cpu')),
      memory: median(await sampleCosts(crowd.paths, 'memory')),
    }
    const lines: Line[] = [
      {
        what: 'the helper, all views open',
        value: `${used.toFixed(2)} % of a processor`,
        target: 'under 2 %',
        met: used < 2,
      },
      ...Object.entries(costs).map(([metric, cost]): Line => ({
        ...{ what: `a sample of ${metric}`, value: `${cost.toFixed(2)} ms` },
        ...{ target: 'under 5 ms', met: cost < 5 },
      })),
      ...(peer === undefined
        ? []
        : [
            {
              what: 'systemd-cgtop -b -d 1',
              value: `${peer.toFixed(2)} % of a processor, ${(peer / used).toFixed(1)} × the helper`,
            },
          ]),
    ]
    report(`${cgroups} cgroups sampled each second, ten containers, two in a panel`, lines)
    for (const { id } of await client.call('containers/list'))
      await client.call('containers/remove', { container: id, force: true })
    await client.call('namespaces/follow', { follow: false })
    await client.call('cgroups/follow', { paths: [] })
  } finally {
    crowd.close()
  }
}

async function scanning(client: Client): Promise<void> {
  const crowd = await sleepers(processes)
  try {
    const first = await timed(() => client.call('namespaces/list', {}))
    const own: number[] = []
    const others: number[] = []
    for (let turn = 0; turn < 15; turn++) {
      own.push(await timed(() => client.call('namespaces/list', {})))
      others.push(await timed(() => spawnSync('lsns', ['-J', '-o', 'NS,TYPE,NPROCS,PID,PPID,COMMAND'])))
    }
    const [ours, theirs] = [median(own), median(others)]
    await client.call('namespaces/follow', { follow: true })
    await client.call('namespaces/list', {})
    const followed: number[] = []
    for (let turn = 0; turn < 15; turn++) followed.push(await timed(() => client.call('namespaces/list', {})))
    const late: number[] = []
    for (let turn = 0; turn < 9; turn++) {
      const told = new Promise<void>((resolve) => client.onNamespacesChanged(resolve))
      const began = performance.now()
      const child = spawn('unshare', ['-u', 'sleep', '1000'], { stdio: 'ignore' })
      await told
      late.push(performance.now() - began)
      child.kill('SIGKILL')
      await sleep(600)
    }
    await client.call('namespaces/follow', { follow: false })
    report(`namespaces of ${processes} processes: medians of 15`, [
      {
        what: 'scan and list',
        value: `${ours.toFixed(1)} ms (the very first ${first.toFixed(0)} ms)`,
        target: 'under 30 ms',
        met: ours < 30,
      },
      {
        what: 'lsns',
        value: `${theirs.toFixed(1)} ms, ${(theirs / ours).toFixed(1)} × ours`,
        target: 'at least 5',
        met: theirs / ours >= 5,
      },
      { what: 'list, while they are followed', value: `${median(followed).toFixed(1)} ms` },
      {
        what: 'a new namespace is told of',
        value: `after ${median(late).toFixed(0)} ms, ${Math.max(...late).toFixed(0)} ms at most`,
        target: 'within 1 s',
        met: Math.max(...late) < 1000,
      },
    ])
  } finally {
    process.kill(-crowd.pid!, 'SIGKILL')
  }
}

async function crowds(client: Client): Promise<void> {
  const crowd = new CgroupCrowd('listed', 10_000)
  try {
    const times: number[] = []
    for (let turn = 0; turn < 9; turn++)
      times.push(await timed(() => client.call('cgroups/list', { path: crowd.parent })))
    const took = median(times)
    report('10,000 cgroups in one: medians of 9', [
      {
        what: 'the first 500, asked of the helper',
        value: `${took.toFixed(0)} ms`,
        target: 'under 200 ms',
        met: took < 200,
      },
    ])
  } finally {
    crowd.close()
  }
}

try {
  await helper.start()
  await helper.importBusybox()
  const client = await helper.client()
  await sampling(client)
  await scanning(client)
  await crowds(client)
} finally {
  await helper.stop()
}
