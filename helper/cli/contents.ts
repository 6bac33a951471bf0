/** The verbs for containers' files: diff, export, commit, cp. */
import { Command } from 'commander'
import { copyIn, copyOut } from '../client/copy.ts'
import { receiveFrom, sendTo } from '../client/transfer.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { archiveSink, openClient, print, withClient } from './session.ts'
import { changeLetters, formatOption, jsonLines, type Format } from './table.ts'
import { collect, defined } from './units.ts'

function diff(): Command {
  return new Command('diff')
    .description('list files that a container changed: A added, C changed, D removed')
    .argument('<container>')
    .addOption(formatOption())
    .action(async (container: string, { format }: { format: Format }) => {
      const changes = await withClient((client) => client.call('containers/diff', { container }))
      if (format === 'json') return await print(jsonLines(changes))
      await print(changes.map(({ kind, path }) => `${changeLetters[kind]} /${path}\n`).join(''))
    })
}

function exportCommand(): Command {
  return new Command('export')
    .description('write a container’s whole root file system as a tar archive')
    .argument('<container>')
    .option('-o, --output <file>', 'instead of standard output')
    .action(async (container: string, { output }: { output?: string }) => {
      const sink = archiveSink(output)
      await withClient((client) => receiveFrom(client, 'containers/export', { container }, sink))
    })
}

interface CommitOptions {
  message: string
  author: string
  change: string[]
  pause: boolean
}

function commit(): Command {
  return new Command('commit')
    .description('make an image of what a container has written')
    .argument('<container>')
    .argument('[name]', 'name[:tag] of the image')
    .option('-m, --message <text>', 'for its history', '')
    .option('-a, --author <author>', '', '')
    .option('-c, --change <instruction>', 'an instruction of a Dockerfile, such as CMD ["/bin/sh"]', collect, [])
    .option('--no-pause', 'let it run meanwhile')
    .action(async (container: string, name: string | undefined, { message, author, change, pause }: CommitOptions) => {
      const image = await withClient((client) =>
        client.call('containers/commit', { container, message, author, changes: change, pause, ...defined({ name }) }),
      )
      await print(`${image.id}\n`)
    })
}

/** `name:/path`; undefined for a path of this machine. */
function inContainer(text: string): { container: string; path: string } | undefined {
  const match = /^([a-zA-Z0-9][a-zA-Z0-9_.-]*):(.*)$/s.exec(text)
  return match === null ? undefined : { container: match[1]!, path: match[2] === '' ? '/' : match[2]! }
}

function copy(): Command {
  return new Command('cp')
    .description('copy files between a container and this machine; - is a tar archive on standard input or output')
    .argument('<source>', 'CONTAINER:PATH, or a path here')
    .argument('<destination>')
    .option('-a, --archive', 'keep owners of what is copied into a container')
    .action(async (source: string, destination: string, { archive: keepOwners = false }: { archive?: boolean }) => {
      const from = inContainer(source)
      const to = inContainer(destination)
      if ((from === undefined) === (to === undefined))
        throw new BulkheadError(
          'InvalidRequest',
          'one of the two must be in a container, written CONTAINER:PATH, and the other not',
        )
      await withClient<unknown>(async (client) => {
        if (from !== undefined && destination === '-')
          return await receiveFrom(client, 'containers/copyFrom', from, process.stdout)
        if (to !== undefined && source === '-')
          return await sendTo(client, 'containers/copyTo', { ...to, keepOwners }, process.stdin)
        if (from !== undefined)
          return await copyOut(
            client,
            openClient,
            { root: { container: from.container }, path: from.path },
            destination,
          )
        return await copyIn(client, openClient, source, { container: to!.container, into: to!.path, keepOwners })
      })
    })
}

export function contentCommands(): Command[] {
  return [diff(), exportCommand(), commit(), copy()]
}
