/** From a name to the manifest of one platform: fetched, checked, and as the OCI writes it. */
import * as z from 'zod'
import { limits } from '../limits.ts'
import { digestOf } from '../images/blobs.ts'
import {
  dockerTypes,
  indexSchema,
  machinePlatform,
  manifestSchema,
  mediaTypes,
  ociLayerType,
  type Descriptor,
  type Index,
  type Manifest,
} from '../images/formats.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { readLimited } from './body.ts'
import type { Repository } from './client.ts'

const accepted = [mediaTypes.index, mediaTypes.manifest, dockerTypes.index, dockerTypes.manifest].join(', ')

export interface Fetched {
  /** Of what the name leads to: an index, where there is one. */
  readonly digest: string
  readonly manifest: Manifest
  /** The manifest as it came. */
  readonly bytes: Buffer
  readonly mediaType: string
}

/** @throws BulkheadError ContentInvalid, and what `Repository.ask` throws */
export async function fetchManifest(
  repository: Repository,
  reference: string,
  platform: string | undefined,
): Promise<Fetched> {
  const first = await fetchDocument(repository, reference)
  if (!isIndex(first.mediaType)) {
    const manifest = parse(manifestSchema, first.bytes, repository)
    return { digest: first.digest, manifest, bytes: first.bytes, mediaType: first.mediaType }
  }
  const index = parse(indexSchema, first.bytes, repository)
  const chosen = choose(index, platform, repository.label)
  const { bytes, mediaType } = await fetchDocument(repository, chosen.digest)
  if (bytes.byteLength !== chosen.size)
    throw new BulkheadError(
      'ContentInvalid',
      `${repository.label}: manifest ${chosen.digest} has ${bytes.byteLength} bytes, the index promises ${chosen.size}`,
    )
  if (isIndex(mediaType)) throw new BulkheadError('ContentInvalid', `${repository.label}: an index within an index`)
  return { digest: first.digest, manifest: parse(manifestSchema, bytes, repository), bytes, mediaType }
}

/** Undefined when there is none. */
export async function fetchIndex(repository: Repository, path: string): Promise<Index | undefined> {
  const answer = await repository.ask({
    method: 'GET',
    path,
    headers: { accept: mediaTypes.index },
    accept: [200, 404, 400],
  })
  if (answer.status !== 200) {
    answer.body.resume()
    return undefined
  }
  return parse(indexSchema, await readLimited(answer.body, limits.document), repository)
}

async function fetchDocument(
  repository: Repository,
  reference: string,
): Promise<{ digest: string; bytes: Buffer; mediaType: string }> {
  const path = `manifests/${reference}`
  const answer = await repository.ask({ method: 'GET', path, headers: { accept: accepted }, accept: [200] })
  const bytes = await readLimited(answer.body, limits.document)
  const digest = digestOf(bytes)
  const promised = reference.startsWith('sha256:') ? reference : answer.headers['docker-content-digest']
  if (promised !== undefined && promised !== digest)
    throw new BulkheadError(
      'ContentInvalid',
      `${repository.label}: manifest ${reference} has digest ${digest}, not ${promised}`,
      {
        hint: 'What came is not what was asked for: try again; if it stays so, do not trust that registry.',
      },
    )
  const stated = answer.headers['content-type']?.split(';')[0]?.trim() ?? ''
  return { digest, bytes, mediaType: typeOf(bytes, stated, repository.label) }
}

