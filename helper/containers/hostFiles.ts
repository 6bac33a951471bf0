/** `image host --only`: chosen files of this machine, with what they need to run. */
import { closeSync, readSync } from 'node:fs'
import type { Native } from '../host/native.ts'
import { isErrno } from '../host/errno.ts'
import { makeImage } from '../layers/newLayer.ts'
import { pack } from '../layers/pack.ts'
import { follow } from '../layers/links.ts'
import type { PrivacyLayer } from '../layers/privacy.ts'
import type { Image } from '../images/image.ts'
import type { ImageStore } from '../images/store.ts'
import { limits, defaults } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { runRequest } from '../protocol/schemas.ts'
import type { Containers } from './containers.ts'
import { readLog } from './log.ts'

interface Parts {
  readonly native: Native
  readonly store: ImageStore
  readonly privacy: PrivacyLayer
  readonly containers: Containers
  /** Whether image `host` can have a user namespace of its own. */
  readonly privateIds: boolean
}

const fileType = 0o170000
const isDirectory = (mode: number): boolean => (mode & fileType) === 0o040000
const isLink = (mode: number): boolean => (mode & fileType) === 0o120000
const isProgram = (mode: number): boolean => (mode & fileType) === 0o100000 && (mode & 0o111) !== 0

/** Program header of the interpreter (elf(5)). */
const ptInterp = 3

/** The dynamic loader that an ELF file names; undefined for a static one, and for what is none. */
export function interpreterOf(head: Buffer): string | undefined {
  if (head.byteLength < 64 || head.readUInt32BE(0) !== 0x7f45_4c46 || head[5] !== 1) return undefined
  const wide = head[4] === 2
  const table = wide ? Number(head.readBigUInt64LE(32)) : head.readUInt32LE(28)
  const size = head.readUInt16LE(wide ? 54 : 42)
  const count = head.readUInt16LE(wide ? 56 : 44)
  for (let at = table; at < table + size * count && at + 56 <= head.byteLength; at += size) {
    if (head.readUInt32LE(at) !== ptInterp) continue
    const offset = wide ? Number(head.readBigUInt64LE(at + 8)) : head.readUInt32LE(at + 4)
    const end = head.indexOf(0, offset)
    return end < 0 ? undefined : head.toString('utf8', offset, end)
  }
  return undefined
}

/** The words of a script's first line. */
function shebangOf(head: Buffer): string[] {
  if (head.toString('latin1', 0, 2) !== '#!') return []
  const line = head.toString('utf8', 2, Math.max(2, head.indexOf('\n')))
  return line.trim().split(/\s+/)
}

class Collection {
  readonly #parts: Parts
  readonly #root: number
  readonly #links = new Map<string, string>()
  /** Paths that are known, and are no links. */
  readonly #plain = new Map<string, number>()
  readonly chosen = new Set<string>()

  constructor(parts: Parts, root: number) {
    this.#parts = parts
    this.#root = root
  }

  /** A path with everything below it, and what that needs. @throws BulkheadError PathNotFound */
  async add(path: string): Promise<void> {
    if (!path.startsWith('/')) throw new BulkheadError('InvalidRequest', `${path} is not an absolute path`)
    const real = await this.#resolve(path)
    if (this.chosen.has(real)) return
    this.chosen.add(real)
    if (this.chosen.size > limits.archive.entries)
      throw new BulkheadError('InvalidRequest', `more than ${limits.archive.entries} files are chosen`)
    const mode = this.#plain.get(real)!
    if (isDirectory(mode)) {
      for (const { name } of await this.#parts.native.addon.listDirectory(this.#root, real))
        await this.add(`/${real}/${name}`)
    } else if (isProgram(mode)) await this.#addNeeds(real)
  }

  async #addNeeds(path: string): Promise<void> {
    const head = await this.#head(path)
    const [script, argument] = shebangOf(head)
    if (script !== undefined) {
      await this.add(script)
      if (script.endsWith('/env') && argument !== undefined) await this.#addCommand(argument)
      return
    }
    const loader = interpreterOf(head)
    if (loader === undefined) return
    await this.add(loader)
    for (const library of await this.#libraries(loader, `/${path}`)) await this.add(library)
  }

  async #addCommand(name: string): Promise<void> {
    for (const directory of defaults.path.split(':')) {
      const path = `${directory}/${name}`
      const there = await this.#parts.native.addon.statPath(this.#root, path, true).catch(() => undefined)
      if (there !== undefined) return await this.add(path)
    }
  }

