/** A request becomes an OCI runtime specification: what the container is, in the field's own words. */
import type { HostFacts } from '../host/facts.ts'
import type { ImageSettings } from '../images/formats.ts'
import { defaults } from '../limits.ts'
import { defaultSeccomp } from '../plan/seccomp.ts'
import type { NamespaceType, RuntimeMount, RuntimeResources, RuntimeSpec } from '../plan/runtimeSpec.ts'
import { initAnnotation, userAnnotation } from '../plan/runtimeSpec.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Resources, RunRequest } from '../protocol/schemas.ts'
import { mergeVariables } from './variables.ts'

/** Podman's eleven: Docker's without MKNOD, NET_RAW and AUDIT_WRITE. */
const capabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_NET_BIND_SERVICE',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
]

/** The union of what Docker, containerd and Podman hide. */
const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
  '/sys/fs/selinux',
]

const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

const shmOptions = ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${defaults.shmBytes}`]

/** Memory that the kernel cannot start a process in, rounded to pages: below this the limit itself is refused. */
const leastMemory = 512 * 1024

/** Another entry point than the image's leaves out the image's command, too, as with Docker. */
function commandOf(request: RunRequest, config: ImageSettings): string[] {
  const { entrypoint } = request
  const given = entrypoint === undefined ? (config.Cmd ?? []) : []
  const command = request.command.length > 0 ? request.command : given
  const args = [...(entrypoint ?? config.Entrypoint ?? []), ...command].filter(
    (_arg, at, all) => at > 0 || all[0] !== '',
  )
  if (args.length === 0)
    throw new BulkheadError('InvalidRequest', `image ${request.image} names no command, and none was given`, {
      hint: 'Write the command after the image: bulkhead run IMAGE COMMAND',
    })
  return args
}

function environmentOf(request: RunRequest, config: ImageSettings, hostname: string): string[] {
  const own = [`PATH=${defaults.path}`, `HOSTNAME=${hostname}`, ...(request.tty ? ['TERM=xterm'] : [])]
  return mergeVariables([...own, ...(config.Env ?? []), ...request.env])
}

export function runtimeResources(resources: Resources): RuntimeResources {
  const { memory, memorySwap, memoryHigh, cpus, cpuShares, cpusetCpus, blkioWeight } = resources
  if (memory !== undefined && memory < leastMemory)
    throw new BulkheadError(
      'LimitRefused',
      `a memory limit of ${memory} bytes is too small: the kernel needs 512 KiB to start a process`,
      {
        hint: 'Give at least 512k; a few megabytes for anything useful.',
      },
    )
  if (memorySwap !== undefined && memorySwap !== -1 && (memory === undefined || memorySwap < memory))
    throw new BulkheadError(
      'LimitRefused',
      'memory-swap is memory and swap together: it needs a memory limit, and cannot be less than it',
    )
  const throttles = {
    ...(resources.deviceReadBps && { throttleReadBpsDevice: resources.deviceReadBps }),
    ...(resources.deviceWriteBps && { throttleWriteBpsDevice: resources.deviceWriteBps }),
  }
  return {
    ...((memory ?? memorySwap) !== undefined && {
      memory: { ...(memory !== undefined && { limit: memory }), ...(memorySwap !== undefined && { swap: memorySwap }) },
    }),
    cpu: {
      ...(cpuShares !== undefined && { shares: cpuShares }),
      ...(cpus !== undefined && { quota: Math.round(cpus * 100_000), period: 100_000 }),
      ...(cpusetCpus !== undefined && { cpus: cpusetCpus }),
    },
    pids: { limit: resources.pidsLimit ?? defaults.pidsLimit },
    blockIO: { ...(blkioWeight !== undefined && { weight: blkioWeight }), ...throttles },
    ...(memoryHigh !== undefined && { unified: { 'memory.high': String(memoryHigh) } }),
  }
}

function cgroupMounts(cgroups: 'v1' | 'v2'): RuntimeMount[] {
  const options = ['ro', 'nosuid', 'nodev', 'noexec', 'relatime']
  const destination = '/sys/fs/cgroup'
  if (cgroups === 'v2') return [{ destination, type: 'cgroup2', source: 'cgroup', options }]
  return [
    { destination, type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'noexec', 'mode=755', 'size=64k'] },
    ...['memory', 'cpu', 'pids'].map((controller): RuntimeMount => ({
      destination: `${destination}/${controller}`,
      type: 'cgroup',
      source: 'cgroup',
      options: [...options, controller],
    })),
  ]
}

/** It has the network namespace of the host, or of another container. */
export function sharesNetwork({ network }: Pick<RunRequest, 'network'>): boolean {
  return network === 'host' || network.startsWith('container:')
}

function mountsOf(request: RunRequest, cgroups: 'v1' | 'v2'): RuntimeMount[] {
  // A sysfs shows a network namespace; one that is not its own can be bound, but not mounted anew, by a user namespace.
  const sys: RuntimeMount = sharesNetwork(request)
    ? { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', 'ro', 'nosuid', 'nodev', 'noexec'] }
    : { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro', 'nosuid', 'nodev', 'noexec'] }
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'nodev', 'noexec'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'noexec', 'mode=755', 'size=64k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
    },
    { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: shmOptions },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'nodev', 'noexec'] },
    sys,
    ...(sharesNetwork(request) ? [] : cgroupMounts(cgroups)),
  ]
}

/** As Docker sets them: any user of the container may listen on port 80, and ping. */
const networkSysctls = { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 65535' }

function namespacesOf({ request, facts, joined }: SpecificationInput): { type: NamespaceType; path?: string }[] {
  const types: NamespaceType[] = ['pid', 'mount', 'uts', 'ipc', 'cgroup']
  if (!sharesNetwork(request)) types.push('network')
  if (request.userns === 'private') types.push('user')
  if (facts.timeNamespace) types.push('time')
  const others = request.network.startsWith('container:')
    ? [{ type: 'network' as const, path: `/proc/${joined}/ns/net` }]
    : []
  return [...types.map((type) => ({ type })), ...others]
}

export interface SpecificationInput {
  readonly id: string
  readonly request: RunRequest
  readonly config: ImageSettings
  readonly facts: HostFacts
  readonly cgroups: 'v1' | 'v2'
  readonly cgroupsPath: string
  /** What the user asked for, as an OCI runtime specification says it. */
  readonly mounts: readonly RuntimeMount[]
  /** First host id of the container's user namespace; undefined for `userns: host`. */
  readonly firstId: number | undefined
  /** First process of the container whose network namespace it has; 0 for none. */
  readonly joined: number
}

/** @throws BulkheadError for what cannot be: no command, a limit that is too small. */
export function makeSpecification(input: SpecificationInput): RuntimeSpec {
  const { request, config, facts, firstId } = input
  const hostname = request.hostname ?? input.id.slice(0, 12)
  const mappings = firstId === undefined ? [] : [{ containerID: 0, hostID: firstId, size: defaults.idRanges.size }]
  const { soft, hard } = defaults.nofile
  return {
    ociVersion: '1.2.0',
    process: {
      terminal: request.tty,
      ...(request.tty && { consoleSize: { height: request.rows, width: request.columns } }),
      user: { uid: 0, gid: 0, umask: 0o022 },
      args: commandOf(request, config),
      env: environmentOf(request, config, hostname),
      cwd: request.workingDirectory ?? (config.WorkingDir || '/'),
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      rlimits: [{ type: 'RLIMIT_NOFILE', soft: Math.min(soft, facts.nofile), hard: Math.min(hard, facts.nofile) }],
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: request.readOnly },
    hostname,
    mounts: [...mountsOf(request, input.cgroups), ...input.mounts],
    annotations: {
      [userAnnotation]: request.user || (config.User ?? ''),
      ...(request.init && { [initAnnotation]: 'true' }),
    },
    linux: {
      uidMappings: mappings,
      gidMappings: mappings,
      namespaces: namespacesOf(input),
      cgroupsPath: input.cgroupsPath,
      sysctl: sharesNetwork(request) ? {} : networkSysctls,
      resources: runtimeResources(request.resources),
      seccomp: defaultSeccomp,
      maskedPaths: [...maskedPaths.filter(facts.has), ...facts.thermalPaths],
      readonlyPaths: readonlyPaths.filter(facts.has),
    },
  }
}
