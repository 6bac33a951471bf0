/** `bulkhead ps`: containers as Docker lists them. */
import { Command } from 'commander'
import { formatPort } from '../protocol/portText.ts'
import type { ContainerSummary } from '../protocol/schemas.ts'
import { print, withClient } from './session.ts'
import { formatOption, jsonLines, table, type Row } from './table.ts'
import { collect, integer, span } from './units.ts'
import { BulkheadError } from '../protocol/errors.ts'

function status(container: ContainerSummary, now: number): string {
  const up = `Up ${span(now - (container.startedAt ?? now))}`
  const ended = `(${container.exitCode}) ${span(now - (container.finishedAt ?? now))} ago`
  switch (container.state) {
    case 'created':
      return 'Created'
    case 'running':
      if (container.health === null) return up
      return `${up} (${container.health === 'starting' ? 'health: starting' : container.health})`
    case 'paused':
      return `${up} (Paused)`
    case 'restarting':
      return `Restarting ${ended}`
    case 'exited':
      return `Exited ${ended}${container.oomKilled ? ' (out of memory)' : ''}`
    case 'removing':
      return 'Removing'
  }
}

function shortCommand({ command }: ContainerSummary): string {
  const text = command.join(' ')
  return `"${text.length > 20 ? `${text.slice(0, 19)}…` : text}"`
}

function ports(container: ContainerSummary): string {
  return container.ports.map(formatPort).join(', ')
}

function row(container: ContainerSummary, now: number): Row {
  return {
    'CONTAINER ID': container.id.slice(0, 12),
    IMAGE: container.image,
    COMMAND: shortCommand(container),
    CREATED: `${span(now - container.createdAt)} ago`,
    STATUS: status(container, now),
    PORTS: ports(container),
    NAMES: container.name,
  }
}

/** Docker's keys, so that what reads docker ps reads this. */
function json(container: ContainerSummary, now: number): unknown {
  return {
    ID: container.id.slice(0, 12),
    Image: container.image,
    Command: `"${container.command.join(' ')}"`,
    CreatedAt: new Date(container.createdAt).toISOString(),
    RunningFor: `${span(now - container.createdAt)} ago`,
    State: container.state,
    Status: status(container, now),
    Names: container.name,
    Ports: ports(container),
    Networks: [container.network, ...container.endpoints.slice(1).map(({ networkName }) => networkName)].join(','),
    Mounts: container.mounts.map(({ name, source }) => name ?? source).join(','),
    Labels: Object.entries(container.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(','),
  }
}

/** Docker's filters that people use. */
function fits(container: ContainerSummary, filter: string): boolean {
  const [key = '', value = ''] = filter.split(/=(.*)/s)
  switch (key) {
    case 'name':
      return container.name.includes(value)
    case 'id':
      return container.id.startsWith(value)
    case 'status':
      return container.state === value
    case 'ancestor':
      return container.image === value || container.image === `${value}:latest`
    case 'health':
      return (container.health ?? 'none') === value
    case 'network':
      return container.network === value || container.endpoints.some(({ networkName }) => networkName === value)
    case 'volume':
      return container.mounts.some(({ name, target }) => name === value || target === value)
    case 'exited':
      return container.state === 'exited' && container.exitCode === Number(value)
    case 'label': {
      const [name = '', wanted] = value.split(/=(.*)/s)
      const found = container.labels[name]
      return found !== undefined && (wanted === undefined || found === wanted)
    }
    default:
      throw new BulkheadError('InvalidRequest', `there is no filter ${key}`, {
        hint: 'There are name, id, status, ancestor, health, network, volume, exited and label.',
      })
  }
}

interface PsOptions {
  all?: boolean
  quiet?: boolean
  trunc: boolean
  filter?: string[]
  last?: number
  latest?: boolean
  format: 'table' | 'json'
}

export function psCommand(): Command {
  return new Command('ps')
    .description('list containers')
    .option('-a, --all', 'also those that do not run')
    .option('-q, --quiet', 'ids alone')
    .option('-f, --filter <key=value>', 'those alone that fit, such as status=exited', collect)
    .option('-n, --last <number>', 'the newest alone, also those that do not run', integer)
    .option('-l, --latest', 'the newest one alone')
    .option('--no-trunc', 'whole ids')
    .addOption(formatOption())
    .action(async (options: PsOptions) => {
      const { filter = [], last = options.latest === true ? 1 : undefined } = options
      const found = await withClient((client) => client.call('containers/list'))
      const isShown = ({ state }: ContainerSummary): boolean =>
        ['running', 'paused', 'restarting'].includes(state) || filter.some((one) => /^(?:status|exited)=/.test(one))
      const listed = options.all === true || last !== undefined ? found : found.filter(isShown)
      const fitting = listed.filter((container) => filter.every((one) => fits(container, one))).slice(0, last)
      const now = Date.now()
      const id = (container: ContainerSummary): string => (options.trunc ? container.id.slice(0, 12) : container.id)
      if (options.quiet === true) return await print(fitting.map((container) => `${id(container)}\n`).join(''))
      if (options.format === 'json') return await print(jsonLines(fitting.map((container) => json(container, now))))
      const rows = fitting.map((container) => ({ ...row(container, now), 'CONTAINER ID': id(container) }))
      await print(table(['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'PORTS', 'NAMES'], rows))
    })
}
