/** The verbs `system df` and `system prune`. */
import { Command } from 'commander'
import type { Usage } from '../protocol/imageSchemas.ts'
import { confirm } from './confirm.ts'
import { print, withClient } from './session.ts'
import { formatOption, jsonLines, table, type Format, type Row } from './table.ts'
import { shortId, size } from './units.ts'

function percent(part: number, whole: number): string {
  return whole === 0 ? '0%' : `${Math.round((part / whole) * 100)}%`
}

/** Docker's table. */
function summary({ images, containers, layers, reclaimable }: Usage): Row[] {
  const running = containers.filter(({ state }) => state === 'running' || state === 'paused')
  const written = containers.reduce((sum, each) => sum + each.size, 0)
  return [
    {
      TYPE: 'Images',
      TOTAL: String(images.length),
      ACTIVE: String(images.filter((image) => image.containers > 0).length),
      SIZE: size(layers.size),
      RECLAIMABLE: `${size(reclaimable.images)} (${percent(reclaimable.images, layers.size)})`,
    },
    {
      TYPE: 'Containers',
      TOTAL: String(containers.length),
      ACTIVE: String(running.length),
      SIZE: size(written),
      RECLAIMABLE: `${size(reclaimable.containers)} (${percent(reclaimable.containers, written)})`,
    },
    {
      TYPE: 'Compressed Layers',
      TOTAL: String(layers.count),
      ACTIVE: String(layers.count),
      SIZE: size(layers.blobs),
      RECLAIMABLE: '0B',
    },
  ]
}

function verbose({ images, containers }: Usage): string {
  const imageRows = images.map((image) => ({
    IMAGE: image.name ?? '<none>',
    'IMAGE ID': shortId(image.id),
    SIZE: size(image.size),
    SHARED: size(image.shared),
    UNIQUE: size(image.unique),
    CONTAINERS: String(image.containers),
  }))
  const containerRows = containers.map((each) => ({
    'CONTAINER ID': each.id.slice(0, 12),
    IMAGE: each.image,
    SIZE: size(each.size),
    STATUS: each.state,
    NAMES: each.name,
  }))
  return [
    'Images space usage:\n\n',
    table(['IMAGE', 'IMAGE ID', 'SIZE', 'SHARED', 'UNIQUE', 'CONTAINERS'], imageRows),
    '\nContainers space usage:\n\n',
    table(['CONTAINER ID', 'IMAGE', 'SIZE', 'STATUS', 'NAMES'], containerRows),
  ].join('')
}

function df(): Command {
  return new Command('df')
    .description('show what takes space, and what could be freed')
    .option('-v, --verbose', 'each image and container, with what they share')
    .addOption(formatOption())
    .action(async (options: { verbose?: boolean; format: Format }) => {
      const usage = await withClient((client) => client.call('system/df'))
      if (options.verbose === true)
        return await print(options.format === 'json' ? `${JSON.stringify(usage)}\n` : verbose(usage))
      const rows = summary(usage)
      if (options.format === 'table')
        return await print(table(['TYPE', 'TOTAL', 'ACTIVE', 'SIZE', 'RECLAIMABLE'], rows))
      const keys = rows.map((row) => ({
        Type: row['TYPE'],
        TotalCount: row['TOTAL'],
        Active: row['ACTIVE'],
        Size: row['SIZE'],
        Reclaimable: row['RECLAIMABLE'],
      }))
      await print(jsonLines(keys))
    })
}

function pruneCommand(parent: 'system' | 'image'): Command {
  const what = parent === 'system' ? 'containers that ended, and images without a name' : 'images without a name'
  return new Command('prune')
    .description(`remove ${what} that nobody uses`)
    .option('-a, --all', 'also images that have a name')
    .option('-f, --force', 'do not ask')
    .option('--dry-run', 'say what would be removed')
    .addOption(formatOption())
    .action(
      async ({
        all = false,
        force = false,
        dryRun = false,
        format,
      }: {
        all?: boolean
        force?: boolean
        dryRun?: boolean
        format: Format
      }) => {
        const wanted = { images: all ? 'all' : 'dangling', containers: parent === 'system' } as const
        await withClient(async (client) => {
          const preview = await client.call('system/prune', { ...wanted, dryRun: true })
          const count = preview.images.length + preview.containers.length
          if (
            !dryRun &&
            !force &&
            count > 0 &&
            !(await confirm(
              `Remove ${preview.containers.length} containers and ${preview.images.length} images (${size(preview.reclaimed)})?`,
            ))
          )
            return
          const pruned = dryRun ? preview : await client.call('system/prune', { ...wanted, dryRun: false })
          if (format === 'json') return await print(`${JSON.stringify(pruned)}\n`)
          const lines = [
            ...pruned.containers.map((name) => `container ${name}\n`),
            ...pruned.images.map((name) => `image ${name}\n`),
          ]
          await print(
            `${lines.join('')}Total ${dryRun ? 'that would be reclaimed' : 'reclaimed'}: ${size(pruned.reclaimed)}\n`,
          )
        })
      },
    )
}

export const imagePrune = (): Command => pruneCommand('image')

export function systemCommand(): Command {
  return new Command('system').description('space that is used').addCommand(df()).addCommand(pruneCommand('system'))
}
