/** The verbs for images that are here: images, rmi, tag, history, image …. */
import { Command } from 'commander'
import { BulkheadError } from '../protocol/errors.ts'
import { credentialsFor } from '../client/credentials.ts'
import type { HistoryEntry, ImageSummary, MinimizeProposal } from '../protocol/imageSchemas.ts'
import { print, report, withClient } from './session.ts'
import { imagePrune } from './system.ts'
import { changeLetters, formatOption, jsonLines, table, type Format, type Row } from './table.ts'
import { collect, defined, integer, shortId, size, span } from './units.ts'

const none = '<none>'

function repositoryAndTag({ name, repoDigests }: ImageSummary): [repository: string, tag: string] {
  if (name === null) return [repoDigests[0]?.split('@')[0]?.replace(/^docker\.io\/(?:library\/)?/, '') ?? none, none]
  if (name.includes('@')) return [name.split('@')[0]!, none]
  const [repository = '', tag = '-'] = name.split(/:(?=[^/]*$)/)
  return [repository, tag]
}

function created(image: { createdAt: number | null }): string {
  return image.createdAt === null ? '-' : `${span(Date.now() - image.createdAt)} ago`
}

function row(image: ImageSummary, full: boolean): Row {
  const [repository, tag] = repositoryAndTag(image)
  return {
    REPOSITORY: repository,
    TAG: tag,
    DIGEST: digestOf(image),
    'IMAGE ID': full ? image.id : shortId(image.id),
    CREATED: created(image),
    SIZE: image.size === null ? 'shared with the host' : size(image.size),
  }
}

function digestOf({ repoDigests }: ImageSummary): string {
  return repoDigests[0]?.split('@')[1] ?? none
}

/** Docker's keys, so that what reads docker images reads this. */
function json(image: ImageSummary): unknown {
  const [Repository, Tag] = repositoryAndTag(image)
  return {
    ID: shortId(image.id),
    Repository,
    Tag,
    Digest: digestOf(image),
    CreatedSince: created(image),
    CreatedAt: image.createdAt === null ? '' : new Date(image.createdAt).toISOString(),
    Size: image.size === null ? '0B' : size(image.size),
  }
}

interface ListOptions {
  quiet?: boolean
  all?: boolean
  digests?: boolean
  trunc: boolean
  filter: string[]
  format: Format
}

function passes(filters: readonly string[]): (image: ImageSummary) => boolean {
  return (image) =>
    filters.every((filter) => {
      const [key, value = ''] = filter.split(/=(.*)/s)
      if (key === 'dangling') return (image.name === null) === (value !== 'false')
      if (key === 'reference')
        return new RegExp(`^${value.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}(?::.*)?$`).test(
          image.name ?? '',
        )
      if (key === 'label') {
        const [name, wanted] = value.split(/=(.*)/s)
        return name! in image.labels && (wanted === undefined || image.labels[name!] === wanted)
      }
      throw new BulkheadError('InvalidRequest', `there is no filter ${key}`, {
        hint: 'Filters are dangling=true, label=NAME[=VALUE] and reference=PATTERN.',
      })
    })
}

function listCommand(name: string): Command {
  return new Command(name)
    .description('list images')
    .option('-a, --all', 'for Docker’s sake: there are no hidden ones')
    .option('-q, --quiet', 'ids alone')
    .option('--digests', 'show digests')
    .option('--no-trunc', 'whole ids')
    .option('-f, --filter <filter>', 'dangling=true, label=NAME[=VALUE], reference=PATTERN', collect, [])
    .addOption(formatOption())
    .action(async ({ quiet = false, digests = false, trunc, filter, format }: ListOptions) => {
      const images = (await withClient((client) => client.call('images/list'))).filter(passes(filter))
      if (quiet) return await print(images.map(({ id }) => `${trunc ? shortId(id) : id}\n`).join(''))
      if (format === 'json') return await print(jsonLines(images.map(json)))
      const titles = ['REPOSITORY', 'TAG', ...(digests ? ['DIGEST'] : []), 'IMAGE ID', 'CREATED', 'SIZE']
      await print(
        table(
          titles,
          images.map((image) => row(image, !trunc)),
        ),
      )
    })
}

