/** Content-addressed files of an OCI image layout: whole and true to their digest, or absent. */
import { createHash, randomUUID } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Transform, type TransformCallback } from 'node:stream'

export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>> | undefined
}

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
  const partial = `${path}.partial-${randomUUID()}`
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

/** Passes bytes through, and keeps their sha256 digest and their number. */
export class Digester extends Transform {
  readonly #hash = createHash('sha256')
  #digest: string | undefined
  size = 0

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#hash.update(chunk)
    this.size += chunk.byteLength
    done(null, chunk)
  }

  /** `sha256:...`, once all has passed. */
  get digest(): string {
    this.#digest ??= `sha256:${this.#hash.digest('hex')}`
    return this.#digest
  }
}

export class Blobs {
  readonly #directory: string

  /** `layout`: the folder of the OCI image layout. */
  constructor(layout: string) {
    this.#directory = join(layout, 'blobs/sha256')
    mkdirSync(this.#directory, { recursive: true })
  }

  path(digest: string): string {
    const match = /^sha256:([0-9a-f]{64})$/.exec(digest)
    if (match === null) throw new RangeError(`${digest} is not a sha256 digest`)
    return join(this.#directory, match[1]!)
  }

  /** Name of a new file to write a blob to, for `adopt`. */
  partial(): string {
    return join(this.#directory, `.partial-${randomUUID()}`)
  }

  /** Makes a written file the blob of this digest. */
  adopt(partial: string, digest: string): void {
    const fd = openSync(partial, 'r')
    fsyncSync(fd)
    closeSync(fd)
    renameSync(partial, this.path(digest))
    syncDirectory(this.#directory)
  }

  writeJson(mediaType: string, value: unknown): Descriptor {
    const content = Buffer.from(JSON.stringify(value))
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
    writeDurably(this.path(digest), content)
    return { mediaType, digest, size: content.byteLength }
  }

  /** @throws Error when the content is not what the digest says. */
  readJson(descriptor: Descriptor): unknown {
    const content = readFileSync(this.path(descriptor.digest))
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
    if (digest !== descriptor.digest)
      throw new Error(`blob ${descriptor.digest} is damaged: its content has digest ${digest}`)
    return JSON.parse(content.toString('utf8'))
  }

  remove(digest: string): void {
    rmSync(this.path(digest), { force: true })
  }
}
