/** A layer on its way in: its bytes become a blob and an unpacked folder, in one pass. */
import { createHash } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { open, rm, type FileHandle } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { bytesPassed } from '../host/garbage.ts'
import type { Blobs } from './blobs.ts'
import type { LayerFolders } from './layerFolders.ts'
import { Unpacker, type Unpacked } from './unpack.ts'

export interface Places {
  readonly blobs: Blobs
  readonly layers: LayerFolders
  /** The executable native/unpack. */
  readonly unpack: string
}

export interface Received extends Unpacked {
  /** Of the bytes as they came. */
  readonly digest: string
  readonly size: number
  /** Where it was unpacked to, for `LayerFolders.adopt`. */
  readonly directory: string
}

export class LayerIntake {
  readonly directory: string
  readonly #places: Places
  readonly #file: FileHandle
  readonly #path: string
  readonly #unpacker: Unpacker
  readonly #hash = createHash('sha256')
  #size = 0
  #failure: Error | undefined

  private constructor(places: Places, path: string, file: FileHandle) {
    this.#places = places
    this.#path = path
    this.#file = file
    this.directory = places.layers.partial()
    this.#unpacker = new Unpacker(places.unpack, this.directory, { isLayer: true })
    this.#unpacker.done.catch((error: unknown) => (this.#failure = error as Error))
  }

  /** `path`: the file of the blob. What it holds already is taken as the beginning. */
  static async begin(places: Places, path: string): Promise<LayerIntake> {
    const file = await open(path, 'a+', 0o644)
    const intake = new LayerIntake(places, path, file)
    try {
      const { size } = await file.stat()
      for await (const chunk of file.createReadStream({ autoClose: false, start: 0, end: Math.max(0, size - 1) })) {
        if (size > 0) await intake.#take(chunk as Buffer)
      }
      return intake
    } catch (error) {
      await intake.abort({ keepBlob: false })
      throw error
    }
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size
  }

  /** Resolves when there is room for more. @throws BulkheadError as `finish`, as soon as it is known; Error when the disk is
   * full */
  async write(chunk: Uint8Array): Promise<void> {
    // It has no place of its own to seek: bytes go to the end.
    for (let done = 0; done < chunk.byteLength;)
      done += (await this.#file.write(chunk, done, chunk.byteLength - done)).bytesWritten
    await this.#take(chunk)
  }

  /** @throws BulkheadError ArchiveInvalid, DiskFull: nothing remains then but the blob's file */
  async finish(): Promise<Received> {
    return await (
      await this.close()
    ).received
  }

  /** Ends the blob; what it unpacks to may take a while longer. */
  async close(): Promise<{ digest: string; received: Promise<Received> }> {
    this.#unpacker.input?.end()
    await this.#file.close()
    const digest = `sha256:${this.#hash.digest('hex')}`
    const { directory } = this
    const size = this.#size
    return { digest, received: this.#unpacker.done.then((unpacked) => ({ ...unpacked, digest, size, directory })) }
  }

  /** Removes what was unpacked, and unless `keepBlob` the blob's file. */
  async abort({ keepBlob }: { keepBlob: boolean }): Promise<void> {
    this.#unpacker.kill()
    await this.#unpacker.done.catch(() => undefined)
    await this.#file.close().catch(() => undefined)
    await this.#places.layers.remove(this.directory)
    if (!keepBlob) await rm(this.#path, { force: true })
  }

  async #take(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk)
    this.#size += chunk.byteLength
    bytesPassed(chunk.byteLength)
    if (this.#failure !== undefined) throw this.#failure
    const { input } = this.#unpacker
    if (input === undefined || input.destroyed || input.writableEnded) return
    if (!input.write(chunk)) await roomIn(input)
  }
}

/** Resolves when it takes more, or nothing any more. */
function roomIn(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve()
    }
    stream.on('drain', done)
    stream.on('close', done)
  })
}

/** Unpacks a blob that is here. The folder is the caller's to adopt, or to remove. */
export async function unpackBlob(places: Places, path: string): Promise<Unpacked & { directory: string }> {
  const directory = places.layers.partial()
  const file = openSync(path, 'r')
  try {
    const unpacker = new Unpacker(places.unpack, directory, { isLayer: true }, file)
    return { ...(await unpacker.done), directory }
  } catch (error) {
    await places.layers.remove(directory)
    throw error
  } finally {
    closeSync(file)
  }
}
