/** What the kernel, engines and systemd call things, known to both sides. */

/** As /proc/PID/ns and lsns(8) call them, in the order of the addon's rows. */
export const namespaceTypes = ['mnt', 'pid', 'net', 'user', 'uts', 'ipc', 'cgroup', 'time'] as const
export type NamespaceType = (typeof namespaceTypes)[number]

/** What of a cgroup can be limited; values are bytes, processors, processes, or weights. */
export const limitNames = ['memory', 'memoryHigh', 'swap', 'cpus', 'cpuWeight', 'cpuset', 'pids', 'ioWeight'] as const
export type LimitName = (typeof limitNames)[number]

/** Who owns cgroups: engines, whose containers they are, and then systemd's units. */
export const ownerKinds = [
  'bulkhead',
  'docker',
  'podman',
  'containerd',
  'cri-o',
  'kubernetes',
  'runc',
  'lxc',
  'nspawn',
  'service',
  'scope',
  'slice',
] as const
export type OwnerKind = (typeof ownerKinds)[number]

export function isContainer({ kind }: { readonly kind: OwnerKind }): boolean {
  return !['service', 'scope', 'slice'].includes(kind)
}
