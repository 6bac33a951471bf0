/** The verbs `volume …`. */
import { Command } from 'commander'
import { confirm } from './confirm.ts'
import { each } from './containers.ts'
import { labels } from './runFlags.ts'
import { print, withClient } from './session.ts'
import { formatOption, jsonLines, table, type Format } from './table.ts'
import { collect, defined, size } from './units.ts'

interface LsOptions {
  quiet?: boolean
  filter?: string[]
  format: Format
}

function ls(): Command {
  return new Command('ls')
    .alias('list')
    .description('list volumes')
    .option('-q, --quiet', 'names alone')
    .option('-f, --filter <dangling=true>', 'those that no container has', collect)
    .addOption(formatOption())
    .action(async ({ quiet = false, filter = [], format }: LsOptions) => {
      const found = await withClient((client) => client.call('volumes/list'))
      const wanted = filter.find((one) => one.startsWith('dangling='))
      const all = found.filter(
        ({ usedBy }) => wanted === undefined || (usedBy.length === 0) === wanted.endsWith('true'),
      )
      if (quiet) return await print(all.map(({ name }) => `${name}\n`).join(''))
      if (format === 'json')
        return await print(
          jsonLines(all.map(({ name, mountpoint }) => ({ Name: name, Driver: 'local', Mountpoint: mountpoint }))),
        )
      const rows = all.map(({ name, usedBy }) => ({
        DRIVER: 'local',
        'VOLUME NAME': name,
        'USED BY': usedBy.join(', '),
      }))
      await print(table(['DRIVER', 'VOLUME NAME', 'USED BY'], rows))
    })
}

export function volumeCommand(): Command {
  return new Command('volume')
    .description('folders that outlive containers')
    .addCommand(
      new Command('create')
        .description('make a volume; one that is there stays as it is')
        .argument('[name]')
        .option('--label <name=value>', '', collect)
        .action(async (name: string | undefined, { label = [] }: { label?: string[] }) => {
          const request = { ...defined({ name }), labels: labels(label) }
          await print(`${(await withClient((client) => client.call('volumes/create', request))).name}\n`)
        }),
    )
    .addCommand(ls())
    .addCommand(
      new Command('rm')
        .alias('remove')
        .description('remove volumes, and what is in them')
        .argument('<volume...>')
        .option('-f, --force', 'for Docker’s sake')
        .action((names: string[]) => each(names, (client, volume) => client.call('volumes/remove', { volume }))),
    )
    .addCommand(
      new Command('inspect')
        .description('show all that is known of volumes')
        .argument('<volume...>')
        .action(async (names: string[]) => {
          const all = await withClient((client) =>
            Promise.all(names.map((volume) => client.call('volumes/inspect', { volume }))),
          )
          await print(`${JSON.stringify(all, null, 2)}\n`)
        }),
    )
    .addCommand(
      new Command('prune')
        .description('remove volumes without a name that no container has')
        .option('-a, --all', 'those with a name, too')
        .option('-f, --force', 'do not ask')
        .action(async ({ all = false, force = false }: { all?: boolean; force?: boolean }) => {
          const which = all ? 'all volumes' : 'all volumes without a name'
          if (!force && !(await confirm(`Remove ${which} that no container has?`))) return
          const { volumes, reclaimed } = await withClient((client) => client.call('volumes/prune', { all }))
          await print(`${volumes.map((name) => `${name}\n`).join('')}Total reclaimed: ${size(reclaimed)}\n`)
        }),
    )
}
