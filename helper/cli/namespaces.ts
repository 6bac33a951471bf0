/** The verbs `ns` and `enter`, and what they print: namespaces(7) of the whole machine. */
import { Command, Option } from 'commander'
import type { Owner } from '../protocol/cgroupSchemas.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { isContainer, namespaceTypes, type NamespaceType } from '../protocol/kernelWords.ts'
import type { Holder, NamespaceSummary } from '../protocol/namespaceSchemas.ts'
import { attached, windowSize } from './attached.ts'
import { print, withClient } from './session.ts'
import { formatOption, jsonLines, table, type Format } from './table.ts'

const titles = ['NS', 'TYPE', 'NPROCS', 'PID', 'PARENT', 'OWNER', 'CONTAINER', 'COMMAND']

export function ownerText({ kind, name }: Owner): string {
  return isContainer({ kind }) && kind !== 'bulkhead' ? `${kind}:${name}` : name
}

function heldText(holder: Holder): string {
  return holder.kind === 'mount' ? `mount ${holder.path}` : `${holder.command}[${holder.pid}] fd ${holder.descriptor}`
}

function typeOption(): Option {
  return new Option('-t, --type <type>', 'of this type alone').choices([...namespaceTypes])
}

function row(namespace: NamespaceSummary): Record<string, string> {
  const { id, type, processes, pid, parent, owner, isHost, belongsTo, command, heldBy } = namespace
  const number = (value: number | null): string => (value === null ? '' : String(value))
  return {
    NS: String(id),
    TYPE: type,
    NPROCS: String(processes),
    PID: number(pid),
    PARENT: number(parent),
    OWNER: number(owner),
    CONTAINER: isHost ? 'host' : belongsTo.map(ownerText).join(', '),
    COMMAND: command === '' ? heldBy.map(heldText).join(', ') : command,
  }
}

export function namespacesCommand(): Command {
  return new Command('ns')
    .alias('namespaces')
    .description('list the namespaces of the whole machine')
    .addOption(typeOption())
    .addOption(formatOption())
    .action(async ({ type, format }: { type?: NamespaceType; format: Format }) => {
      const params = type === undefined ? {} : { type }
      const { namespaces, unreadable } = await withClient((client) => client.call('namespaces/list', params))
      if (format === 'json') return await print(jsonLines(namespaces))
      await print(table(titles, namespaces.map(row)))
      if (unreadable > 0) process.stderr.write(`processes that could not be looked at: ${unreadable}\n`)
    })
}

interface EnterOptions {
  target: string
  all?: boolean
  interactive?: boolean
  tty?: boolean
  workdir?: string
}

/** nsenter's letters. */
const flags: readonly (readonly [flags: string, type: NamespaceType])[] = [
  ['-m, --mount', 'mnt'],
  ['-u, --uts', 'uts'],
  ['-n, --net', 'net'],
  ['-p, --pid', 'pid'],
  ['-U, --user', 'user'],
  ['-C, --cgroup', 'cgroup'],
  ['-I, --ipc', 'ipc'],
  ['-T, --time', 'time'],
]

/** `target`: a process by its number, or a container by name or id. */
async function processOf(target: string): Promise<number> {
  if (/^\d+$/.test(target) && target.length < 8) return Number(target)
  return await withClient(async (client) => {
    const { pid, name } = (await client.call('containers/inspect', { container: target })) as {
      pid: number
      name: string
    }
    if (pid > 0) return pid
    throw new BulkheadError('WrongState', `container ${name} does not run: it has no namespaces to enter`, {
      hint: 'Start it first.',
    })
  })
}

export function enterCommand(): Command {
  const command = new Command('enter')
    .description('run a command in chosen namespaces of a process, as root; the policy says who may')
    .argument('<process|container>')
    .argument('[command...]', 'without one, a shell')
    .passThroughOptions()
    .option('-a, --all', 'all of its namespaces')
    .option('-w, --workdir <directory>')
    .option('-i, --interactive', 'keep stdin open')
    .option('-t, --tty', 'give it a terminal')
  for (const [letters, type] of flags) command.option(letters, `its ${type} namespace`)
  return command.action(
    async (target: string, words: string[], options: EnterOptions & Record<string, boolean | string | undefined>) => {
      const chosen = flags.filter(([letters]) => options[letters.split('--')[1]!] === true).map(([, type]) => type)
      const types = options.all === true ? [...namespaceTypes] : chosen
      if (types.length === 0)
        throw new BulkheadError('InvalidRequest', 'say which namespaces are to be entered', {
          hint: 'There are --all, and -m -u -n -p -U -C -I -T.',
        })
      const isShell = words.length === 0
      const tty = options.tty ?? (isShell && process.stdin.isTTY)
      const openStdin = options.interactive ?? isShell
      const pid = await processOf(target)
      const request = { pid, types, command: words, tty, openStdin, ...windowSize() }
      const place = options.workdir === undefined ? {} : { workingDirectory: options.workdir }
      process.exitCode = await withClient((client) =>
        attached(client, {
          ...{ tty, openStdin, detachKeys: '' },
          start: async () => (await client.call('namespaces/enter', { ...request, ...place })).id,
          signal: (id, signal) => client.call('exec/kill', { id, signal }),
          resize: (id, size) => client.call('exec/resize', { id, ...size }),
        }),
      )
    },
  )
}
