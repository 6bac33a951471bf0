/** Volumes and mounts, as zod schemas: checked by the helper before anything is done. */
import * as z from 'zod'
import { absolutePath, containerReference, labels } from './fields.ts'
import { containerName, nameRule } from './names.ts'

export const volumeName = z.string().max(255).regex(containerName, nameRule)

/** Where in a container. Not its root, and nothing that the kernel shows there. */
const target = absolutePath
  .refine((path) => path.split('/').every((part) => part !== '..'), 'must not contain ..')
  .refine(
    (path) => !/^\/+(?:\.\/*)*(?:$|(?:proc|sys)(?:\/|$))/.test(path),
    'must not be the root, /proc, /sys or below those',
  )

export const propagation = z.enum(['rprivate', 'private', 'rslave', 'slave', 'rshared', 'shared'])
export type Propagation = z.infer<typeof propagation>

export const mountRequest = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('volume'),
    /** Without a name: one of the container's own, that goes with it. */
    name: volumeName.optional(),
    target,
    readOnly: z.boolean().default(false),
    /** Leave a new volume empty, whatever the image has there. */
    noCopy: z.boolean().default(false),
  }),
  z.strictObject({
    type: z.literal('bind'),
    /** A directory or a file of the host, opened with the caller's own rights. */
    source: absolutePath,
    target,
    readOnly: z.boolean().default(false),
    propagation: propagation.default('rprivate'),
    /** Make a directory where nothing is. */
    create: z.boolean().default(false),
  }),
  z.strictObject({
    type: z.literal('tmpfs'),
    target,
    /** Bytes at most. */
    size: z.int().min(4096).optional(),
    mode: z.int().min(0).max(0o7777).default(0o1777),
    readOnly: z.boolean().default(false),
    exec: z.boolean().default(false),
  }),
])
export type MountRequest = z.infer<typeof mountRequest>

export const mountFields = {
  mounts: z.array(mountRequest).max(64).default([]),
  /** Volumes and bind mounts of other containers. */
  volumesFrom: z
    .array(z.strictObject({ container: containerReference, readOnly: z.boolean().default(false) }))
    .max(16)
    .default([]),
}

/** A mount of a container as it is. */
export const mountPoint = z.object({
  type: z.enum(['volume', 'bind', 'tmpfs']),
  /** Of a volume. */
  name: z.string().optional(),
  /** On the host; empty for a tmpfs. */
  source: z.string(),
  target: z.string(),
  readOnly: z.boolean(),
  propagation: propagation.optional(),
})
export type MountPoint = z.infer<typeof mountPoint>

export const createVolume = z.strictObject({
  /** Chosen where none is given. */
  name: volumeName.optional(),
  labels,
})

export const volumeSummary = z.object({
  name: z.string(),
  /** Made for one container, without a name. */
  isAnonymous: z.boolean(),
  /** Where its files lie on the host. */
  mountpoint: z.string(),
  labels: z.record(z.string(), z.string()),
  createdAt: z.number(),
  /** Names of the containers that have it. */
  usedBy: z.array(z.string()),
})
export type VolumeSummary = z.infer<typeof volumeSummary>

export const volumeByName = z.strictObject({ volume: volumeName })
