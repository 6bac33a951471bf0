/** The flags that `run` and `create` have in common: Docker's, as a request. */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { BulkheadError } from '../protocol/errors.ts'
import type { Params } from '../protocol/methods.ts'
import { parseMount, parseTmpfs, parseVolume, type Parsed } from '../protocol/mountText.ts'
import { parsePublish } from '../protocol/portText.ts'
import { parseBytes } from '../protocol/text.ts'
import { limitsOf, withLimitFlags, type LimitFlags } from './limitFlags.ts'
import type { MountRequest } from '../protocol/volumeSchemas.ts'
import { windowSize } from './attached.ts'
import { collect, defined, duration, integer, signalNumber } from './units.ts'

type Request = Params<'containers/run'>

export interface RunFlags extends LimitFlags {
  interactive?: boolean
  tty?: boolean
  rm?: boolean
  name?: string
  env?: string[]
  envFile?: string[]
  label?: string[]
  workdir?: string
  user?: string
  hostname?: string
  network?: string[]
  networkAlias?: string[]
  ip?: string
  ip6?: string
  macAddress?: string
  publish?: Request['publish']
  publishAll?: boolean
  expose?: NonNullable<Request['expose']>
  dns?: string[]
  dnsSearch?: string[]
  dnsOption?: string[]
  addHost?: string[]
  net?: string[]
  volume?: MountRequest[]
  mount?: MountRequest[]
  tmpfs?: MountRequest[]
  volumesFrom?: string[]
  entrypoint?: string
  init?: boolean
  stopSignal?: number
  stopTimeout?: number
  healthCmd?: string
  healthInterval?: number
  healthTimeout?: number
  healthStartPeriod?: number
  healthStartInterval?: number
  healthRetries?: number
  healthcheck: boolean
  readOnly?: boolean
  recordOpens?: boolean
  storageOpt?: string[]
  userns: 'private' | 'host'
}

function absolute(path: string): string {
  return resolve(path.replace(/^~(?=\/|$)/, homedir()))
}

function mounts(parse: (text: string, absolute: (path: string) => string) => Parsed) {
  return (text: string, before: MountRequest[] | undefined): MountRequest[] => {
    const parsed = parse(text, absolute)
    if (typeof parsed === 'string') throw new InvalidArgumentError(`It ${parsed}.`)
    return [...(before ?? []), parsed]
  }
}

function publish(text: string, before: Request['publish']): Request['publish'] {
  const parsed = parsePublish(text)
  if (parsed === undefined)
    throw new InvalidArgumentError(
      'It must be [IP:][HOST:]CONTAINER[/udp], such as 8080:80 or 127.0.0.1:5000-5009:5000-5009.',
    )
  return [...(before ?? []), ...parsed]
}

function expose(text: string, before: RunFlags['expose']): RunFlags['expose'] {
  const parsed = text.includes(':') ? undefined : parsePublish(text)
  if (parsed === undefined) throw new InvalidArgumentError('It must be PORT[/udp], such as 80.')
  return [
    ...(before ?? []),
    ...parsed.map(({ containerPort, protocol }) => ({ containerPort, protocol: protocol ?? 'tcp' })),
  ]
}

/** `NAME` alone takes the value of the caller's own environment, as with Docker. */
export function environment(entries: readonly string[]): string[] {
  return entries.flatMap((entry) => {
    if (entry.includes('=')) return [entry]
    const value = process.env[entry]
    return value === undefined ? [] : [`${entry}=${value}`]
  })
}

/** A line a variable; empty lines and those that begin with # are left out. */
function environmentFiles(paths: readonly string[]): string[] {
  return paths.flatMap((path) =>
    environment(
      readFileSync(path, 'utf8')
        .split(/\r?\n/)
        .map((line) => line.trimStart())
        .filter((line) => line !== '' && !line.startsWith('#')),
    ),
  )
}

export function labels(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const equals = entry.indexOf('=')
      return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)]
    }),
  )
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

function hosts(entries: readonly string[]): NonNullable<Request['addHosts']> {
  return entries.map((entry) => {
    const [name = '', address = ''] = entry.split(/[:=](.*)/s)
    return { name, address: address.replace(/^\[(.*)\]$/, '$1') }
  })
}

function health(flags: RunFlags): Request['health'] {
  if (!flags.healthcheck) return { test: ['NONE'] }
  const times = defined({
    interval: flags.healthInterval,
    timeout: flags.healthTimeout,
    startPeriod: flags.healthStartPeriod,
    startInterval: flags.healthStartInterval,
    retries: flags.healthRetries,
  })
  const test = flags.healthCmd === undefined ? [] : ['CMD-SHELL', flags.healthCmd]
  return test.length === 0 && Object.keys(times).length === 0 ? undefined : { test, ...times }
}