function removeCommand(name: string): Command {
  return new Command(name)
    .description('remove images that no container uses')
    .argument('<image...>')
    .option('-f, --force', 'all names of an image that is given by its id')
    .action(async (names: string[], { force = false }: { force?: boolean }) => {
      await withClient(async (client) => {
        for (const name of names) {
          try {
            const { untagged, deleted } = await client.call('images/remove', { name, force })
            await print(
              [...untagged.map((each) => `Untagged: ${each}\n`), ...deleted.map((id) => `Deleted: ${id}\n`)].join(''),
            )
          } catch (error) {
            process.exitCode = Math.max(Number(process.exitCode ?? 0), report(error))
          }
        }
      })
    })
}

function tagCommand(): Command {
  return new Command('tag')
    .description('give an image a further name')
    .argument('<image>')
    .argument('<name>')
    .action(async (name: string, target: string) => {
      await withClient((client) => client.call('images/tag', { name, target }))
    })
}

function historyRow(entry: HistoryEntry, trunc: boolean): Row {
  const by = entry.createdBy.replaceAll(/\s+/g, ' ')
  return {
    IMAGE: entry.chainId === null ? '<none>' : trunc ? shortId(entry.chainId) : entry.chainId,
    CREATED: created(entry),
    'CREATED BY': trunc && by.length > 60 ? `${by.slice(0, 59)}…` : by,
    SIZE: size(entry.size),
    COMMENT: entry.comment,
  }
}

