/** Layers from one upwards become one: what they overwrite or remove of each other is gone. */
import { closeSync } from 'node:fs'
import type { Change } from '../protocol/imageSchemas.ts'
import type { Image } from '../images/image.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { scan } from './changes.ts'
import { makeImage, type Parts } from './newLayer.ts'
import { pack } from './pack.ts'

interface Touched {
  /** Whether the layers below those that are squashed have it. */
  readonly wasBelow: boolean
  isThere: boolean
  /** It was removed and made again: what it held below stays removed. */
  isOpaque: boolean
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : path.slice(0, slash)
}

/** What the layers do together. `layers`: their changes, lowest first. */
export function combine(layers: readonly (readonly Change[])[]): { present: string[]; markers: string[] } {
  const all = new Map<string, Touched>()
  for (const changes of layers) {
    const removed = changes.filter(({ kind }) => kind === 'removed').map(({ path }) => path)
    for (const path of removed) {
      const known = all.get(path)
      if (known === undefined) all.set(path, { wasBelow: true, isThere: false, isOpaque: false })
      for (const [other, state] of all) if (other === path || other.startsWith(`${path}/`)) state.isThere = false
    }
    for (const { path, kind } of changes) {
      if (kind === 'removed') continue
      const known = all.get(path)
      if (known === undefined) all.set(path, { wasBelow: kind === 'changed', isThere: true, isOpaque: false })
      else {
        known.isOpaque ||= known.wasBelow && !known.isThere
        known.isThere = true
      }
    }
  }
  const present: string[] = []
  const markers: string[] = []
  const isGone = (path: string): boolean => all.get(path)?.isThere === false
  for (const [path, { wasBelow, isThere, isOpaque }] of all) {
    const parent = parentOf(path)
    const prefix = parent === '' ? '' : `${parent}/`
    if (isThere) present.push(path)
    if (isThere && isOpaque) markers.push(`${path}/.wh..wh..opq`)
    // A removed directory hides what was in it.
    if (!isThere && wasBelow && !isGone(parent)) markers.push(`${prefix}.wh.${path.slice(prefix.length)}`)
  }
  return { present, markers }
}

export async function squash(parts: Parts, image: Image, options: { from: number; target: string }): Promise<Image> {
  const { native } = parts
  const { from, target } = options
  const stored = image.stored!
  const count = image.chainIds.length
  if (from >= count - 1)
    throw new BulkheadError(
      'InvalidRequest',
      `there is nothing to squash from layer ${from} on: the image has ${count} layers, 0 to ${count - 1}`,
    )
  const upwards = image.layers.toReversed()
  const layers = await Promise.all(
    upwards
      .slice(from)
      .map((directory, at) => scan(native, { directory, below: upwards.slice(0, from + at).toReversed() })),
  )
  const { present, markers } = combine(layers)
  const root = native.addon.openLayers(image.layers)
  const archive = pack(native.pack, root, { only: [...present, ...markers.map((path) => `\u0001${path}`)] })
  const { document, manifest } = stored
  // Steps whose layer is no more stay, as steps without one.
  let layer = 0
  const history = (document.history ?? []).map((step) => {
    if (step.empty_layer === true) return step
    return layer++ < from ? step : { ...step, empty_layer: true }
  })
  return await makeImage(parts, {
    archive,
    below: { descriptors: manifest.layers.slice(0, from), diffIds: document.rootfs.diff_ids.slice(0, from) },
    document,
    history,
    settings: image.config,
    name: target,
    createdBy: `bulkhead squash: layers ${from} to ${count - 1}`,
    message: '',
    author: '',
  })
}

/** All files of a root that is merged of many layers. */
export async function scanMerged(
  { native }: Pick<Parts, 'native'>,
  layers: readonly string[],
): Promise<{ files: Change[]; links: Map<string, string> }> {
  const root = native.addon.openLayers(layers)
  try {
    const { paths, types, links, sizes } = await native.addon.scanLayer(root, -1, false)
    const names = paths.split('\0')
    const targets = links.split('\0')
    const leads = new Map<string, string>()
    const files = Array.from(sizes, (size, at): Change => {
      const letter = types[at]
      const path = names[at]!
      if (letter === 'l') leads.set(path, targets[leads.size]!)
      return {
        path,
        kind: 'added',
        type: letter === 'f' ? 'file' : letter === 'd' ? 'directory' : letter === 'l' ? 'link' : 'other',
        size,
      }
    })
    return { files, links: leads }
  } finally {
    closeSync(root)
  }
}
