/**
 * A container's plan: what the kernel is asked to do, in order. A pure function of the OCI runtime specification and of
 * where things lie; it touches no kernel, so that a test can read it like a page.
 */
import { capabilityMask, cloneFlags, mountAttributes, propagations, rlimits } from './kernel.ts'
import type { Operation } from './operations.ts'
import type { IdMapping, RuntimeMount, RuntimeSpec } from './runtimeSpec.ts'
import { initAnnotation, userAnnotation } from './runtimeSpec.ts'

export interface Layer {
  readonly directory: string
  /** Shown with the ids of the container's user namespace. */
  readonly idmapped: boolean
}

/** Where a container's parts lie on this machine, and what its kernel can do. */
export interface Placement {
  /** Makes the cgroups and sets their limits: `Cgroups.operations`. */
  readonly cgroup: readonly Operation[]
  /** On v1 the container's process enters its cgroups itself. */
  readonly entersCgroup: boolean
  /** Lower layers, uppermost first. */
  readonly layers: readonly Layer[]
  readonly upper: string
  readonly work: string
  /** Its files need not survive a crash of the machine: no flush to disk at unmount. */
  readonly isVolatile: boolean
  /** Before Linux 6.15: an empty directory below which layers are attached. */
  readonly scratch: string | undefined
  readonly files: readonly { readonly target: string; readonly content: string; readonly mode: number }[]
  /** `seccomp` of the specification, compiled. */
  readonly seccompProgram: Uint8Array
  /** Name of the watcher's socket. */
  readonly socket: string
  readonly log: { readonly maxBytes: number; readonly maxFiles: number }
  readonly attached: boolean
  readonly openStdin: boolean
  /** List the files that it opens. */
  readonly recordOpens: boolean
  /** In order; none for a network namespace that leads nowhere. */
  readonly links: readonly Link[]
  /** A running container whose network namespace it shares: its first process, and part of its cgroup's name. */
  readonly joinNetwork: { readonly pid: number; readonly cgroup: string } | undefined
  /** Supplementary groups of whoever asked for the bind mounts, and which of those are made where nothing is. */
  readonly callerGroups: readonly number[]
  readonly createdSources: ReadonlySet<string>
}

/** One link of a container, a port of a bridge. */
export interface Link {
  readonly bridge: string
  readonly link: string
  readonly name: string
  readonly mac: string
  /** With their prefixes. */
  readonly addresses: readonly string[]
  /** Of the default routes. */
  readonly gateways: readonly string[]
}

const devices = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  ['tty', 5, 0],
] as const

const deviceLinks = [
  ['/proc/self/fd', 'fd'],
  ['/proc/self/fd/0', 'stdin'],
  ['/proc/self/fd/1', 'stdout'],
  ['/proc/self/fd/2', 'stderr'],
  ['pts/ptmx', 'ptmx'],
] as const

function idMap(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('')
}

export function hostIdOfRoot(mappings: readonly IdMapping[]): number {
  return mappings.find(({ containerID }) => containerID === 0)?.hostID ?? 0
}

export function namespaceFlags(spec: RuntimeSpec): bigint {
  return (
    spec.linux.namespaces
      // The cgroup's is entered after the cgroup itself; one with a path is somebody else's.
      .filter(({ type, path }) => type !== 'cgroup' && path === undefined)
      .reduce((flags, { type }) => flags | cloneFlags[type], 0n)
  )
}

function attributesOf(mount: RuntimeMount): { attributes: bigint; options: string[] } {
  let attributes = 0n
  const options: string[] = []
  for (const option of mount.options) {
    const attribute = mountAttributes[option]
    if (attribute !== undefined) attributes |= attribute
    else if (option !== 'rbind' && option !== 'idmap' && !(option in propagations)) options.push(option)
  }
  return { attributes, options }
}

/** Kernel file systems go to fixed places; what a user asks for goes where the image's links lead. */
function isUsers({ type, destination }: RuntimeMount): boolean {
  if (type === 'bind') return destination !== '/sys'
  return type === 'tmpfs' && !/^\/(?:dev|sys)(?:\/|$)/.test(destination)
}

function openSource(mount: RuntimeMount, { callerGroups, createdSources }: Placement): Operation {
  const caller = mount.uidMappings?.[0]
  const propagation = mount.options.find((option) => option in propagations)
  return {
    operation: 'open source',
    source: mount.source,
    uid: caller?.containerID ?? 0,
    gid: mount.gidMappings?.[0]?.containerID ?? 0,
    groups: caller === undefined ? '' : callerGroups.join(' '),
    idmapped: !mount.options.includes('idmap') ? 0 : caller === undefined ? 1 : 2,
    attributes: attributesOf(mount).attributes,
    propagation: propagations[propagation ?? 'rprivate']!,
    create: Number(createdSources.has(mount.source)),
  }
}

function mount(mount: RuntimeMount): Operation[] {
  const { attributes, options } = attributesOf(mount)
  const target = mount.destination
  if (isUsers(mount))
    return mount.type === 'bind'
      ? [{ operation: 'attach mount', target }]
      : [{ operation: 'mount tmpfs', target, attributes, options }]
  if (mount.type === 'bind') return [{ operation: 'bind', source: mount.source, target, attributes }]
  const operation: Operation = { operation: 'mount', type: mount.type, target, attributes, options }
  if (target !== '/dev') return [operation]
  return [
    operation,
    ...devices.map(([name, deviceMajor, deviceMinor]): Operation => ({
      operation: 'bind device',
      name,
      deviceMajor,
      deviceMinor,
    })),
    ...deviceLinks.map(([content, name]): Operation => ({ operation: 'symlink', content, directory: '/dev', name })),
  ]
}

