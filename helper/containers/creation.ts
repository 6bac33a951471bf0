/** A container's making, up to its first start: its record, its folder, its volumes. */
import type { Native } from '../host/native.ts'
import { labelOf, type Image } from '../images/image.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { RunRequest } from '../protocol/schemas.ts'
import type { RootPlace } from '../layers/roots.ts'
import type { Volumes } from '../volumes/volumes.ts'
import type { Caller, KeptMount } from './mounts.ts'
import { wantedMounts } from './mounts.ts'
import type { ContainerRecord } from './record.ts'
import { healthOf, stopSignalOf } from './settings.ts'

export interface CreationParts {
  readonly native: Native
  readonly volumes: Volumes
  /** The root of an image, as a container would see it. */
  readonly rootOf: (image: Image) => Promise<RootPlace>
  /** Keeps a volume from being removed until the container has it. */
  readonly reserve: (volume: string) => unknown
}

/** What cannot be together is refused before anything is made. */
export function requireSound({
  autoRemove,
  restart,
  network,
  publish,
  publishAll,
  connect,
  endpoint,
}: RunRequest): void {
  const refuse = (why: string): never => {
    throw new BulkheadError('InvalidRequest', why)
  }
  if (autoRemove && restart.name !== 'no') refuse('a container that is removed when it ends cannot be restarted')
  const isBridged = network !== 'none' && network !== 'host' && !network.startsWith('container:')
  if (isBridged) return
  if (publish.length > 0 || publishAll)
    refuse(`ports cannot be published with network ${network}: the container has no network of its own to lead to`)
  const { aliases, address, address6, mac } = endpoint
  if (connect.length > 0 || aliases.length > 0 || (address ?? address6 ?? mac) !== undefined)
    refuse(`network ${network} has no addresses, names or further networks to give`)
}

/** Mounts as they are kept: volumes that are not there yet are made, and filled with what the image has in their place.
 * `anonymous` gets the volumes that were made without a name: to be removed when the making fails. */
export async function makeMounts(
  { volumes, rootOf, reserve }: CreationParts,
  { request, image, others }: { request: RunRequest; image: Image; others: readonly KeptMount[] },
  anonymous: string[],
): Promise<KeptMount[]> {
  const mounts: KeptMount[] = []
  for (const wanted of wantedMounts(request, image.config, others)) {
    if ('source' in wanted && wanted.type !== 'bind') {
      mounts.push(wanted)
      continue
    }
    switch (wanted.type) {
      case 'bind':
        mounts.push({ exec: false, ...wanted, create: wanted.create })
        break
      case 'tmpfs':
        mounts.push({ ...wanted, source: '', create: false })
        break
      case 'volume': {
        const made = volumes.create({ name: wanted.name })
        reserve(made.name)
        if (wanted.name === undefined) anonymous.push(made.name)
        const { type, target, readOnly } = wanted
        mounts.push({ type, name: made.name, source: made.mountpoint, target, readOnly, create: false, exec: false })
        if (!('noCopy' in wanted && wanted.noCopy)) await volumes.fill(made.name, await rootOf(image), target)
      }
    }
  }
  return mounts
}

export function makeRecord(options: {
  id: string
  name: string
  request: RunRequest
  image: Image
  idRange: number | null
  caller: Caller
  mounts: readonly KeptMount[]
}): ContainerRecord {
  const { id, name, request, image, idRange, caller, mounts } = options
  return {
    ...{ id, name, request, idRange },
    image: image.summary.name ?? labelOf(image.summary),
    imageId: image.summary.id,
    layers: [...image.layers],
    command: [],
    createdAt: Date.now(),
    caller: { uid: caller.uid, gid: caller.gid, groups: caller.groups },
    mounts: [...mounts],
    stopSignal: stopSignalOf(request, image.config),
    health: healthOf(request, image.config),
    isCreated: false,
    isStopped: false,
  }
}
