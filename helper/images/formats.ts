/** The OCI image format (image-spec 1.1), as far as it is read here. Files of an image are input: checked. */
import * as z from 'zod'

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
} as const

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/)
const annotations = z.record(z.string(), z.string()).optional()

const descriptor = z.object({ mediaType: z.string(), digest, size: z.int().min(0), annotations })

export const indexSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  manifests: z.array(descriptor),
})
export type Index = z.infer<typeof indexSchema>

export const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string(),
  config: descriptor,
  layers: z.array(descriptor),
})

export const configSchema = z.object({
  created: z.string().optional(),
  architecture: z.string(),
  os: z.string(),
  config: z
    .object({
      User: z.string().optional(),
      Env: z.array(z.string()).nullish(),
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
      WorkingDir: z.string().optional(),
    })
    .default({}),
  rootfs: z.object({ type: z.literal('layers'), diff_ids: z.array(digest) }),
})
export type ImageConfig = z.infer<typeof configSchema>

export const refName = 'org.opencontainers.image.ref.name'
/** Bytes of a layer, unpacked. */
export const unpackedSize = 'dev.bulkhead.layer.size'
