/** What a container has written becomes a layer on top of its image's. */
import type { Image } from '../images/image.ts'
import { applyChanges } from '../images/changes.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { makeImage, type Parts } from './newLayer.ts'
import { pack, type PackOptions } from './pack.ts'

export interface CommitOptions {
  readonly upper: string
  readonly shift: PackOptions['shift']
  readonly base: Image
  readonly command: readonly string[]
  readonly name: string | undefined
  readonly message: string
  readonly author: string
  readonly changes: readonly string[]
}

export async function commit(parts: Parts, options: CommitOptions): Promise<Image> {
  const { base, upper, shift, command, name, message, author, changes } = options
  const { stored } = base
  if (stored === undefined)
    throw new BulkheadError(
      'Unsupported',
      'a container of image host cannot be committed: what it stands on is this machine, which is not stored',
      {
        hint: 'bulkhead export CONTAINER | bulkhead import - NAME makes an image of all its files.',
      },
    )
  const settings = applyChanges(base.config, changes)
  const archive = pack(parts.native.pack, parts.native.addon.openLayers([upper]), { isLayer: true, shift })
  return await makeImage(parts, {
    archive,
    below: { descriptors: stored.manifest.layers, diffIds: stored.document.rootfs.diff_ids },
    document: stored.document,
    history: stored.document.history ?? [],
    settings,
    name,
    createdBy: command.join(' '),
    message,
    author,
  })
}
