/** The OCI image format (image-spec 1.1), and Docker's that it came from. Files of an image are input: checked. */
import * as z from 'zod'

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
} as const

export const dockerTypes = {
  index: 'application/vnd.docker.distribution.manifest.list.v2+json',
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  layer: 'application/vnd.docker.image.rootfs.diff.tar',
} as const

/** The OCI's type of a layer, by what others call it. Undefined for what is no layer of files. */
export function ociLayerType(mediaType: string): string | undefined {
  switch (mediaType) {
    case mediaTypes.layer:
    case mediaTypes.layerGzip:
    case mediaTypes.layerZstd:
      return mediaType
    case 'application/vnd.oci.image.layer.nondistributable.v1.tar':
    case dockerTypes.layer:
      return mediaTypes.layer
    case 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip':
    case dockerTypes.layerGzip:
      return mediaTypes.layerGzip
    case 'application/vnd.docker.image.rootfs.diff.tar.zstd':
      return mediaTypes.layerZstd
    default:
      return undefined
  }
}

export function layerTypeOf(compression: 'none' | 'gzip' | 'zstd'): string {
  return { none: mediaTypes.layer, gzip: mediaTypes.layerGzip, zstd: mediaTypes.layerZstd }[compression]
}

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/)
const annotations = z.record(z.string(), z.string()).optional()

export const descriptorSchema = z.object({ mediaType: z.string(), digest, size: z.int().min(0), annotations })
export type Descriptor = z.infer<typeof descriptorSchema>

const platformSchema = z.object({ architecture: z.string(), os: z.string(), variant: z.string().optional() })

export const indexSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  manifests: z
    .array(descriptorSchema.extend({ platform: platformSchema.optional(), artifactType: z.string().optional() }))
    .max(10_000),
  /** A document is an index or a manifest, never both (CVE-2021-41190). */
  layers: z.undefined().optional(),
  config: z.undefined().optional(),
})
export type Index = z.infer<typeof indexSchema>

export const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  config: descriptorSchema,
  layers: z.array(descriptorSchema).max(128),
  annotations,
  manifests: z.undefined().optional(),
})
export type Manifest = z.infer<typeof manifestSchema>

const historySchema = z.object({
  created: z.string().nullish(),
  created_by: z.string().nullish(),
  comment: z.string().nullish(),
  author: z.string().nullish(),
  empty_layer: z.boolean().nullish(),
})

/** What an image sets of a container. What is not known here is kept as it is. */
const settingsSchema = z.looseObject({
  User: z.string().nullish(),
  Env: z.array(z.string()).nullish(),
  Entrypoint: z.array(z.string()).nullish(),
  Cmd: z.array(z.string()).nullish(),
  WorkingDir: z.string().nullish(),
  Labels: z.record(z.string(), z.string()).nullish(),
  Volumes: z.record(z.string(), z.unknown()).nullish(),
  ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
  StopSignal: z.string().nullish(),
  /** Times are nanoseconds. */
  Healthcheck: z
    .looseObject({
      Test: z.array(z.string()).nullish(),
      Interval: z.number().nullish(),
      Timeout: z.number().nullish(),
      StartPeriod: z.number().nullish(),
      StartInterval: z.number().nullish(),
      Retries: z.number().nullish(),
    })
    .nullish(),
  OnBuild: z.array(z.string()).nullish(),
})
export type ImageSettings = z.infer<typeof settingsSchema>

export const configSchema = z.looseObject({
  created: z.string().nullish(),
  author: z.string().nullish(),
  architecture: z.string(),
  os: z.string(),
  variant: z.string().nullish(),
  config: settingsSchema.nullish().transform((settings): ImageSettings => settings ?? {}),
  rootfs: z.object({ type: z.literal('layers'), diff_ids: z.array(digest).max(128) }),
  history: z.array(historySchema).nullish(),
})
export type ImageConfig = z.infer<typeof configSchema>

export const refName = 'org.opencontainers.image.ref.name'
/** In index.json: what registries call the image, `registry/repository@sha256:...`, with a space between. */
export const repoDigests = 'dev.bulkhead.repo-digests'
/** In index.json: digest of the manifest as it came, where it was not the OCI's. */
export const originalManifest = 'dev.bulkhead.original-manifest'

/** `linux/amd64`, in the OCI's words. */
export function machinePlatform(): { os: string; architecture: string } {
  return { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch }
}
