/** The verbs for containers that exist: ps, start, stop, kill, pause, unpause, rm, logs, inspect, wait. */
import { constants } from 'node:os'
import { Command } from 'commander'
import type { Client } from '../client/client.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { ContainerSummary } from '../protocol/schemas.ts'
import { print, report, withClient, writeStream } from './session.ts'
import { formatOption, jsonLines, table, type Row } from './table.ts'
import { integer, span } from './units.ts'

function status(container: ContainerSummary, now: number): string {
  switch (container.state) {
    case 'created':
      return 'Created'
    case 'running':
      return `Up ${span(now - (container.startedAt ?? now))}`
    case 'paused':
      return `Up ${span(now - (container.startedAt ?? now))} (Paused)`
    case 'exited':
      return `Exited (${container.exitCode}) ${span(now - (container.finishedAt ?? now))} ago${container.oomKilled ? ' (out of memory)' : ''}`
    case 'removing':
      return 'Removing'
  }
}

function row(container: ContainerSummary, now: number): Row {
  const command = container.command.join(' ')
  return {
    'CONTAINER ID': container.id.slice(0, 12),
    IMAGE: container.image,
    COMMAND: `"${command.length > 20 ? `${command.slice(0, 19)}…` : command}"`,
    CREATED: `${span(now - container.createdAt)} ago`,
    STATUS: status(container, now),
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
    Labels: Object.entries(container.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(','),
  }
}

interface PsOptions {
  all?: boolean
  quiet?: boolean
  noTrunc?: boolean
  format: 'table' | 'json'
}

function psCommand(): Command {
  return new Command('ps')
    .description('list containers')
    .option('-a, --all', 'also those that do not run')
    .option('-q, --quiet', 'ids alone')
    .option('--no-trunc', 'whole ids')
    .addOption(formatOption())
    .action(async (options: PsOptions & { trunc: boolean }) => {
      const all = await withClient((client) => client.call('containers/list'))
      const shown = options.all === true ? all : all.filter(({ state }) => state === 'running' || state === 'paused')
      const now = Date.now()
      if (options.quiet === true)
        await print(shown.map(({ id }) => `${options.trunc ? id.slice(0, 12) : id}\n`).join(''))
      else if (options.format === 'json') await print(jsonLines(shown.map((container) => json(container, now))))
      else {
        const rows = shown.map((container) => ({
          ...row(container, now),
          ...(!options.trunc && { 'CONTAINER ID': container.id }),
        }))
        await print(table(['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'NAMES'], rows))
      }
    })
}

/** The same for each name given; one that fails is reported, and the others are still done. */
async function each(names: readonly string[], work: (client: Client, name: string) => Promise<unknown>): Promise<void> {
  await withClient(async (client) => {
    for (const name of names) {
      try {
        const said = await work(client, name)
        await print(`${typeof said === 'number' ? said : name}\n`)
      } catch (error) {
        process.exitCode = Math.max(Number(process.exitCode ?? 0), report(error) === 0 ? 0 : 1)
      }
    }
  })
}

function signalNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  const name = text.toUpperCase().startsWith('SIG') ? text.toUpperCase() : `SIG${text.toUpperCase()}`
  const number = (constants.signals as Record<string, number>)[name]
  if (number === undefined)
    throw new BulkheadError('InvalidRequest', `${text} is not a signal`, { hint: 'Such as KILL, TERM or 15.' })
  return number
}

function simple(name: 'start' | 'pause' | 'unpause', about: string): Command {
  return new Command(name)
    .description(about)
    .argument('<container...>')
    .action((names: string[]) => each(names, (client, container) => client.call(`containers/${name}`, { container })))
}

export function containerCommands(): Command[] {
  return [
    psCommand(),
    simple('start', 'start containers that have ended, with their files as they left them'),
    new Command('stop')
      .description('ask containers to end, and kill those that do not')
      .argument('<container...>')
      .option('-t, --time <seconds>', 'how long they may take', integer, 10)
      .action((names: string[], { time }: { time: number }) =>
        each(names, (client, container) => client.call('containers/stop', { container, timeout: time })),
      ),
    new Command('kill')
      .description('send a signal to containers')
      .argument('<container...>')
      .option('-s, --signal <signal>', 'its name or number', 'KILL')
      .action((names: string[], { signal }: { signal: string }) => {
        const number = signalNumber(signal)
        return each(names, (client, container) => client.call('containers/kill', { container, signal: number }))
      }),
    simple('pause', 'freeze all processes of containers'),
    simple('unpause', 'let paused containers go on'),
    new Command('rm')
      .description('remove containers, and what they wrote')
      .argument('<container...>')
      .option('-f, --force', 'kill those that run')
      .action((names: string[], { force = false }: { force?: boolean }) =>
        each(names, (client, container) => client.call('containers/remove', { container, force })),
      ),
    new Command('wait')
      .description('wait until containers have ended; print their exit codes')
      .argument('<container...>')
      .action((names: string[]) =>
        each(names, async (client, container) => (await client.call('containers/wait', { container })).exitCode),
      ),
    new Command('inspect')
      .description('show all that is known of containers')
      .argument('<container...>')
      .action(async (names: string[]) => {
        const all = await withClient((client) =>
          Promise.all(names.map((container) => client.call('containers/inspect', { container }))),
        )
        await print(`${JSON.stringify(all, null, 2)}\n`)
      }),
    new Command('logs')
      .description('show what a container printed')
      .argument('<container>')
      .option('-f, --follow', 'go on until it ends')
      .option('-n, --tail <lines>', 'the last lines alone', (text) => (text === 'all' ? -1 : integer(text)), -1)
      .option('-t, --timestamps')
      .action(async (container: string, options: { follow?: boolean; tail: number; timestamps?: boolean }) => {
        await withClient(async (client) => {
          const end = writeStream(client)
          const { follow = false, tail, timestamps = false } = options
          await client.call('containers/logs', { container, follow, tail, timestamps })
          await end
        })
      }),
  ]
}
