/** `npm run bench -- hour`: an hour of sampling a thousand cgroups with every view open, and the helper's memory meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import { TestHelper } from '../support/helper.ts'
import { processorTime } from '../support/processorTime.ts'
import { CgroupCrowd } from './crowd.ts'
import { report } from './measure.ts'
import { openViews } from './views.ts'

const minutes = Number(process.argv[2] ?? 60)

const helper = new TestHelper({ network: 'host' })
const crowd = new CgroupCrowd('hour', 1000)
try {
  await helper.start()
  await helper.importBusybox()
  const client = await helper.client()
  for (let n = 0; n < 10; n++)
    await client.call('containers/run', { image: 'busybox', network: 'none', command: ['sleep', '100000'] })
  await openViews(client, crowd.paths)
  const memory: number[] = []
  const [began, before] = [performance.now(), processorTime(helper.pid)]
  for (let minute = 0; minute < minutes; minute++) {
    await sleep(60_000)
    memory.push(helper.memory() / 1e6)
    process.stdout.write(`  ${minute + 1} min   ${memory.at(-1)!.toFixed(1)} MB\n`)
  }
  const share = ((processorTime(helper.pid) - before) / (performance.now() - began)) * 100
  // What is loaded once is loaded in the first minutes.
  const settled = memory.slice(Math.min(5, memory.length - 1))
  const grown = settled.at(-1)! - settled[0]!
  report(`${minutes} minutes of sampling 1,000 cgroups`, [
    { what: 'processor', value: `${share.toFixed(2)} %`, target: 'under 2 %', met: share < 2 },
    {
      what: 'memory after five minutes and at last',
      value: `${settled[0]!.toFixed(1)} and ${settled.at(-1)!.toFixed(1)} MB`,
      target: 'flat: 5 MB more at most',
      met: grown < 5,
    },
  ])
} finally {
  await helper.stop()
  crowd.close()
}