function networks(flags: RunFlags): Pick<Request, 'network' | 'endpoint' | 'connect'> {
  const [network = 'bridge', ...further] = [...(flags.network ?? []), ...(flags.net ?? [])]
  const options = defined({ address: flags.ip, address6: flags.ip6, mac: flags.macAddress })
  return {
    network: network === 'default' ? 'bridge' : network,
    endpoint: { aliases: flags.networkAlias ?? [], ...options },
    connect: further.map((name) => ({ network: name })),
  }
}

export function requestOf(image: string, command: string[], flags: RunFlags): Request {
  const optional = defined({
    storageSize: storageSize(flags.storageOpt ?? []),
    name: flags.name,
    hostname: flags.hostname,
    workingDirectory: flags.workdir,
    user: flags.user,
    restart: flags.restart,
    entrypoint: flags.entrypoint === undefined ? undefined : [flags.entrypoint],
    stopSignal: flags.stopSignal,
    stopTimeout: flags.stopTimeout,
    health: health(flags),
    publish: flags.publish,
    expose: flags.expose,
    mounts: [...(flags.volume ?? []), ...(flags.mount ?? []), ...(flags.tmpfs ?? [])],
  })
  return {
    image,
    command,
    ...optional,
    ...networks(flags),
    env: [...environmentFiles(flags.envFile ?? []), ...environment(flags.env ?? [])],
    labels: labels(flags.label ?? []),
    tty: flags.tty ?? false,
    openStdin: flags.interactive ?? false,
    autoRemove: flags.rm ?? false,
    readOnly: flags.readOnly ?? false,
    recordOpens: flags.recordOpens ?? false,
    init: flags.init ?? false,
    publishAll: flags.publishAll ?? false,
    dns: flags.dns ?? [],
    dnsSearch: flags.dnsSearch ?? [],
    dnsOptions: flags.dnsOption ?? [],
    addHosts: hosts(flags.addHost ?? []),
    volumesFrom: (flags.volumesFrom ?? []).map((text) => {
      const [container = '', mode] = text.split(':')
      return { container, readOnly: mode === 'ro' }
    }),
    userns: flags.userns,
    resources: limitsOf(flags),
    ...windowSize(),
  }
}

/** Adds the flags to a command. */
export function withRunFlags(command: Command): Command {
  command
    .option('-i, --interactive', 'keep stdin open')
    .option('-t, --tty', 'give it a terminal')
    .option('--rm', 'remove it when it has ended')
    .option('--name <name>')
    .option('-p, --publish <[ip:][host:]container[/udp]>', 'a port of the host that leads to one of it', publish)
    .option('-P, --publish-all', 'publish all ports that the image exposes, at free ones')
    .option('--expose <port[/udp]>', 'a port that -P publishes', expose)
    .option('-v, --volume <[source:]target[:options]>', 'a volume, or a folder of the host', mounts(parseVolume))
    .option('--mount <key=value,…>', 'a volume, a folder of the host, or a tmpfs', mounts(parseMount))
    .option('--tmpfs <target[:options]>', 'an empty folder in memory', mounts(parseTmpfs))
    .option('--volumes-from <container[:ro]>', 'the volumes of another container', collect)
    .option('--network <network>', 'none, host, container:NAME or a network; may be given again', collect)
    .option('--net <network>', 'as --network', collect)
    .option('--network-alias <name>', 'a further name in its network', collect)
    .option('--ip <address>', 'its IPv4 address')
    .option('--ip6 <address>', 'its IPv6 address')
    .option('--mac-address <address>')
    .option('--add-host <name:address>', 'a line of /etc/hosts', collect)
    .option('--dns <address>', 'whom it asks for names outside of its network', collect)
    .option('--dns-search <domain>', 'a domain to look in', collect)
    .option('--dns-option <option>', 'an option of resolv.conf', collect)
    .option('--entrypoint <command>', 'instead of the image’s')
    .option('--init', 'a first process that reaps and passes signals on')
    .option('--stop-signal <signal>', 'what asks it to end', signalNumber)
    .option('--stop-timeout <seconds>', 'before it is killed', integer)
    .option('--health-cmd <command>', 'a command that says how it is')
    .option('--health-interval <duration>', 'between two checks', duration)
    .option('--health-timeout <duration>', 'of one check', duration)
    .option('--health-start-period <duration>', 'at first failures do not count', duration)
    .option('--health-start-interval <duration>', 'between checks at first', duration)
    .option('--health-retries <number>', 'failures in a row that make it unhealthy', integer)
    .option('--no-healthcheck', 'leave the image’s check out')
    .option('-e, --env <name=value>', 'set a variable', collect)
    .option('--env-file <file>', 'variables, a line each', collect)
    .option('-l, --label <name=value>', 'set a label', collect)
    .option('-w, --workdir <directory>')
    .option('-u, --user <name|uid[:group|gid]>')
    .option('-h, --hostname <name>')
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
  return withLimitFlags(command)
}
