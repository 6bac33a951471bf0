/** The verbs that move images: pull, push, load, save, import. */
import { Command } from 'commander'
import type { Client } from '../client/client.ts'
import { credentialsFor } from '../client/credentials.ts'
import { receiveFrom, sendFile } from '../client/transfer.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { ImageSummary } from '../protocol/imageSchemas.ts'
import { familiarName, parseReference } from '../protocol/reference.ts'
import { ProgressPrinter } from './progress.ts'
import { archiveSink, openClient, print, withClient } from './session.ts'
import { collect, defined } from './units.ts'

/** Fetches an image; progress goes to standard error. Interrupting it closes the connection, which cancels it. */
export async function pullImage(
  client: Client,
  name: string,
  options: { quiet: boolean; platform?: string | undefined },
): Promise<ImageSummary> {
  const printer = new ProgressPrinter(options)
  client.onProgress((progress) => printer.show(progress))
  const credentials = await credentialsFor(name)
  return await client.call('images/pull', { name, ...defined({ credentials, platform: options.platform }) })
}

function pull(): Command {
  return new Command('pull')
    .description('fetch an image from its registry')
    .argument('<name>', '[registry/]name[:tag|@digest]')
    .option('-q, --quiet', 'print its name alone')
    .option('--platform <os/arch>', 'another than this machine’s')
    .action(async (name: string, { quiet = false, platform }: { quiet?: boolean; platform?: string }) => {
      const reference = parseReference(name)
      if (reference === undefined) throw new BulkheadError('InvalidRequest', `${name} is no name of an image`)
      const before = quiet ? undefined : await withClient((client) => client.call('images/list'))
      if (!quiet) process.stderr.write(`${reference.tag ?? reference.digest}: Pulling from ${reference.repository}\n`)
      const image = await withClient((client) => pullImage(client, name, { quiet, platform }))
      const full = familiarName(reference)
      if (quiet) return await print(`${full}\n`)
      const isNew = before?.some(({ digest, name: known }) => digest === image.digest && known === image.name) !== true
      const place = `${reference.registry}/${reference.repository}@`
      const digest = image.repoDigests.find((known) => known.startsWith(place))?.split('@')[1] ?? image.digest
      await print(
        `Digest: ${digest}\nStatus: ${isNew ? 'Downloaded newer image' : 'Image is up to date'} for ${full}\n`,
      )
    })
}

function push(): Command {
  return new Command('push')
    .description('send an image to the registry of its name')
    .argument('<name>', '[registry/]name[:tag]')
    .option('-q, --quiet')
    .action(async (name: string, { quiet = false }: { quiet?: boolean }) => {
      const credentials = await credentialsFor(name)
      const { digest } = await withClient((client) => {
        const printer = new ProgressPrinter({ quiet })
        client.onProgress((progress) => printer.show(progress))
        return client.call('images/push', { name, ...defined({ credentials }) })
      })
      await print(`${parseReference(name)?.tag ?? ''}: digest: ${digest}\n`)
    })
}

function load(): Command {
  return new Command('load')
    .description('take in images from an archive of docker save, podman save or bulkhead save')
    .option('-i, --input <file>', 'instead of standard input')
    .option('-q, --quiet', 'no progress')
    .action(async ({ input, quiet = false }: { input?: string; quiet?: boolean }) => {
      const printer = new ProgressPrinter({ quiet })
      const images = await sendFile(openClient, 'images/load', {}, fileOf(input ?? '-'), {
        onProgress: (progress) => printer.show(progress),
      })
      for (const { name, id } of images)
        await print(name === null ? `Loaded image ID: ${id}\n` : `Loaded image: ${name}\n`)
    })
}

function save(): Command {
  return new Command('save')
    .description('write images to an archive that bulkhead, docker, podman and skopeo read')
    .argument('<image...>')
    .option('-o, --output <file>', 'instead of standard output')
    .action(async (names: string[], { output }: { output?: string }) => {
      const sink = archiveSink(output)
      await withClient((client) => receiveFrom(client, 'images/save', { names }, sink))
    })
}

function importCommand(): Command {
  return new Command('import')
    .description('make an image of one layer from a root file system archive (tar, tar.gz, tar.zst)')
    .argument('<file>', 'the archive, or - for standard input')
    .argument('[name]', 'name[:tag] of the image; from the file’s name when left out')
    .option('-m, --message <text>', 'for its history', '')
    .option('-c, --change <instruction>', 'an instruction of a Dockerfile, such as CMD ["/bin/sh"]', collect, [])
    .action(
      async (file: string, name: string | undefined, { message, change }: { message: string; change: string[] }) => {
        const chosen = name ?? nameOf(file)
        const image = await sendFile(
          openClient,
          'images/import',
          { name: chosen, message, changes: change },
          fileOf(file),
        )
        await print(`${image.id}\n`)
      },
    )
}

/** `-` is standard input, by its descriptor. */
function fileOf(path: string): string | number {
  return path === '-' ? 0 : path
}

function nameOf(file: string): string {
  const base = file.split('/').at(-1)!
  const name = base.toLowerCase().replace(/\.(?:tar|tgz|tar\.gz|tar\.zst|tzst)$/, '')
  if (file !== '-' && /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name)) return name
  throw new BulkheadError('InvalidRequest', `${base} makes no name for an image`, {
    hint: 'Give one: bulkhead import FILE NAME',
  })
}

export function transferCommands(): Command[] {
  return [pull(), push(), load(), save(), importCommand()]
}
