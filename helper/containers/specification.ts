/** A request becomes an OCI runtime specification: what the container is, in the field's own words. */
import type { HostFacts } from '../host/facts.ts'
import type { ImageSettings } from '../images/formats.ts'
import { defaults } from '../limits.ts'
import { defaultSeccomp } from '../plan/seccomp.ts'
import type { NamespaceType, RuntimeMount, RuntimeResources, RuntimeSpec } from '../plan/runtimeSpec.ts'
import { userAnnotation } from '../plan/runtimeSpec.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Resources, RunRequest } from '../protocol/schemas.ts'

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

function commandOf(request: RunRequest, config: ImageSettings): string[] {
  const command = request.command.length > 0 ? request.command : (config.Cmd ?? [])
  const args = [...(config.Entrypoint ?? []), ...command]
  if (args.length === 0)
    throw new BulkheadError('InvalidRequest', `image ${request.image} names no command, and none was given`, {
      hint: 'Write the command after the image: bulkhead run IMAGE COMMAND',
    })
  return args
}

/** Later settings of a variable replace earlier ones. */
function environmentOf(request: RunRequest, config: ImageSettings, hostname: string): string[] {
  const variables = new Map<string, string>()
  const own = [`PATH=${defaults.path}`, `HOSTNAME=${hostname}`, ...(request.tty ? ['TERM=xterm'] : [])]
  for (const entry of [...own, ...(config.Env ?? []), ...request.env]) {
    const equals = entry.indexOf('=')
    variables.set(entry.slice(0, equals), entry.slice(equals + 1))
  }
  return [...variables].map(([name, value]) => `${name}=${value}`)
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

function mountsOf(request: RunRequest, cgroups: 'v1' | 'v2'): RuntimeMount[] {
  // A sysfs shows a network namespace; the host's can be bound, but not mounted anew, by a user namespace of its own.
  const sys: RuntimeMount =
    request.network === 'host'
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
    ...(request.network === 'host' ? [] : cgroupMounts(cgroups)),
  ]
}

function namespacesOf(request: RunRequest, facts: HostFacts): { type: NamespaceType }[] {
  const types: NamespaceType[] = ['pid', 'mount', 'uts', 'ipc', 'cgroup']
  if (request.network === 'none') types.push('network')
  if (request.userns === 'private') types.push('user')
  if (facts.timeNamespace) types.push('time')
  return types.map((type) => ({ type }))
}

export interface SpecificationInput {
  readonly id: string
  readonly request: RunRequest
  readonly config: ImageSettings
  readonly facts: HostFacts
  readonly cgroups: 'v1' | 'v2'
  readonly cgroupsPath: string
  /** First host id of the container's user namespace; undefined for `userns: host`. */
  readonly firstId: number | undefined
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
    mounts: mountsOf(request, input.cgroups),
    annotations: { [userAnnotation]: request.user || (config.User ?? '') },
    linux: {
      uidMappings: mappings,
      gidMappings: mappings,
      namespaces: namespacesOf(request, facts),
      cgroupsPath: input.cgroupsPath,
      resources: runtimeResources(request.resources),
      seccomp: defaultSeccomp,
      maskedPaths: [...maskedPaths.filter(facts.has), ...facts.thermalPaths],
      readonlyPaths: readonlyPaths.filter(facts.has),
    },
  }
}
