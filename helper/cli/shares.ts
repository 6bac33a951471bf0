/** `bulkhead shares`: what a container owns, and what it shares. */
import { Command } from 'commander'
import type { Shares } from '../protocol/namespaceSchemas.ts'
import { print, withClient } from './session.ts'
import { formatOption, table, type Format } from './table.ts'
import { binarySize, size } from './units.ts'

function text(shares: Shares): string {
  const { name, kernel, namespaces, memory, processes, virtualMachine, layers, start, boot } = shares
  const own = namespaces.filter((one) => one.own).map(({ type }) => type)
  const shared = namespaces
    .filter((one) => !one.own)
    .map(({ type, with: others }) => `${type} (${others.slice(0, 3).join(', ')}${others.length > 3 ? ', …' : ''})`)
  const rows = [
    ['kernel', '', `${kernel.release}, ${binarySize(kernel.image)}`, binarySize(virtualMachine.kernel)],
    ['namespaces', own.join(' '), shared.join(' '), ''],
    ['layers', size(layers.own), size(layers.shared), size(virtualMachine.disk)],
    ['memory', binarySize(memory.own), binarySize(memory.resident - memory.own), binarySize(virtualMachine.memory)],
    ['page cache', '', binarySize(memory.cache), ''],
    ['processes', String(processes), '', ''],
    [
      'start',
      start === null ? '' : `${(start / 1000).toFixed(1)} ms`,
      '',
      boot === null ? '' : `${(boot / 1000).toFixed(0)} ms for the kernel alone`,
    ],
  ]
  const titles = [name.toUpperCase(), 'ITS OWN', 'SHARED', 'A VIRTUAL MACHINE WOULD OWN BESIDES']
  return table(
    titles,
    rows.map((cells) => Object.fromEntries(titles.map((title, at) => [title, cells[at]!]))),
  )
}

export function sharesCommand(): Command {
  return new Command('shares')
    .description('show what a container owns, and what it shares')
    .argument('<container>')
    .addOption(formatOption())
    .action(async (container: string, { format }: { format: Format }) => {
      const shares = await withClient((client) => client.call('containers/shares', { container }))
      await print(format === 'json' ? `${JSON.stringify(shares)}\n` : text(shares))
    })
}
