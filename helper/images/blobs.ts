/** Content-addressed files of an OCI image layout: whole and true to their digest, or absent. */
import { createHash, randomUUID } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BulkheadError } from '../protocol/errors.ts'
import type { Descriptor } from './formats.ts'

function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Replaces a file so that a reader, or a crash, sees the old or the new one whole. */
export function writeDurably(path: string, content: string | Uint8Array): void {
  const partial = join(dirname(path), `.partial-${randomUUID()}`)
  const fd = openSync(partial, 'wx', 0o644)
  try {
    writeSync(fd, typeof content === 'string' ? Buffer.from(content) : content)
    fsyncSync(fd)
  } catch (error) {
    rmSync(partial, { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
  renameSync(partial, path)
  syncDirectory(dirname(path))
}

export function digestOf(content: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

/** `1f2e3d4c5b6a`: what people see of a digest. */
export function shortDigest(digest: string): string {
  return digest.replace('sha256:', '').slice(0, 12)
}

export class Blobs {
  readonly directory: string

  /** `layout`: the folder of the OCI image layout. */
  constructor(layout: string) {
    this.directory = join(layout, 'blobs/sha256')
    mkdirSync(this.directory, { recursive: true })
  }

  path(digest: string): string {
    const match = /^sha256:([0-9a-f]{64})$/.exec(digest)
    if (match === null) throw new RangeError(`${digest} is not a sha256 digest`)
    return join(this.directory, match[1]!)
  }

  has(digest: string): boolean {
    return existsSync(this.path(digest))
  }

  size(digest: string): number {
    return statSync(this.path(digest)).size
  }

  /** Name of a new file to write a blob to, for `adopt`. */
  partial(): string {
    return join(this.directory, `.partial-${randomUUID()}`)
  }

  /** Where a blob is fetched to: found again by a later try. */
  download(digest: string): string {
    return join(this.directory, `.download-${digest.slice('sha256:'.length)}`)
  }

  /** Makes a written file the blob of this digest. */
  async adopt(partial: string, digest: string): Promise<void> {
    const file = await open(partial, 'r')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
    renameSync(partial, this.path(digest))
    syncDirectory(this.directory)
  }

  write(mediaType: string, content: Uint8Array): Descriptor {
    const digest = digestOf(content)
    if (!this.has(digest)) writeDurably(this.path(digest), content)
    return { mediaType, digest, size: content.byteLength }
  }

  writeJson(mediaType: string, value: unknown): Descriptor {
    return this.write(mediaType, Buffer.from(JSON.stringify(value)))
  }

  /** @throws BulkheadError ContentInvalid when the content is not what the digest says. */
  read(digest: string): Buffer {
    const content = readFileSync(this.path(digest))
    const found = digestOf(content)
    if (found !== digest)
      throw new BulkheadError('ContentInvalid', `blob ${digest} is damaged: its content has digest ${found}`, {
        hint: 'Remove the images that use it, and pull or load them again.',
      })
    return content
  }

  readJson(digest: string): unknown {
    return JSON.parse(this.read(digest).toString('utf8'))
  }
}
