/** Files of layers, images and containers as VS Code reads them. */
import { Writable } from 'node:stream'
import * as vscode from 'vscode'
import { BulkheadError } from '../../helper/protocol/errors.ts'
import type { FileEntry } from '../../helper/protocol/imageSchemas.ts'
import type { Client } from '../../helper/client/client.ts'
import type { Context } from '../context.ts'
import { rootOf, scheme } from './uri.ts'

/** The editor takes a file whole. Larger ones can be saved to disk, which streams them. */
const largest = 256 * 1024 * 1024

function typeOf({ type, target }: FileEntry): vscode.FileType {
  const known = { file: vscode.FileType.File, directory: vscode.FileType.Directory, other: vscode.FileType.Unknown }
  if (type !== 'link') return known[type]
  return vscode.FileType.SymbolicLink | (target === null ? vscode.FileType.Unknown : known[target])
}

function explain(error: unknown, uri: vscode.Uri): unknown {
  if (!(error instanceof BulkheadError)) return error
  if (['PathNotFound', 'ImageNotFound', 'ContainerNotFound'].includes(error.reason))
    return vscode.FileSystemError.FileNotFound(uri)
  return vscode.FileSystemError.Unavailable(error.message)
}

class BulkheadFiles implements vscode.FileSystemProvider {
  readonly #context: Context
  readonly #onDidChangeFile = new vscode.EventEmitter<vscode.FileChangeEvent[]>()
  readonly onDidChangeFile = this.#onDidChangeFile.event

  constructor(context: Context) {
    this.#context = context
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const entry = await this.#ask(uri, (client) => client.call('files/stat', { root: rootOf(uri), path: uri.path }))
    return {
      type: typeOf(entry),
      ctime: entry.mtime,
      mtime: entry.mtime,
      size: entry.size,
      permissions: vscode.FilePermission.Readonly,
    }
  }

  async readDirectory(uri: vscode.Uri): Promise<[string, vscode.FileType][]> {
    const entries = await this.#ask(uri, (client) => client.call('files/list', { root: rootOf(uri), path: uri.path }))
    return entries.map((entry) => [entry.name, typeOf(entry)])
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    const { size } = await this.stat(uri)
    if (size > largest)
      throw vscode.FileSystemError.Unavailable(
        vscode.l10n.t('The file is too large for the editor. Save it to disk from the Layers view instead.'),
      )
    const parts: Buffer[] = []
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        parts.push(Buffer.from(chunk))
        done()
      },
    })
    await this.#ask(uri, async () => {
      const client = await this.#context.connection.openStream()
      try {
        const { receiveFrom } = await import('../../helper/client/transfer.ts')
        await receiveFrom(client, 'files/read', { root: rootOf(uri), path: uri.path }, sink)
      } finally {
        client.close()
      }
    })
    return Buffer.concat(parts)
  }

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => undefined) // layers never change; what containers write is told by the view
  }

  createDirectory(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri)
  }
  writeFile(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri)
  }
  delete(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri)
  }
  rename(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri)
  }

  dispose(): void {
    this.#onDidChangeFile.dispose()
  }

  async #ask<T>(uri: vscode.Uri, work: (client: Client) => Promise<T>): Promise<T> {
    const { connection } = this.#context
    // A file of an earlier session may be opened before there is a connection.
    if (connection.client === undefined) await connection.open()
    if (connection.client === undefined)
      throw vscode.FileSystemError.Unavailable(vscode.l10n.t('There is no connection to the Bulkhead helper.'))
    try {
      return await work(connection.client)
    } catch (error) {
      throw explain(error, uri)
    }
  }
}

const marks: Readonly<Record<string, { badge: string; color: string; tooltip: () => string }>> = {
  A: { badge: 'A', color: 'gitDecoration.addedResourceForeground', tooltip: () => vscode.l10n.t('added') },
  C: { badge: 'C', color: 'gitDecoration.modifiedResourceForeground', tooltip: () => vscode.l10n.t('changed') },
  D: { badge: 'D', color: 'gitDecoration.deletedResourceForeground', tooltip: () => vscode.l10n.t('removed') },
}

/** A, C and D as Git marks files in the Explorer. */
const decorations: vscode.FileDecorationProvider = {
  provideFileDecoration(uri) {
    const mark = uri.scheme === scheme ? marks[uri.query] : undefined
    if (mark === undefined) return undefined
    return new vscode.FileDecoration(mark.badge, mark.tooltip(), new vscode.ThemeColor(mark.color))
  },
}

export function fileSystem(context: Context): vscode.Disposable {
  const files = new BulkheadFiles(context)
  return vscode.Disposable.from(
    files,
    vscode.workspace.registerFileSystemProvider(scheme, files, { isReadonly: true, isCaseSensitive: true }),
    vscode.window.registerFileDecorationProvider(decorations),
  )
}