function historyCommand(): Command {
  return new Command('history')
    .description('show the steps that made an image, newest first')
    .argument('<image>')
    .option('-q, --quiet', 'layers’ chain ids alone')
    .option('--no-trunc', 'all of it')
    .addOption(formatOption())
    .action(
      async (name: string, { quiet = false, trunc, format }: { quiet?: boolean; trunc: boolean; format: Format }) => {
        const steps = (await withClient((client) => client.call('images/history', { name }))).toReversed()
        const rows = steps.map((step) => historyRow(step, trunc))
        if (quiet) return await print(rows.map((each) => `${each['IMAGE']}\n`).join(''))
        if (format === 'json')
          return await print(
            jsonLines(
              steps.map((step) => ({
                ID: step.chainId ?? '<missing>',
                CreatedAt: step.createdAt === null ? '' : new Date(step.createdAt).toISOString(),
                CreatedSince: created(step),
                CreatedBy: step.createdBy,
                Size: size(step.size),
                Comment: step.comment,
              })),
            ),
          )
        await print(table(['IMAGE', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT'], rows))
      },
    )
}

function inspectCommand(): Command {
  return new Command('inspect')
    .description('show all that is known of images')
    .argument('<image...>')
    .action(async (names: string[]) => {
      const all = await withClient((client) =>
        Promise.all(names.map((name) => client.call('images/inspect', { name }))),
      )
      await print(`${JSON.stringify(all, null, 2)}\n`)
    })
}

function layersCommand(): Command {
  return new Command('layers')
    .description('show an image’s layers, their wasted bytes and the image’s efficiency')
    .argument('<image>')
    .addOption(formatOption())
    .action(async (name: string, { format }: { format: Format }) => {
      const [layers, efficiency] = await withClient((client) =>
        Promise.all([client.call('images/layers', { name }), client.call('images/efficiency', { name })]),
      )
      if (format === 'json') return await print(`${JSON.stringify({ layers, efficiency })}\n`)
      const rows = layers.map((layer) => ({
        LAYER: shortId(layer.chainId),
        SIZE: size(layer.size),
        SHARED: layer.sharedWith.length === 0 ? '-' : layer.sharedWith.join(', '),
        'CREATED BY': layer.createdBy.replaceAll(/\s+/g, ' ').slice(0, 70),
      }))
      await print(table(['LAYER', 'SIZE', 'SHARED', 'CREATED BY'], rows))
      await print(`\nEfficiency ${(efficiency.score * 100).toFixed(1)} %, wasted ${size(efficiency.wasted)}\n`)
      const wasted = efficiency.files
        .slice(0, 20)
        .map((file) => ({ COUNT: String(file.count), WASTED: size(file.size), PATH: `/${file.path}` }))
      if (wasted.length > 0) await print(table(['COUNT', 'WASTED', 'PATH'], wasted))
    })
}

function compareCommand(): Command {
  return new Command('compare')
    .description('list files that differ between two images: A added, C changed, D removed')
    .argument('<image>')
    .argument('<image>')
    .addOption(formatOption())
    .action(async (name: string, other: string, { format }: { format: Format }) => {
      const changes = await withClient((client) => client.call('images/compare', { name, with: other }))
      if (format === 'json') return await print(jsonLines(changes))
      await print(
        changes
          .map(({ kind, path, size: bytes }) => `${changeLetters[kind]} ${size(bytes).padStart(8)} /${path}\n`)
          .join(''),
      )
    })
}

function squashCommand(): Command {
  return new Command('squash')
    .description('make a new image in which the upper layers are one')
    .argument('<image>')
    .argument('<name>', 'of the new image')
    .option('--from <number>', 'the lowest layer of those; 0 is the lowest of all', integer, 0)
    .action(async (name: string, target: string, { from }: { from: number }) => {
      const { id } = await withClient((client) => client.call('images/squash', { name, target, from }))
      await print(`${id}\n`)
    })
}

function hostCommand(): Command {
  return new Command('host')
    .description('make an image of chosen files of this machine, with the shared libraries that they need')
    .requiredOption('-t, --tag <name>', 'of the new image')
    .requiredOption('--only <path...>', 'files and folders that any user may read')
    .action(async ({ tag, only }: { tag: string; only: string[] }) => {
      const image = await withClient((client) => client.call('images/host', { name: tag, paths: only }))
      await print(`${image.id}\n`)
      process.stderr.write(`${image.name}: ${size(image.size ?? 0)}\n`)
    })
}

function proposalText(proposal: MinimizeProposal): string {
  const rows = proposal.removed
    .slice(0, 30)
    .map((each) => ({ FILES: String(each.files), SIZE: size(each.size), REMOVED: each.path }))
  const more = proposal.removed.length > 30 ? `… and ${proposal.removed.length - 30} more\n` : ''
  return `${table(['FILES', 'SIZE', 'REMOVED'], rows)}${more}\n${proposal.image}: ${size(proposal.size)} → ${size(proposal.kept)} (${proposal.keptFiles} files stay, ${proposal.removedFiles} go)\n`
}

function minimizeCommand(): Command {
  return new Command('minimize')
    .description('propose a smaller image from what a container opened (run --record-opens), or make it')
    .argument('<container>')
    .option('-t, --tag <name>', 'make it, under this name')
    .option('--keep <path...>', 'files and folders that stay in any case', [])
    .addOption(formatOption())
    .action(async (container: string, { tag, keep, format }: { tag?: string; keep: string[]; format: Format }) => {
      if (tag === undefined) {
        const proposal = await withClient((client) => client.call('images/minimize', { container, keep }))
        await print(format === 'json' ? `${JSON.stringify(proposal)}\n` : proposalText(proposal))
        if (format !== 'json') process.stderr.write('Nothing was made: give it a name with --tag to make it.\n')
        return
      }
      const image = await withClient((client) => client.call('images/minimizeTo', { container, target: tag, keep }))
      await print(`${image.id}\n`)
      process.stderr.write(`${image.name}: ${size(image.size ?? 0)}\n`)
    })
}

function referrersCommand(): Command {
  return new Command('referrers')
    .description('list what a registry has that refers to an image: signatures, bills of materials')
    .argument('<name>')
    .addOption(formatOption())
    .action(async (name: string, { format }: { format: Format }) => {
      const credentials = await credentialsFor(name)
      const found = await withClient((client) => client.call('images/referrers', { name, ...defined({ credentials }) }))
      if (format === 'json') return await print(jsonLines(found))
      const rows = found.map((each) => ({
        DIGEST: each.digest,
        TYPE: each.artifactType || each.mediaType,
        SIZE: size(each.size),
      }))
      await print(table(['DIGEST', 'TYPE', 'SIZE'], rows))
    })
}

export function imageCommands(): Command[] {
  const group = new Command('image').description('more about images')
  for (const command of [
    listCommand('ls'),
    removeCommand('rm'),
    inspectCommand(),
    layersCommand(),
    hostCommand(),
    minimizeCommand(),
    squashCommand(),
    compareCommand(),
    imagePrune(),
    referrersCommand(),
  ])
    group.addCommand(command)
  return [listCommand('images'), removeCommand('rmi'), tagCommand(), historyCommand(), group]
}
