/** Files between this machine and a container, as docker cp moves them. On this machine GNU tar reads and writes them, with
 * the caller's own rights. */
import { spawn } from 'node:child_process'
import { lstatSync, statSync } from 'node:fs'
import { basename, dirname, posix, resolve } from 'node:path'
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { extract, pack } from 'tar-stream'
import { BulkheadError } from '../protocol/errors.ts'
import type { FileEntry, RootReference } from '../protocol/imageSchemas.ts'
import type { Client } from './client.ts'
import { receiveFrom, sendTo } from './transfer.ts'

function tar(args: readonly string[], stdio: 'in' | 'out') {
  const child = spawn('tar', args, {
    stdio: [stdio === 'in' ? 'pipe' : 'ignore', stdio === 'out' ? 'pipe' : 'ignore', 'pipe'],
  })
  let problem = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (problem += text))
  const done = new Promise<void>((settle, reject) => {
    child.on('error', reject)
    child.on('close', (code) =>
      code === 0
        ? settle()
        : reject(new BulkheadError('InvalidRequest', problem.trim().split('\n')[0] ?? `tar ended with ${code}`)),
    )
  })
  done.catch(() => undefined)
  return { child, done }
}

/** Gives the uppermost name of an archive another one. */
async function* renamed(source: Readable, name: string): AsyncGenerator<Buffer> {
  const reader = extract()
  const writer = pack()
  const change = (path: string): string => {
    const [, ...rest] = path.replace(/^\.\//, '').split('/')
    return [name, ...rest].join('/')
  }
  const feeding = pipeline(source, reader)
  feeding.catch((error: unknown) => writer.destroy(error as Error))
  const rewriting = async (): Promise<void> => {
    for await (const entry of reader) {
      const { header } = entry
      const { path: _path, linkpath: _linkpath, ...pax } = (header.pax ?? {}) as Record<string, string>
      const link = header.type === 'link' && header.linkname != null ? change(header.linkname) : header.linkname
      const sink = writer.entry({ ...header, name: change(header.name), linkname: link ?? null, pax })
      await pipeline(entry as unknown as NodeJS.ReadableStream, sink)
    }
    writer.finalize()
  }
  rewriting().catch((error: unknown) => writer.destroy(error as Error))
  yield* writer as unknown as AsyncIterable<Buffer>
}

/** What is there, links followed; undefined when nothing is. */
async function statIn(client: Client, root: RootReference, path: string): Promise<FileEntry | undefined> {
  try {
    return await client.call('files/stat', { root, path })
  } catch (error) {
    if (error instanceof BulkheadError && error.reason === 'PathNotFound') return undefined
    throw error
  }
}

const isDirectory = (entry: FileEntry): boolean => entry.type === 'directory' || entry.target === 'directory'

/** `into`: a path in the container. `open`: a connection for the stream. */
export async function copyIn(
  client: Client,
  open: () => Promise<Client>,
  source: string,
  destination: { container: string; into: string; keepOwners: boolean },
): Promise<void> {
  const { container, into, keepOwners } = destination
  const contentOnly = /(?:^|\/)\.$/.test(source)
  const path = resolve(source)
  const status = statSync(path, { throwIfNoEntry: false })
  if (status === undefined && lstatSync(path, { throwIfNoEntry: false }) === undefined)
    throw new BulkheadError('PathNotFound', `${source} is not there`)
  const there = await statIn(client, { container }, into)
  if (there !== undefined && !isDirectory(there) && status?.isDirectory() === true)
    throw new BulkheadError(
      'InvalidRequest',
      `${into} in the container is a file: a directory cannot be copied onto it`,
    )
  if (there === undefined && into.endsWith('/') && status?.isDirectory() !== true)
    throw new BulkheadError('PathNotFound', `${into} is not there in the container`)
  const goesInside = there !== undefined && isDirectory(there)
  const contents = contentOnly && goesInside
  const { child, done } = tar(
    ['--format=pax', '-c', '-f', '-', '-C', contents ? path : dirname(path), '--', contents ? '.' : basename(path)],
    'out',
  )
  const out = child.stdout!
  const name = posix.basename(posix.normalize(into).replace(/\/$/, ''))
  // At once: what nobody reads of a process that has ended is thrown away.
  const archive = streamOf(goesInside ? out : renamed(out, name))
  const stream = await open()
  try {
    await sendTo(
      stream,
      'containers/copyTo',
      { container, path: goesInside ? into : posix.dirname(posix.normalize(into)), keepOwners },
      archive,
    )
    await done
  } finally {
    stream.close()
  }
}

function streamOf(source: AsyncIterable<Buffer>): Readable {
  const through = new PassThrough()
  pipeline(source, through).catch(() => undefined)
  return through
}

/** Out of a container, an image or a layer. `to`: a path here. */
export async function copyOut(
  client: Client,
  open: () => Promise<Client>,
  source: { root: RootReference; path: string },
  to: string,
): Promise<void> {
  const { root } = source
  const contentOnly = /(?:^|\/)\.$/.test(source.path)
  const path = posix.normalize(`/${source.path}`).replace(/(?<=.)\/$/, '')
  const entry = await client.call('files/stat', { root, path })
  const here = statSync(to, { throwIfNoEntry: false })
  if (here?.isFile() === true && entry.type === 'directory')
    throw new BulkheadError('InvalidRequest', `${to} is a file: a directory cannot be copied onto it`)
  const goesInside = here?.isDirectory() === true
  if (!goesInside && statSync(dirname(resolve(to)), { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new BulkheadError('PathNotFound', `${dirname(resolve(to))} is not there, or is no directory`)
  const directory = goesInside ? resolve(to) : dirname(resolve(to))
  // A directory's content comes under the name that the directory has here already.
  const name = contentOnly && goesInside ? '.' : goesInside ? undefined : basename(resolve(to))
  const { child, done } = tar(['-x', '-f', '-', '-C', directory, '--no-same-owner'], 'in')
  const sink = new PassThrough()
  const feeding = pipeline(name === undefined ? sink : renamed(sink, name), child.stdin!)
  feeding.catch(() => undefined)
  const stream = await open()
  try {
    if ('container' in root) await receiveFrom(stream, 'containers/copyFrom', { container: root.container, path }, sink)
    else await receiveFrom(stream, 'files/archive', { root, path }, sink)
    await feeding
    await done
  } finally {
    stream.close()
  }
}
