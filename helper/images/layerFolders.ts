/** Unpacked layers, each under its chain id: shared by every image and container that stands on it. */
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { isErrno } from '../host/errno.ts'

/** OCI image-spec, "Layer ChainID": the name of a stack of layers. */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = []
  for (const diffId of diffIds) {
    const below = chain.at(-1)
    chain.push(
      below === undefined ? diffId : `sha256:${createHash('sha256').update(`${below} ${diffId}`).digest('hex')}`,
    )
  }
  return chain
}

const infoSchema = z.object({ entries: z.number(), bytes: z.number() })
export type LayerInfo = z.infer<typeof infoSchema>

export class LayerFolders {
  readonly directory: string
  /** However deep an archive nested its folders. */
  readonly remove: (path: string) => Promise<void>

  constructor(directory: string, remove: (path: string) => Promise<void>) {
    this.directory = directory
    this.remove = remove
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  }

  path(chainId: string): string {
    return join(this.directory, chainId.slice('sha256:'.length))
  }

  /** The chain id of a layer's folder; undefined for what is none of ours. */
  chainIdOf(path: string): string | undefined {
    const name = path.startsWith(`${this.directory}/`) ? path.slice(this.directory.length + 1) : ''
    return /^[0-9a-f]{64}$/.test(name) ? `sha256:${name}` : undefined
  }

  has(chainId: string): boolean {
    return existsSync(this.path(chainId))
  }

  /** Zeros when it is not known. */
  info(chainId: string): LayerInfo {
    try {
      return infoSchema.parse(JSON.parse(readFileSync(`${this.path(chainId)}.json`, 'utf8')))
    } catch {
      return { entries: 0, bytes: 0 }
    }
  }

  /** A new folder to unpack into, for `adopt`. */
  partial(): string {
    const path = join(this.directory, `.partial-${randomUUID()}`)
    mkdirSync(path, { mode: 0o755 })
    return path
  }

  /** Makes an unpacked folder the layer of this chain id. There already: the same content has the same name. */
  adopt(partial: string, chainId: string, { entries, bytes }: LayerInfo): void {
    const info = `${this.path(chainId)}.json`
    writeFileSync(`${partial}.json`, JSON.stringify({ entries, bytes }))
    renameSync(`${partial}.json`, info)
    try {
      renameSync(partial, this.path(chainId))
    } catch (error) {
      if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error
    }
  }
}
