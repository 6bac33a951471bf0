/** What is said about images, layers and files. Sizes are bytes, times milliseconds since 1970. */
import * as z from 'zod'
import { containerReference, text } from './fields.ts'
import { parseReference } from './reference.ts'
import { volumeName } from './volumeSchemas.ts'

const sha256 = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hexadecimal digits')

/** A name that an image gets: it has no digest yet. */
export const imageName = z
  .string()
  .max(400)
  .refine((name) => {
    const reference = parseReference(name)
    return reference !== undefined && reference.digest === undefined
  }, 'must be [registry/]name[:tag] in lower-case letters, digits and . _ -')

/** A name that a registry may know. */
export const registryName = z
  .string()
  .max(400)
  .refine((name) => parseReference(name) !== undefined, 'must be [registry/]name[:tag|@digest]')

/** An image that is here: by name, by id, or by the beginning of an id. */
export const imageReference = z.string().min(1).max(400)

/** As Docker's config.json has them. The caller's own: the helper keeps none. */
export const credentials = z.union([
  z.strictObject({ username: text(1024), password: text(65_536) }),
  z.strictObject({ identityToken: text(65_536) }),
])
export type Credentials = z.infer<typeof credentials>

export const platform = z
  .string()
  .max(64)
  .regex(/^[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9]+)?$/, 'must look like linux/arm64 or linux/arm/v7')

export const imageSummary = z.object({
  /** `debian:12`; null for an image that has lost its name to a newer one. */
  name: z.string().nullable(),
  /** Digest of the image's configuration; for `host`, the word. */
  id: z.string(),
  /** Digest of its manifest; for `host`, the word. */
  digest: z.string(),
  /** `registry/repository@sha256:...`, as the registries that it came from, or went to, know it. */
  repoDigests: z.array(z.string()),
  createdAt: z.number().nullable(),
  /** Bytes of its layers, unpacked; null for `host`, which has none of its own. */
  size: z.number().nullable(),
  layers: z.number(),
  platform: z.string(),
  labels: z.record(z.string(), z.string()),
})
export type ImageSummary = z.infer<typeof imageSummary>

export const layerSummary = z.object({
  /** Chain id (OCI image-spec, "Layer ChainID"): the layer and all below it. `host` for this machine's own root. */
  chainId: z.string(),
  diffId: z.string(),
  /** The instruction that made it; empty when the image does not say. */
  createdBy: z.string(),
  createdAt: z.number().nullable(),
  comment: z.string(),
  /** Bytes unpacked. */
  size: z.number(),
  /** Bytes as stored and sent; null for a layer that is not an image's. */
  compressedSize: z.number().nullable(),
  /** Other images here that stand on it, by name. */
  sharedWith: z.array(z.string()),
})
export type LayerSummary = z.infer<typeof layerSummary>

/** One step of an image's making; those without a layer change the configuration alone. */
export const historyEntry = z.object({
  createdAt: z.number().nullable(),
  createdBy: z.string(),
  comment: z.string(),
  author: z.string(),
  size: z.number(),
  chainId: z.string().nullable(),
})
export type HistoryEntry = z.infer<typeof historyEntry>

/** Which root, or layer, a path lies in. */
export const rootReference = z.union([
  z.strictObject({ image: imageReference }),
  z.strictObject({ container: containerReference }),
  /** `below`: the merged root of the layers under it, instead of the layer alone. */
  z.strictObject({ layer: z.union([sha256, z.literal('host')]), below: z.boolean().default(false) }),
  /** What a container has written, alone; `below`: what its image has. */
  z.strictObject({ writable: containerReference, below: z.boolean().default(false) }),
  z.strictObject({ volume: volumeName }),
])
export type RootReference = z.output<typeof rootReference>

export const path = text(4095)

export const fileType = z.enum(['file', 'directory', 'link', 'other'])

