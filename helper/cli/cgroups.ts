/** `bulkhead cgroups`: the tree of control groups as the kernel has it. */
import { Command } from 'commander'
import type { Client } from '../client/client.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Cgroup } from '../protocol/cgroupSchemas.ts'
import { columnsOf, watchedAtMost, type UsageColumn } from '../protocol/usageColumns.ts'
import type { UsageSample } from '../protocol/usageSchemas.ts'
import { ownerText } from './namespaces.ts'
import { print, withClient } from './session.ts'
import { formatOption, jsonLines, table, type Format, type Row } from './table.ts'
import { binarySize, integer, size } from './units.ts'

interface Options {
  readonly format: Format
  readonly depth: number
}

interface Node extends Cgroup {
  readonly depth: number
}

const titles = ['CGROUP', 'OWNER', 'PROCS', 'CPU %', 'MEMORY', 'READ/S', 'WRITE/S', 'CONTROLLERS']
const metrics = ['cpu', 'memory', 'io', 'pids'] as const
const columns = columnsOf(metrics)

/** A cgroup and what is below it, in the tree's order. */
async function walk(client: Client, path: string, depth: number, deepest: number): Promise<Node[]> {
  const found: Node[] = []
  for (let offset = 0; ;) {
    const { cgroups, total } = await client.call('cgroups/list', { path, offset })
    for (const cgroup of cgroups) {
      found.push({ ...cgroup, depth })
      if (cgroup.hasChildren && depth < deepest) found.push(...(await walk(client, cgroup.path, depth + 1, deepest)))
    }
    offset += cgroups.length
    if (cgroups.length === 0 || offset >= total) return found
  }
}

/** Two looks make a rate. */
async function sample(client: Client, cgroups: readonly string[]): Promise<UsageSample['rows']> {
  if (cgroups.length === 0) return []
  let samples = 0
  const done = Promise.withResolvers<UsageSample['rows']>()
  client.onUsage('cli', ({ rows }) => ++samples === 2 && done.resolve(rows))
  client.onClose(() => done.reject(new BulkheadError('Unreachable', 'the helper ended meanwhile')))
  await client.call('usage/watch', { key: 'cli', cgroups: [...cgroups], metrics: [...metrics] })
  return await done.promise
}

function row(
  { name, depth, owner, processes, controllers, frozen }: Node,
  usage: readonly (number | null)[] = [],
): Row {
  const value = (column: UsageColumn, show: (value: number) => string): string => {
    const found = usage[columns.indexOf(column)]
    return found == null ? '-' : show(found)
  }
  return {
    CGROUP: `${'  '.repeat(depth)}${name}${frozen ? ' (frozen)' : ''}`,
    OWNER: owner === null || owner.name === name ? '' : ownerText(owner),
    PROCS: String(processes),
    'CPU %': value('cpu', (percent) => percent.toFixed(1)),
    MEMORY: value('memory', binarySize),
    'READ/S': value('read', size),
    'WRITE/S': value('written', size),
    CONTROLLERS: controllers.join(' '),
  }
}

export function cgroupsCommand(): Command {
  return new Command('cgroups')
    .description('show the tree of control groups, and what they use')
    .argument('[path]', 'the cgroup to begin at', '/')
    .option('--depth <levels>', 'how deep', integer, 64)
    .addOption(formatOption())
    .action(async (path: string, { format, depth }: Options) => {
      await withClient(async (client) => {
        const nodes = await walk(client, path, 0, depth - 1)
        const usage = await sample(
          client,
          nodes.slice(0, watchedAtMost).map((node) => node.path),
        )
        if (format === 'table')
          return await print(
            table(
              titles,
              nodes.map((node, at) => row(node, usage[at])),
            ),
          )
        const used = (at: number) =>
          Object.fromEntries(columns.map((column, index) => [column, usage[at]?.[index] ?? null]))
        return await print(jsonLines(nodes.map(({ depth: _depth, ...node }, at) => ({ ...node, usage: used(at) }))))
      })
    })
}