/** What a document says it is, or how it is built: a header is no proof. */
function typeOf(bytes: Buffer, stated: string, label: string): string {
  const shape = z
    .object({
      mediaType: z.string().optional(),
      schemaVersion: z.number().optional(),
      manifests: z.unknown().optional(),
      layers: z.unknown().optional(),
    })
    .safeParse(json(bytes, label))
  if (!shape.success) throw new BulkheadError('ContentInvalid', `${label}: the manifest is not valid`)
  const { mediaType, schemaVersion, manifests, layers } = shape.data
  if (manifests !== undefined && layers !== undefined)
    throw new BulkheadError('ContentInvalid', `${label}: a document that is an index and a manifest at once is refused`)
  if (schemaVersion === 1)
    throw new BulkheadError('ContentInvalid', `${label}: its manifest is of Docker’s schema 1, which is not read`, {
      hint: 'The image has to be built or pushed again by a tool of the last years.',
    })
  const type = mediaType ?? stated
  if (isIndex(type) ? manifests !== undefined : isManifest(type) && layers !== undefined) return type
  throw new BulkheadError(
    'ContentInvalid',
    `${label}: a manifest of type ${type === '' ? 'unknown' : type} is not an image`,
  )
}

export function isIndex(mediaType: string): boolean {
  return mediaType === mediaTypes.index || mediaType === dockerTypes.index
}

function isManifest(mediaType: string): boolean {
  return mediaType === mediaTypes.manifest || mediaType === dockerTypes.manifest
}

function json(bytes: Buffer, label: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw new BulkheadError('ContentInvalid', `${label}: the manifest is not JSON`, { cause: error })
  }
}

function parse<T>(schema: z.ZodType<T>, bytes: Buffer, { label }: Repository): T {
  const parsed = schema.safeParse(json(bytes, label))
  if (parsed.success) return parsed.data
  throw new BulkheadError('ContentInvalid', `${label}: the manifest is not valid: ${z.prettifyError(parsed.error)}`)
}

/** The best fit of an index for a platform: this machine's, unless told otherwise. */
function choose(index: Index, wanted: string | undefined, label: string): Index['manifests'][number] {
  const machine = machinePlatform()
  const [os, architecture, variant] = wanted?.split('/') ?? [machine.os, machine.architecture]
  const fits = index.manifests.filter(({ platform, mediaType }) => {
    if (!isManifest(mediaType)) return false
    return platform?.os === os && platform?.architecture === architecture
  })
  const exact = fits.find(({ platform }) => variant === undefined || platform?.variant === variant)
  if (exact !== undefined) return exact
  const there = index.manifests.flatMap(({ platform }) =>
    platform === undefined || platform.os === 'unknown'
      ? []
      : [[platform.os, platform.architecture, platform.variant].filter(Boolean).join('/')],
  )
  throw new BulkheadError(
    'NotInRegistry',
    `${label} has no image for ${[os, architecture, variant].filter(Boolean).join('/')}`,
    {
      hint:
        there.length === 0
          ? 'It holds no image at all.'
          : `It has ${[...new Set(there)].join(', ')}: choose one with --platform.`,
    },
  )
}

/** The manifest with the OCI's media types, and its layers. @throws BulkheadError for what is not an image of files */
export function asOci(
  { manifest, bytes, mediaType }: Fetched,
  label: string,
): { bytes: Buffer; layers: Descriptor[]; isOriginal: boolean } {
  const { config } = manifest
  if (config.mediaType !== mediaTypes.config && config.mediaType !== dockerTypes.config)
    throw new BulkheadError(
      'ContentInvalid',
      `${label} is not an image of a container, but of type ${config.mediaType}`,
      {
        hint: 'Artifacts such as charts and signatures are not for running.',
      },
    )
  const layers = manifest.layers.map((layer): Descriptor => {
    const type = ociLayerType(layer.mediaType)
    if (type === undefined)
      throw new BulkheadError(
        'ContentInvalid',
        `${label} has a layer of type ${layer.mediaType}, which is unknown here`,
      )
    return {
      mediaType: type,
      digest: layer.digest,
      size: layer.size,
      ...(layer.annotations && { annotations: layer.annotations }),
    }
  })
  if (mediaType === mediaTypes.manifest) return { bytes, layers, isOriginal: true }
  const oci = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: config.digest, size: config.size },
    layers,
    ...(manifest.annotations && { annotations: manifest.annotations }),
  }
  return { bytes: Buffer.from(JSON.stringify(oci)), layers, isOriginal: false }
}
