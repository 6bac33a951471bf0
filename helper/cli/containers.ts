/** The verbs for containers that exist, but for `ps`, `exec` and `stats`. */
import { Command } from 'commander'
import type { Client } from '../client/client.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { formatPort } from '../protocol/portText.ts'
import { attached, detachKeysOption } from './attached.ts'
import { limitsOf, withLimitFlags, type LimitFlags } from './limitFlags.ts'
import { print, report, withClient, writeStream } from './session.ts'
import { formatOption, jsonLines, table, type Format } from './table.ts'
import { defined, integer, moment, signalNumber } from './units.ts'

/** The same for each name given; one that fails is reported, and the others are still done. */
export async function each(
  names: readonly string[],
  work: (client: Client, name: string) => Promise<unknown>,
): Promise<void> {
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

function simple(name: 'pause' | 'unpause', about: string): Command {
  return new Command(name)
    .description(about)
    .argument('<container...>')
    .action((names: string[]) => each(names, (client, container) => client.call(`containers/${name}`, { container })))
}

interface Ending {
  signal?: number
  time?: number
  timeout?: number
}

function ending(name: 'stop' | 'restart', about: string): Command {
  return new Command(name)
    .description(about)
    .argument('<container...>')
    .option('-s, --signal <signal>', 'what asks it to end', signalNumber)
    .option('-t, --time <seconds>', 'how long it may take', integer)
    .option('--timeout <seconds>', 'as --time', integer)
    .action((names: string[], { signal, time, timeout }: Ending) => {
      const options = defined({ signal, timeout: time ?? timeout })
      return each(names, (client, container) => client.call(`containers/${name}`, { container, ...options }))
    })
}

/** This process's stdio becomes that of a container. */
async function attachTo(
  client: Client,
  reference: string,
  options: { start: boolean; stdin: boolean; detachKeys: string; forward?: boolean },
): Promise<number> {
  const { id, request } = (await client.call('containers/inspect', { container: reference })) as {
    id: string
    request: { tty: boolean; openStdin: boolean }
  }
  return await attached(client, {
    tty: request.tty,
    openStdin: options.stdin && request.openStdin,
    detachKeys: options.detachKeys,
    start: async () => {
      if (options.start) await client.call('containers/start', { container: id, attach: true })
      else await client.call('containers/attach', { container: id })
      return id
    },
    signal: async (container, signal) => {
      if (options.forward !== false) await client.call('containers/kill', { container, signal })
    },
    resize: (container, size) => client.call('containers/resize', { container, ...size }),
  })
}

function start(): Command {
  return new Command('start')
    .description('start containers that were created or have ended, with their files as they left them')
    .argument('<container...>')
    .option('-a, --attach', 'show what it prints, and pass signals on')
    .option('-i, --interactive', 'pass input on')
    .addOption(detachKeysOption())
    .action(async (names: string[], options: { attach?: boolean; interactive?: boolean; detachKeys: string }) => {
      const [first] = names
      if (options.attach !== true && options.interactive !== true)
        return await each(names, (client, container) => client.call('containers/start', { container }))
      if (names.length !== 1)
        throw new BulkheadError('InvalidRequest', 'one container at a time can be started attached')
      const { interactive: stdin = false, detachKeys } = options
      process.exitCode = await withClient((client) => attachTo(client, first!, { start: true, stdin, detachKeys }))
    })
}

function attach(): Command {
  return new Command('attach')
    .description('connect this terminal to a container that runs')
    .argument('<container>')
    .option('--no-stdin', 'show what it prints alone')
    .option('--no-sig-proxy', 'keep signals to itself')
    .addOption(detachKeysOption())
    .action(async (name: string, options: { stdin: boolean; sigProxy: boolean; detachKeys: string }) => {
      const { stdin, sigProxy: forward, detachKeys } = options
      process.exitCode = await withClient((client) =>
        attachTo(client, name, { start: false, stdin, forward, detachKeys }),
      )
    })
}

function update(): Command {
  const command = new Command('update')
    .description('change limits of containers, at once where they run')
    .argument('<container...>')
    .action((names: string[], flags: LimitFlags) => {
      const changes = { resources: limitsOf(flags), ...defined({ restart: flags.restart }) }
      return each(names, (client, container) => client.call('containers/update', { container, ...changes }))
    })
  return withLimitFlags(command)
}

function top(): Command {
  return new Command('top')
    .description('show the processes in a container')
    .argument('<container>')
    .addOption(formatOption())
    .action(async (container: string, { format }: { format: Format }) => {
      const processes = await withClient((client) => client.call('containers/top', { container }))
      if (format === 'json') return await print(jsonLines(processes))
      const rows = processes.map((each) => ({
        UID: String(each.uid),
        PID: String(each.pid),
        PPID: String(each.parent),
        'PID INSIDE': String(each.containerPid),
        RSS: `${Math.round(each.memory / 1024)}K`,
        TTY: each.terminal,
        TIME: new Date(each.cpu).toISOString().slice(11, 19),
        CMD: each.command,
      }))
      await print(table(['UID', 'PID', 'PPID', 'PID INSIDE', 'RSS', 'TTY', 'TIME', 'CMD'], rows))
    })
}

function port(): Command {
  return new Command('port')
    .description('list the published ports of a container')
    .argument('<container>')
    .argument('[port[/protocol]]', 'this one alone')
    .action(async (container: string, wanted: string | undefined) => {
      const { ports } = (await withClient((client) => client.call('containers/inspect', { container }))) as {
        ports: Parameters<typeof formatPort>[0][]
      }
      const key = wanted === undefined || wanted.includes('/') ? wanted : `${wanted}/tcp`
      const shown = ports.filter(
        ({ containerPort, protocol }) => key === undefined || key === `${containerPort}/${protocol}`,
      )
      if (key !== undefined && shown.length === 0)
        throw new BulkheadError('PathNotFound', `port ${key} of ${container} is not published`)
      const lines = shown.map((one) => {
        const [host, inside] = formatPort(one).split('->')
        return key === undefined ? `${inside} -> ${host}\n` : `${host}\n`
      })
      await print(lines.join(''))
    })
}

interface LogOptions {
  follow?: boolean
  tail: number
  timestamps?: boolean
  since?: number
  until?: number
}

function logs(): Command {
  return new Command('logs')
    .description('show what a container printed')
    .argument('<container>')
    .option('-f, --follow', 'go on until it ends')
    .option('-n, --tail <lines>', 'the last lines alone', (text) => (text === 'all' ? -1 : integer(text)), -1)
    .option('-t, --timestamps')
    .option('--since <time>', 'lines of then and later, such as 10m or 2026-01-31T12:00:00', moment)
    .option('--until <time>', 'lines of then and earlier', moment)
    .action(async (container: string, options: LogOptions) => {
      await withClient(async (client) => {
        const end = writeStream(client)
        const { follow = false, tail, timestamps = false, since, until } = options
        await client.call('containers/logs', { container, follow, tail, timestamps, ...defined({ since, until }) })
        await end
      })
    })
}

export function containerCommands(): Command[] {
  return [
    start(),
    ending('stop', 'ask containers to end, and kill those that do not'),
    ending('restart', 'stop containers, and start them'),
    new Command('kill')
      .description('send a signal to containers')
      .argument('<container...>')
      .option('-s, --signal <signal>', 'its name or number', signalNumber, 9)
      .action((names: string[], { signal }: { signal: number }) =>
        each(names, (client, container) => client.call('containers/kill', { container, signal })),
      ),
    simple('pause', 'freeze all processes of containers'),
    simple('unpause', 'let paused containers go on'),
    new Command('rename')
      .description('give a container another name')
      .argument('<container>')
      .argument('<name>')
      .action(async (container: string, name: string) => {
        await withClient((client) => client.call('containers/rename', { container, name }))
      }),
    update(),
    new Command('rm')
      .description('remove containers, and what they wrote')
      .argument('<container...>')
      .option('-f, --force', 'kill those that run')
      .option('-v, --volumes', 'and their volumes that have no name')
      .action((names: string[], { force = false, volumes = false }: { force?: boolean; volumes?: boolean }) =>
        each(names, (client, container) => client.call('containers/remove', { container, force, volumes })),
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
    attach(),
    top(),
    port(),
    logs(),
  ]
}
