/** `bulkhead run`: Docker's flags, and its behaviour at a terminal. */
import { Command, Option } from 'commander'
import type { Client } from '../client/client.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Params } from '../protocol/methods.ts'
import { parseReference } from '../protocol/reference.ts'
import { attached, windowSize } from './attached.ts'
import { print, withClient } from './session.ts'
import { parseBytes } from '../protocol/text.ts'
import { pullImage } from './transfers.ts'
import { bytes, bytesOrUnlimited, collect, decimal, defined, integer } from './units.ts'

interface RunOptions {
  detach?: boolean
  interactive?: boolean
  tty?: boolean
  rm?: boolean
  name?: string
  memory?: number
  memorySwap?: number
  memoryHigh?: number
  cpus?: number
  cpuShares?: number
  cpusetCpus?: string
  pidsLimit?: number
  blkioWeight?: number
  env?: string[]
  label?: string[]
  workdir?: string
  user?: string
  hostname?: string
  network: 'none' | 'host'
  readOnly?: boolean
  recordOpens?: boolean
  storageOpt?: string[]
  pull: 'missing' | 'always' | 'never'
  userns: 'private' | 'host'
}

/** `NAME` alone takes the value of the caller's own environment, as with Docker. */
export function environment(entries: readonly string[]): string[] {
  return entries.flatMap((entry) => {
    if (entry.includes('=')) return [entry]
    const value = process.env[entry]
    return value === undefined ? [] : [`${entry}=${value}`]
  })
}

function labels(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const equals = entry.indexOf('=')
      return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)]
    }),
  )
}

export function requestOf(image: string, command: string[], options: RunOptions): Params<'containers/run'> {
  const resources = defined({
    memory: options.memory,
    memorySwap: options.memorySwap,
    memoryHigh: options.memoryHigh,
    cpus: options.cpus,
    cpuShares: options.cpuShares,
    cpusetCpus: options.cpusetCpus,
    pidsLimit: options.pidsLimit,
    blkioWeight: options.blkioWeight,
  })
  const optional = defined({
    storageSize: storageSize(options.storageOpt ?? []),
    name: options.name,
    hostname: options.hostname,
    workingDirectory: options.workdir,
    user: options.user,
  })
  return {
    image,
    command,
    ...optional,
    env: environment(options.env ?? []),
    labels: labels(options.label ?? []),
    tty: options.tty ?? false,
    openStdin: options.interactive ?? false,
    attach: options.detach !== true,
    autoRemove: options.rm ?? false,
    readOnly: options.readOnly ?? false,
    recordOpens: options.recordOpens ?? false,
    network: options.network,
    userns: options.userns,
    resources,
    ...windowSize(),
  }
}

/** Runs it, and fetches the image first where it is missing, or where a newer one is wanted. */
async function withImage(name: string, when: RunOptions['pull'], run: () => Promise<number>): Promise<number> {
  const pull = (): Promise<unknown> => withClient((client) => pullImage(client, name, { quiet: false }))
  if (when === 'always') await pull()
  try {
    return await run()
  } catch (error) {
    const isMissing = error instanceof BulkheadError && error.reason === 'ImageNotFound'
    if (!isMissing || when !== 'missing' || parseReference(name) === undefined) throw error
    process.stderr.write(`Unable to find image '${name}' locally\n`)
    await pull()
    return await run()
  }
}

/** Docker's form: `size=10g`. */
function storageSize(options: readonly string[]): number | undefined {
  let size: number | undefined
  for (const option of options) {
    const parsed = /^size=(.+)$/.exec(option)
    size = parsed === null ? undefined : parseBytes(parsed[1]!)
    if (size === undefined)
      throw new BulkheadError('InvalidRequest', `${option} is no storage option`, {
        hint: 'There is one: --storage-opt size=10g',
      })
  }
  return size
}

function runAttached(client: Client, request: Params<'containers/run'>): Promise<number> {
  return attached(client, {
    tty: request.tty === true,
    openStdin: request.openStdin === true,
    start: async () => (await client.call('containers/run', request)).id,
    signal: (container, signal) => client.call('containers/kill', { container, signal }),
    resize: (container, size) => client.call('containers/resize', { container, ...size }),
  })
}

export function runCommand(): Command {
  return new Command('run')
    .description('make a container from an image, and start it')
    .argument('<image>', 'host, or the name of an image, which is pulled when it is not here')
    .argument('[command...]')
    .passThroughOptions()
    .option('-d, --detach', 'in the background: print its id')
    .option('-i, --interactive', 'keep stdin open')
    .option('-t, --tty', 'give it a terminal')
    .option('--rm', 'remove it when it has ended')
    .option('--name <name>')
    .option('-m, --memory <bytes>', 'limit of memory, such as 512m', bytes)
    .option('--memory-swap <bytes>', 'limit of memory and swap together; -1 for no limit of swap', bytesOrUnlimited)
    .option('--memory-high <bytes>', 'where the kernel begins to reclaim', bytes)
    .option('--cpus <number>', 'limit of processor time, such as 1.5', decimal)
    .option('-c, --cpu-shares <number>', 'share of processor time under contention', integer)
    .option('--cpuset-cpus <list>', 'processors it may use, such as 0-2,4')
    .option('--pids-limit <number>', 'processes at most; -1 for no limit', integer)
    .option('--blkio-weight <number>', 'share of disk time under contention, 10 to 1000', integer)
    .option('-e, --env <name=value>', 'set a variable', collect)
    .option('-l, --label <name=value>', 'set a label', collect)
    .option('-w, --workdir <directory>')
    .option('-u, --user <name|uid[:group|gid]>')
    .option('-h, --hostname <name>')
    .addOption(new Option('--network <mode>').choices(['none', 'host']).default('none'))
    .option('--record-opens', 'keep a list of the files that it opens, for bulkhead image minimize')
    .option('--storage-opt <size=bytes>', 'limit of what it may write to its root file system', collect)
    .option('--read-only', 'no writing to its root file system')
    .addOption(
      new Option('--pull <when>', 'when to fetch the image').choices(['missing', 'always', 'never']).default('missing'),
    )
    .addOption(
      new Option('--userns <mode>', 'whose user ids: its own range, or the host’s')
        .choices(['private', 'host'])
        .default('private'),
    )
    .helpOption('--help')
    .action(async (image: string, command: string[], options: RunOptions) => {
      const request = requestOf(image, command, options)
      process.exitCode = await withImage(image, options.pull, () =>
        withClient(async (client) => {
          if (request.attach === true) return await runAttached(client, request)
          const { id } = await client.call('containers/run', request)
          await print(`${id}\n`)
          return 0
        }),
      )
    })
}
