/** The native parts, found beside the bundle: the addon, and the executables that it starts. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type * as Addon from '../../native/index.d.ts'
import { BulkheadError } from '../protocol/errors.ts'

function directory(): string {
  const platform = join('native', `linux-${process.arch}`)
  // In the bundle (dist/), and from the sources (helper/host/).
  const candidates = [join(import.meta.dirname, platform), join(import.meta.dirname, '../../dist', platform)]
  const found = candidates.find((candidate) => existsSync(join(candidate, 'bulkhead.node')))
  if (found === undefined)
    throw new BulkheadError(
      'Unsupported',
      `no native parts for linux-${process.arch}: looked in ${candidates.join(' and ')}`,
      {
        hint: 'In a checkout, run npm run build.',
      },
    )
  return found
}

export class Native {
  readonly addon: typeof Addon
  /** The watcher's executable in sealed memory: no container can write to it (CVE-2019-5736). */
  readonly watcher: number
  readonly unpack: string
  readonly pack: string
  readonly privacy: string

  constructor() {
    const from = directory()
    this.addon = createRequire(import.meta.url)(join(from, 'bulkhead.node')) as typeof Addon
    this.watcher = this.addon.sealedMemory('bulkhead-init', readFileSync(join(from, 'bulkhead-init')))
    this.unpack = join(from, 'bulkhead-unpack')
    this.pack = join(from, 'bulkhead-pack')
    this.privacy = join(from, 'bulkhead-privacy')
  }
}