  /** Asks the dynamic loader itself, in a container: it runs nothing of the file, but it reads all of it. */
  async #libraries(loader: string, path: string): Promise<string[]> {
    const { containers, privateIds } = this.#parts
    const userns = privateIds ? 'private' : 'host'
    const request = runRequest.parse({ image: 'host', command: [loader, '--list', path], userns, network: 'none' })
    const { container } = await containers.run(request)
    try {
      const { exitCode } = await container.wait()
      let text = ''
      for await (const records of readLog(container.folder.path, { tail: -1, follow: undefined }))
        for (const { bytes } of records) text += bytes.toString('utf8')
      const missing = /^\s*(\S+) => not found/m.exec(text)
      if (exitCode !== 0 || missing !== null)
        throw new BulkheadError(
          'PathNotFound',
          `${path} needs ${missing?.[1] ?? 'what is not there'}: ${text.trim().split('\n').at(-1) ?? ''}`,
        )
      return [...text.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map(([, library]) => library!)
    } finally {
      await containers.remove(container.id, { force: true, volumes: true })
    }
  }

  async #head(path: string): Promise<Buffer> {
    const file = await this.#parts.native.addon.openFile(this.#root, path)
    try {
      const head = Buffer.alloc(8192)
      return head.subarray(0, readSync(file, head))
    } finally {
      closeSync(file)
    }
  }

  /** The path without links; those on the way are chosen, too. */
  async #resolve(path: string): Promise<string> {
    for (;;) {
      const { path: real, links } = follow(path, this.#links)
      if (real === undefined) throw new BulkheadError('PathNotFound', `${path} leads round in circles`)
      const unknown = await this.#firstLink(real, path)
      if (unknown) continue
      for (const link of links) this.chosen.add(link)
      return real
    }
  }

  /** Learns the links of a path, one a call; true when there was one. */
  async #firstLink(real: string, asked: string): Promise<boolean> {
    const parts = real.split('/')
    for (let end = 1; end <= parts.length; end++) {
      const here = parts.slice(0, end).join('/')
      if (this.#plain.has(here)) continue
      const { mode, link } = await this.#parts.native.addon
        .statPath(this.#root, here, false)
        .catch((error: unknown) => {
          if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) throw error
          throw new BulkheadError('PathNotFound', `${asked} is not there, or not for everybody to read`, {
            hint: 'An image gets only what any user of this machine may read.',
          })
        })
      if (isLink(mode)) {
        this.#links.set(here, link!)
        return true
      }
      this.#plain.set(here, mode)
    }
    return false
  }
}

/** @throws BulkheadError PathNotFound for what is not there, or not for every user to read */
export async function makeHostImage(parts: Parts, options: { name: string; paths: readonly string[] }): Promise<Image> {
  const { native, privacy, store } = parts
  await privacy.sync()
  const open = (): number => native.addon.openLayers([privacy.directory, '/'])
  const root = open()
  const collection = new Collection(parts, root)
  try {
    for (const path of options.paths) await collection.add(path)
  } finally {
    closeSync(root)
  }
  const [first] = options.paths
  return await makeImage(
    { store },
    {
      archive: pack(native.pack, open(), { only: [...collection.chosen] }),
      below: { descriptors: [], diffIds: [] },
      document: {},
      history: [],
      settings: { Cmd: [first!], Env: [`PATH=${defaults.path}`] },
      name: options.name,
      createdBy: `bulkhead image host --only ${options.paths.join(' ')}`,
      message: '',
      author: '',
    },
  )
}
