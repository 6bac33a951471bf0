/** `bulkhead stats`: what containers use, once or once a second. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { cpuPercent } from '../protocol/statsText.ts'
import type { ContainerStats } from '../protocol/lifecycleSchemas.ts'
import { print, withClient } from './session.ts'
import { formatOption, jsonLines, table, type Format, type Row } from './table.ts'
import { binarySize, size } from './units.ts'

const titles = ['CONTAINER ID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'NET I/O', 'BLOCK I/O', 'PIDS']

function row(stats: ContainerStats, before: ContainerStats | undefined): Row {
  return {
    'CONTAINER ID': stats.id.slice(0, 12),
    NAME: stats.name,
    'CPU %': `${cpuPercent(before, stats).toFixed(2)}%`,
    'MEM USAGE / LIMIT': `${binarySize(stats.memory)} / ${binarySize(stats.memoryLimit)}`,
    'MEM %': `${((stats.memory / stats.memoryLimit) * 100).toFixed(2)}%`,
    'NET I/O': `${size(stats.received)} / ${size(stats.sent)}`,
    'BLOCK I/O': `${size(stats.read)} / ${size(stats.written)}`,
    PIDS: String(stats.pids),
  }
}

/** Docker's keys. */
function json(cells: Row): unknown {
  return {
    ID: cells['CONTAINER ID'],
    Name: cells['NAME'],
    CPUPerc: cells['CPU %'],
    MemUsage: cells['MEM USAGE / LIMIT'],
    MemPerc: cells['MEM %'],
    NetIO: cells['NET I/O'],
    BlockIO: cells['BLOCK I/O'],
    PIDs: cells['PIDS'],
  }
}

export function statsCommand(): Command {
  return new Command('stats')
    .description('show what containers use: all that run, or these')
    .argument('[container...]')
    .option('--no-stream', 'once')
    .addOption(formatOption())
    .action(async (containers: string[], { stream, format }: { stream: boolean; format: Format }) => {
      let ended = false
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (ended = true))
      await withClient(async (client) => {
        const sample = async (): Promise<Map<string, ContainerStats>> =>
          new Map((await client.call('containers/stats', { containers })).map((stats) => [stats.id, stats]))
        let before = await sample()
        do {
          // Processor time is a matter of two looks.
          await sleep(stream ? 1000 : 500)
          const now = await sample()
          const rows = [...now.values()].map((stats) => row(stats, before.get(stats.id)))
          before = now
          const clear = stream && process.stdout.isTTY && format === 'table' ? '\x1b[2J\x1b[H' : ''
          await print(clear + (format === 'json' ? jsonLines(rows.map(json)) : table(titles, rows)))
        } while (stream && !ended)
      })
    })
}