export const fileEntry = z.object({
  name: z.string(),
  type: fileType,
  /** What a link leads to, itself followed; null when it leads nowhere. */
  target: z.enum(['file', 'directory', 'other']).nullable(),
  link: z.string().nullable(),
  size: z.number(),
  mode: z.number(),
  uid: z.number(),
  gid: z.number(),
  mtime: z.number(),
})
export type FileEntry = z.infer<typeof fileEntry>

export const changeKind = z.enum(['added', 'changed', 'removed'])
export type ChangeKind = z.infer<typeof changeKind>

export const change = z.object({ path: z.string(), kind: changeKind, type: fileType, size: z.number() })
export type Change = z.infer<typeof change>

/** An entry of a directory of a layer; a directory's numbers are those of everything below it. */
export const changeEntry = change.omit({ path: true }).extend({ name: z.string(), files: z.number() })
export type ChangeEntry = z.infer<typeof changeEntry>

export const wastedFile = z.object({
  path: z.string(),
  /** How many layers have it, or remove it. */
  count: z.number(),
  size: z.number(),
})
export const efficiency = z.object({
  /** Bytes that the files need at least, of the bytes that the layers have; 1 is best. */
  score: z.number(),
  wasted: z.number(),
  files: z.array(wastedFile),
})
export type Efficiency = z.infer<typeof efficiency>

/** Bytes, and with whom they are shared. */
export const sharing = z.object({
  name: z.string(),
  /** Bytes that nobody else uses; those that a container has written. */
  own: z.number(),
  shared: z.number(),
  parts: z.array(
    z.object({ what: z.string(), chainId: z.string().nullable(), size: z.number(), with: z.array(z.string()) }),
  ),
})
export type Sharing = z.infer<typeof sharing>

export const progress = z.object({
  /** Short digest of the layer, or what else is at work. */
  item: z.string(),
  status: z.enum([
    'waiting',
    'exists',
    'downloading',
    'unpacking',
    'retrying',
    'uploading',
    'mounted',
    'done',
    'working',
  ]),
  /** Bytes so far and in all; 0 for what has no bytes. */
  current: z.number(),
  total: z.number(),
  /** For people, where there is more to say. */
  message: z.string().optional(),
})
export type Progress = z.infer<typeof progress>

export const usage = z.object({
  images: z.array(
    z.object({
      name: z.string().nullable(),
      id: z.string(),
      createdAt: z.number().nullable(),
      size: z.number(),
      shared: z.number(),
      unique: z.number(),
      containers: z.number(),
    }),
  ),
  containers: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      image: z.string(),
      state: z.string(),
      size: z.number(),
      createdAt: z.number(),
    }),
  ),
  /** All unpacked layers, each counted once, and all stored blobs. */
  layers: z.object({ count: z.number(), size: z.number(), blobs: z.number() }),
  /** What `system/prune` would free: of images with `all`, and of containers. */
  reclaimable: z.object({ images: z.number(), danglingImages: z.number(), containers: z.number() }),
})
export type Usage = z.infer<typeof usage>

export const pruned = z.object({
  images: z.array(z.string()),
  containers: z.array(z.string()),
  reclaimed: z.number(),
})

/** Docker's `--change`: an instruction that sets something of the configuration. */
export const changeInstruction = text(65_536)

export const minimizeProposal = z.object({
  image: z.string(),
  /** Bytes of the image, and of what would stay. */
  size: z.number(),
  kept: z.number(),
  keptFiles: z.number(),
  removedFiles: z.number(),
  /** What would go: directories of which nothing stays, and single files, largest first. */
  removed: z.array(z.object({ path: z.string(), size: z.number(), files: z.number() })),
})
export type MinimizeProposal = z.infer<typeof minimizeProposal>

export const referrer = z.object({
  digest: z.string(),
  mediaType: z.string(),
  artifactType: z.string(),
  size: z.number(),
  annotations: z.record(z.string(), z.string()),
})
export type Referrer = z.infer<typeof referrer>
