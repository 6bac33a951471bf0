/** One image of the store, read from its manifest and configuration. */
import { existsSync } from 'node:fs'
import { familiarName, familiarRepository, parseReference } from '../protocol/reference.ts'
import type { HistoryEntry, ImageSummary } from '../protocol/imageSchemas.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Descriptor, ImageConfig, ImageSettings, Manifest } from './formats.ts'
import { chainIds, type LayerFolders } from './layerFolders.ts'

export const hostName = 'host'

export interface Image {
  readonly summary: ImageSummary
  /** What it sets of a container. */
  readonly config: ImageSettings
  /** Unpacked layers, uppermost first. */
  readonly layers: readonly string[]
  /** Names of those, lowest first; none for `host`. */
  readonly chainIds: readonly string[]
  /** Undefined for `host`. */
  readonly stored: { readonly manifest: Manifest; readonly document: ImageConfig } | undefined
}

/** The machine's own root file system: no layer of its own, and nothing to store. */
export function hostImage(): Image {
  const shell = existsSync('/bin/bash') ? '/bin/bash' : '/bin/sh'
  return {
    summary: {
      name: hostName,
      id: hostName,
      digest: hostName,
      repoDigests: [],
      createdAt: null,
      size: null,
      layers: 1,
      platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
      labels: {},
    },
    config: { Cmd: [shell] },
    layers: ['/'],
    chainIds: [],
    stored: undefined,
  }
}

export function timeOf(text: string | null | undefined): number | null {
  const time = text == null ? Number.NaN : Date.parse(text)
  return Number.isNaN(time) ? null : time
}

export function storedImage(
  descriptor: Descriptor,
  names: { name: string | null; repoDigests: readonly string[] },
  documents: { manifest: Manifest; document: ImageConfig },
  folders: LayerFolders,
): Image {
  const { manifest, document } = documents
  const chain = chainIds(document.rootfs.diff_ids)
  return {
    summary: {
      name: names.name,
      id: manifest.config.digest,
      digest: descriptor.digest,
      repoDigests: [...names.repoDigests],
      createdAt: timeOf(document.created),
      size: chain.reduce((sum, id) => sum + folders.info(id).bytes, 0),
      layers: chain.length,
      platform: [document.os, document.architecture, document.variant]
        .filter((part) => part != null && part !== '')
        .join('/'),
      labels: document.config.Labels ?? {},
    },
    config: document.config,
    layers: chain.map((id) => folders.path(id)).toReversed(),
    chainIds: chain,
    stored: documents,
  }
}

/** What people call it. */
export function labelOf({ name, id }: ImageSummary): string {
  return name ?? id.replace('sha256:', '').slice(0, 12)
}

/** A name as the store keeps it. @throws BulkheadError for what is no name, and for `host` */
export function nameToGive(text: string): string {
  const reference = parseReference(text)
  if (reference === undefined || reference.digest !== undefined)
    throw new BulkheadError('InvalidRequest', `${text} is no name for an image`, {
      hint: 'Names are [registry/]name[:tag], in lower-case letters, digits and . _ -',
    })
  if (familiarRepository(reference) === hostName)
    throw new BulkheadError('InvalidRequest', 'the name host is this machine’s own root file system', {
      hint: 'Choose another name.',
    })
  return familiarName(reference)
}

/** Steps of its making, lowest first. Layers that no step tells of get one of their own. */
export function historyOf(image: Image, folders: LayerFolders): HistoryEntry[] {
  const { chainIds: chain, stored } = image
  const steps = stored?.document.history ?? []
  let layer = 0
  const entries = steps.map((step): HistoryEntry => {
    const chainId = step.empty_layer === true ? null : (chain[layer++] ?? null)
    return {
      createdAt: timeOf(step.created),
      createdBy: step.created_by ?? '',
      comment: step.comment ?? '',
      author: step.author ?? '',
      size: chainId === null ? 0 : folders.info(chainId).bytes,
      chainId,
    }
  })
  for (const chainId of chain.slice(layer))
    entries.push({
      createdAt: null,
      createdBy: '',
      comment: '',
      author: '',
      size: folders.info(chainId).bytes,
      chainId,
    })
  return entries
}
