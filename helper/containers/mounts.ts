/** What a container mounts: what was asked for, what its image and other containers say, and what that is to the kernel. */
import { posix } from 'node:path'
import * as z from 'zod'
import type { ImageSettings } from '../images/formats.ts'
import type { RuntimeMount } from '../plan/runtimeSpec.ts'
import type { RunRequest } from '../protocol/schemas.ts'
import { mountPoint, type MountRequest } from '../protocol/volumeSchemas.ts'

/** A mount as it is kept: how a tmpfs is made, and whether the source of a bind mount is made when it is missing. */
export const keptMount = mountPoint.extend({
  create: z.boolean().default(false),
  size: z.number().optional(),
  mode: z.number().optional(),
  exec: z.boolean().default(false),
})
export type KeptMount = z.infer<typeof keptMount>

/** Who asked: bind mounts are opened with their rights. */
export const caller = z.object({ uid: z.number(), gid: z.number(), groups: z.array(z.number()).readonly() })
export type Caller = z.infer<typeof caller>

function normal(target: string): string {
  return posix.normalize(target).replace(/(.)\/$/, '$1')
}

/** One a target: what was asked for goes before what other containers have, and that before what the image says. */
export function wantedMounts(
  request: Pick<RunRequest, 'mounts'>,
  config: Pick<ImageSettings, 'Volumes'>,
  others: readonly KeptMount[],
): (MountRequest | KeptMount)[] {
  const ofImage = Object.keys(config.Volumes ?? {}).map((target): MountRequest => ({
    type: 'volume',
    target,
    readOnly: false,
    noCopy: false,
  }))
  const byTarget = new Map([...ofImage, ...others, ...request.mounts].map((mount) => [normal(mount.target), mount]))
  // Those above others first.
  return [...byTarget]
    .map(([target, mount]) => ({ ...mount, target }))
    .sort((a, b) => a.target.split('/').length - b.target.split('/').length)
}

/** `idmap`: the container has ids of its own. `firstId`: the host's id of its root. */
export function runtimeMounts(
  mounts: readonly KeptMount[],
  { uid, gid }: Caller,
  firstId: number | undefined,
): RuntimeMount[] {
  return mounts.map((mount) => {
    const { type, source, target, readOnly, propagation = 'rprivate' } = mount
    const always = ['nosuid', 'nodev', ...(readOnly ? ['ro'] : [])]
    if (type === 'tmpfs') {
      const { exec, mode = 0o1777, size } = mount
      const options = [...always, ...(exec ? [] : ['noexec']), `mode=${mode.toString(8)}`]
      return {
        ...{ destination: target, type, source: 'tmpfs' },
        options: [...options, ...(size === undefined ? [] : [`size=${size}`])],
      }
    }
    const options = ['rbind', propagation, ...always]
    const bind = { destination: target, type: 'bind', source, options }
    if (firstId === undefined) return bind
    // A user's own files belong to the container's root; what is others' has no owner there, and so stays theirs.
    const own = type === 'bind' && uid !== 0
    return {
      ...bind,
      options: [...options, 'idmap'],
      ...(own && {
        uidMappings: [{ containerID: uid, hostID: firstId, size: 1 }],
        gidMappings: [{ containerID: gid, hostID: firstId, size: 1 }],
      }),
    }
  })
}

/** For inspection: as the request would say it. */
export function shownMount({ type, name, source, target, readOnly, propagation }: KeptMount) {
  return { type, ...(name !== undefined && { name }), source, target, readOnly, ...(propagation && { propagation }) }
}
