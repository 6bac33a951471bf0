/** The verbs `network …`. */
import { Command } from 'commander'
import { BulkheadError } from '../protocol/errors.ts'
import { confirm } from './confirm.ts'
import { each } from './containers.ts'
import { labels } from './runFlags.ts'
import { print, withClient } from './session.ts'
import { formatOption, jsonLines, table, type Format } from './table.ts'
import { collect, defined } from './units.ts'

interface CreateOptions {
  driver: string
  subnet?: string[]
  gateway?: string[]
  ipv6?: boolean
  internal?: boolean
  label?: string[]
}

function create(): Command {
  return new Command('create')
    .description('make a network')
    .argument('<name>')
    .option('-d, --driver <driver>', '', 'bridge')
    .option('--subnet <subnet>', 'its addresses, such as 10.5.0.0/24', collect)
    .option('--gateway <address>', 'the host’s address in it', collect)
    .option('--ipv6', 'addresses of IPv6, too')
    .option('--internal', 'no way out')
    .option('--label <name=value>', '', collect)
    .action(async (name: string, options: CreateOptions) => {
      if (options.driver !== 'bridge')
        throw new BulkheadError('Unsupported', `there is no network driver ${options.driver}`, {
          hint: 'There is bridge; host and none are always there.',
        })
      const { subnet: subnets = [], gateway: gateways = [], ipv6 = false, internal = false, label = [] } = options
      const request = { name, subnets, gateways, ipv6, internal, labels: labels(label) }
      const { id } = await withClient((client) => client.call('networks/create', request))
      await print(`${id}\n`)
    })
}

function ls(): Command {
  return new Command('ls')
    .alias('list')
    .description('list networks')
    .option('-q, --quiet', 'ids alone')
    .addOption(formatOption())
    .action(async ({ quiet = false, format }: { quiet?: boolean; format: Format }) => {
      const all = await withClient((client) => client.call('networks/list'))
      if (quiet) return await print(all.map(({ id }) => `${id.slice(0, 12)}\n`).join(''))
      if (format === 'json')
        return await print(
          jsonLines(
            all.map(({ id, name, driver, internal }) => ({
              ...{ ID: id.slice(0, 12), Name: name, Driver: driver, Scope: 'local', Internal: String(internal) },
            })),
          ),
        )
      const rows = all.map(({ id, name, driver, subnets }) => ({
        'NETWORK ID': id.slice(0, 12),
        NAME: name,
        DRIVER: driver,
        SUBNETS: subnets.map(({ subnet }) => subnet).join(', '),
      }))
      await print(table(['NETWORK ID', 'NAME', 'DRIVER', 'SUBNETS'], rows))
    })
}

interface ConnectOptions {
  alias?: string[]
  ip?: string
  ip6?: string
  macAddress?: string
}

export function networkCommand(): Command {
  return new Command('network')
    .description('networks that containers share')
    .addCommand(create())
    .addCommand(ls())
    .addCommand(
      new Command('rm')
        .alias('remove')
        .description('remove networks')
        .argument('<network...>')
        .action((names: string[]) => each(names, (client, network) => client.call('networks/remove', { network }))),
    )
    .addCommand(
      new Command('inspect')
        .description('show all that is known of networks')
        .argument('<network...>')
        .action(async (names: string[]) => {
          const all = await withClient((client) =>
            Promise.all(names.map((network) => client.call('networks/inspect', { network }))),
          )
          await print(`${JSON.stringify(all, null, 2)}\n`)
        }),
    )
    .addCommand(
      new Command('connect')
        .description('give a container a further network')
        .argument('<network>')
        .argument('<container>')
        .option('--alias <name>', 'a further name in it', collect)
        .option('--ip <address>')
        .option('--ip6 <address>')
        .option('--mac-address <address>')
        .action(async (network: string, container: string, { alias = [], ip, ip6, macAddress }: ConnectOptions) => {
          const options = defined({ address: ip, address6: ip6, mac: macAddress })
          await withClient((client) =>
            client.call('networks/connect', { network, container, aliases: alias, ...options }),
          )
        }),
    )
    .addCommand(
      new Command('disconnect')
        .description('take a container out of a network')
        .argument('<network>')
        .argument('<container>')
        .option('-f, --force', 'for Docker’s sake')
        .action(async (network: string, container: string) => {
          await withClient((client) => client.call('networks/disconnect', { network, container }))
        }),
    )
    .addCommand(
      new Command('prune')
        .description('remove networks that no container uses')
        .option('-f, --force', 'do not ask')
        .action(async ({ force = false }: { force?: boolean }) => {
          if (!force && !(await confirm('Remove all networks that no container uses?'))) return
          const names = await withClient((client) => client.call('networks/prune'))
          await print(names.map((name) => `${name}\n`).join(''))
        }),
    )
}
