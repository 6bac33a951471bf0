/** The verbs for images: images, import, rmi. */
import { createReadStream } from 'node:fs'
import { Command } from 'commander'
import { importArchive } from '../client/importArchive.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { ImageSummary } from '../protocol/schemas.ts'
import { print, withClient } from './session.ts'
import { formatOption, jsonLines, table } from './table.ts'
import { size, span } from './units.ts'

function row(image: ImageSummary): Record<string, string> {
  const [repository = '', tag = ''] = image.name.split(/:(?=[^/]*$)/)
  return {
    REPOSITORY: repository,
    TAG: tag === '' ? '-' : tag,
    'IMAGE ID': image.id.replace('sha256:', '').slice(0, 12),
    CREATED: image.createdAt === null ? '-' : `${span(Date.now() - image.createdAt)} ago`,
    SIZE: image.size === null ? 'shared with the host' : size(image.size),
  }
}

export function imageCommands(): Command[] {
  return [
    new Command('images')
      .description('list images')
      .option('-q, --quiet', 'ids alone')
      .addOption(formatOption)
      .action(async ({ quiet = false, format }: { quiet?: boolean; format: 'table' | 'json' }) => {
        const images = await withClient((client) => client.call('images/list'))
        if (quiet) await print(images.map((image) => `${row(image)['IMAGE ID']}\n`).join(''))
        else if (format === 'json') await print(jsonLines(images))
        else await print(table(['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE'], images.map(row)))
      }),
    new Command('import')
      .description('make an image of one layer from a root file system archive (tar, tar.gz, tar.zst)')
      .argument('<file>', 'the archive, or - for standard input')
      .argument('[name]', 'name[:tag] of the image; from the file’s name when left out')
      .action(async (file: string, name: string | undefined) => {
        const chosen = name ?? nameOf(file)
        const source = file === '-' ? process.stdin : createReadStream(file)
        const image = await withClient((client) => importArchive(client, source, chosen))
        await print(`${image.id}\n`)
      }),
    new Command('rmi')
      .description('remove images that no container uses')
      .argument('<image...>')
      .action(async (names: string[]) => {
        await withClient(async (client) => {
          for (const name of names) {
            await client.call('images/remove', { name })
            await print(`${name}\n`)
          }
        })
      }),
  ]
}

function nameOf(file: string): string {
  const base = file.split('/').at(-1)!
  const name = base.toLowerCase().replace(/\.(?:tar|tgz|tar\.gz|tar\.zst|tzst)$/, '')
  if (file !== '-' && /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name)) return name
  throw new BulkheadError('InvalidRequest', `${base} makes no name for an image`, {
    hint: 'Give one: bulkhead import FILE NAME',
  })
}