function watcherOperations(spec: RuntimeSpec, placement: Placement): Operation[] {
  const { process, linux } = spec
  return [
    {
      operation: 'watch',
      socket: placement.socket,
      logMaxBytes: BigInt(placement.log.maxBytes),
      logMaxFiles: placement.log.maxFiles,
      terminal: Number(process.terminal),
      openStdin: Number(placement.openStdin),
      attached: Number(placement.attached),
    },
    ...placement.cgroup,
    ...(placement.joinNetwork === undefined ? [] : [{ operation: 'join network', ...placement.joinNetwork } as const]),
    ...(placement.scratch === undefined
      ? []
      : [{ operation: 'new mount namespace for layers', scratch: placement.scratch } as const]),
    { operation: 'new namespaces', flags: namespaceFlags(spec) },
    {
      operation: 'map ids',
      uids: idMap(linux.uidMappings),
      gids: idMap(linux.gidMappings),
      rootUid: hostIdOfRoot(linux.uidMappings),
      rootGid: hostIdOfRoot(linux.gidMappings),
    },
    ...placement.layers.map(({ directory, idmapped }): Operation => ({
      operation: 'add layer',
      directory,
      idmapped: Number(idmapped),
    })),
    ...(placement.recordOpens ? [{ operation: 'record opens' } as const] : []),
    {
      operation: 'mount overlay',
      upper: placement.upper,
      work: placement.work,
      isVolatile: Number(placement.isVolatile),
    },
    ...spec.mounts
      .filter((mount) => isUsers(mount) && mount.type === 'bind')
      .map((mount) => openSource(mount, placement)),
    ...placement.links.map(({ bridge, link, name, mac }): Operation => ({
      operation: 'connect network',
      ...{ bridge, link, name, mac },
    })),
  ]
}

function rootOperations(spec: RuntimeSpec, placement: Placement): Operation[] {
  const { linux, root } = spec
  const has = (type: string): boolean =>
    linux.namespaces.some((namespace) => namespace.type === type && namespace.path === undefined)
  return [
    ...(placement.entersCgroup ? [{ operation: 'enter cgroup' } as const] : []),
    ...(has('cgroup') ? [{ operation: 'new cgroup namespace' } as const] : []),
    { operation: 'become root of user namespace' },
    { operation: 'set hostname', hostname: spec.hostname },
    ...(has('network') ? [{ operation: 'set loopback up' } as const] : []),
    { operation: 'make mounts private' },
    { operation: 'attach root' },
    ...spec.mounts.flatMap(mount),
    ...placement.files.map(({ target, content, mode }): Operation => ({
      operation: 'bind file',
      target,
      content: Buffer.from(content),
      mode,
    })),
    ...Object.entries(linux.sysctl).map(([name, value]): Operation => ({
      operation: 'set sysctl',
      path: name.replaceAll('.', '/'),
      value,
    })),
    ...linux.maskedPaths.map((path): Operation => ({ operation: 'mask path', path })),
    ...linux.readonlyPaths.map((path): Operation => ({ operation: 'make path read-only', path })),
    ...terminalOperations(spec),
    // Last, since the watcher makes the links after everything else.
    ...placement.links.map(({ name, addresses, gateways }): Operation => ({
      operation: 'configure link',
      ...{ name, addresses, gateways },
    })),
    { operation: 'pivot root' },
    ...(root.readonly ? [{ operation: 'set root attributes', attributes: mountAttributes['ro']! } as const] : []),
  ]
}

/** The terminal of a process that has one, as its stdio. */
export function terminalOperations({
  process,
}: {
  process: Pick<RuntimeSpec['process'], 'terminal' | 'consoleSize'>
}): Operation[] {
  if (!process.terminal) return []
  const { height: rows, width: columns } = process.consoleSize ?? { height: 24, width: 80 }
  return [{ operation: 'open terminal', rows, columns }]
}

/** What a process does to itself, and then becomes its command. */
export function processOperations(
  spec: Pick<RuntimeSpec, 'process' | 'annotations'>,
  placement: Pick<Placement, 'seccompProgram'>,
): Operation[] {
  const { process } = spec
  return [
    ...process.rlimits.map(({ type, soft, hard }): Operation => ({
      operation: 'set rlimit',
      resource: rlimits[type]!,
      soft: BigInt(soft),
      hard: BigInt(hard),
    })),
    { operation: 'limit capabilities', bounding: capabilityMask(process.capabilities.bounding) },
    // As root, so that a directory that is missing is made, as with Docker.
    { operation: 'set working directory', path: process.cwd },
    {
      operation: 'set user',
      user: spec.annotations[userAnnotation] ?? `${process.user.uid}:${process.user.gid}`,
      umask: process.user.umask,
    },
    { operation: 'set capabilities', effective: capabilityMask(process.capabilities.effective) },
    ...(process.noNewPrivileges ? [{ operation: 'set no_new_privs' } as const] : []),
    ...(spec.annotations[initAnnotation] === 'true' ? [{ operation: 'start init' } as const] : []),
    { operation: 'install seccomp filter', program: placement.seccompProgram },
    { operation: 'exec', arguments: process.args, environment: process.env },
  ]
}

export function makePlan(spec: RuntimeSpec, placement: Placement): Operation[] {
  return [
    ...watcherOperations(spec, placement),
    ...rootOperations(spec, placement),
    ...processOperations(spec, placement),
  ]
}
