/** Looks into layers, images and containers: a root is opened for one piece of work, and every path resolved inside it. */
import { closeSync } from 'node:fs'
import type { DirectoryEntry } from '../../native/index.d.ts'
import type { Native } from '../host/native.ts'
import { isErrno } from '../host/errno.ts'
import { limits } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { FileEntry } from '../protocol/imageSchemas.ts'

/** Directories that make a root, uppermost first, or the process whose root it is. */
export type RootPlace =
  | { readonly directories: readonly string[] }
  | { readonly pid: number; readonly cgroup: string; readonly withMounts: boolean }

const types = { 0o100000: 'file', 0o040000: 'directory', 0o120000: 'link' } as const

function typeOf(mode: number): FileEntry['type'] {
  return types[(mode & 0o170000) as keyof typeof types] ?? 'other'
}

export class Roots {
  readonly #native: Native

  constructor(native: Native) {
    this.#native = native
  }

  /** A descriptor, the caller's to close. */
  async open(place: RootPlace): Promise<number> {
    const { addon } = this.#native
    if ('directories' in place) return addon.openLayers(place.directories)
    return await addon.openContainerRoot(place.pid, place.cgroup, !place.withMounts)
  }

  /** @throws BulkheadError PathNotFound */
  async stat(place: RootPlace, path: string): Promise<FileEntry> {
    return await this.#within(place, path, async (root) => {
      const entry = await this.#native.addon.statPath(root, path, false)
      return await this.#describe(root, entry, path)
    })
  }

  async list(place: RootPlace, path: string): Promise<FileEntry[]> {
    return await this.#within(place, path, async (root) => {
      const entries = await this.#native.addon.listDirectory(root, path)
      const shown = entries.filter((entry) => !isWhiteout(entry)).slice(0, limits.listing)
      return await Promise.all(shown.map((entry) => this.#describe(root, entry, `${path}/${entry.name}`)))
    })
  }

  /** Descriptor of a regular file, the caller's to close. */
  async openFile(place: RootPlace, path: string): Promise<number> {
    return await this.#within(place, path, (root) => this.#native.addon.openFile(root, path))
  }

  async #describe(root: number, entry: DirectoryEntry, path: string): Promise<FileEntry> {
    const { name, size, mode, uid, gid, mtime, link } = entry
    return {
      name,
      type: typeOf(mode),
      target: link === undefined ? null : await this.#targetOf(root, path),
      link: link ?? null,
      size,
      mode: mode & 0o7777,
      uid,
      gid,
      mtime,
    }
  }

  async #targetOf(root: number, path: string): Promise<FileEntry['target']> {
    try {
      const type = typeOf((await this.#native.addon.statPath(root, path, true)).mode)
      return type === 'link' ? 'other' : type
    } catch {
      return null
    }
  }

  async #within<T>(place: RootPlace, path: string, work: (root: number) => Promise<T>): Promise<T> {
    const root = await this.open(place)
    try {
      return await work(root)
    } catch (error) {
      throw explain(error, path)
    } finally {
      closeSync(root)
    }
  }
}

/** overlayfs's mark for a removed file: seen when a layer is looked at alone. */
function isWhiteout({ mode, size }: DirectoryEntry): boolean {
  return (mode & 0o170000) === 0o020000 && (mode & 0o7777) === 0 && size === 0
}

function explain(error: unknown, path: string): unknown {
  const shown = path.startsWith('/') ? path : `/${path}`
  if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV'))
    return new BulkheadError('PathNotFound', `${shown} is not there`, { cause: error })
  if (isErrno(error, 'EISDIR'))
    return new BulkheadError('InvalidRequest', `${shown} is a directory, not a file`, { cause: error })
  if (isErrno(error, 'ENXIO'))
    return new BulkheadError('InvalidRequest', `${shown} is a device, a socket or a pipe: it has no content to show`, {
      cause: error,
    })
  return error
}
