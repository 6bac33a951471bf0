/** Numbers of the kernel's interface that a plan uses. */
import type { NamespaceType } from '../protocol/kernelWords.ts'

/** clone3(2), from <linux/sched.h>. */
export const cloneFlags = {
  time: 0x80n,
  mount: 0x20000n,
  cgroup: 0x2000000n,
  uts: 0x4000000n,
  ipc: 0x8000000n,
  user: 0x10000000n,
  pid: 0x20000000n,
  network: 0x40000000n,
} as const

/** The same, by the names of /proc/PID/ns. */
export const flagOfType: Readonly<Record<NamespaceType, bigint>> = {
  mnt: cloneFlags.mount,
  pid: cloneFlags.pid,
  net: cloneFlags.network,
  user: cloneFlags.user,
  uts: cloneFlags.uts,
  ipc: cloneFlags.ipc,
  cgroup: cloneFlags.cgroup,
  time: cloneFlags.time,
}

/** fsmount(2) and mount_setattr(2), from <linux/mount.h>. */
export const mountAttributes: Readonly<Record<string, bigint>> = {
  ro: 0x1n,
  nosuid: 0x2n,
  nodev: 0x4n,
  noexec: 0x8n,
  relatime: 0n,
  noatime: 0x10n,
  strictatime: 0x20n,
}

/** mount_setattr(2), from <linux/mount.h>: mount_namespaces(7). A shared source stays the peer that it is. */
export const propagations: Readonly<Record<string, bigint>> = {
  rprivate: 0x40000n,
  private: 0x40000n,
  rslave: 0x80000n,
  slave: 0x80000n,
  rshared: 0n,
  shared: 0n,
}

/** setrlimit(2), from <asm-generic/resource.h>. */
export const rlimits: Readonly<Record<string, number>> = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
}

/** capabilities(7), in the order of their numbers. */
export const capabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const

/** A set of capabilities as a bit mask. @throws RangeError for a name that is none. */
export function capabilityMask(names: readonly string[]): bigint {
  return names.reduce((mask, name) => {
    const number = (capabilities as readonly string[]).indexOf(name)
    if (number < 0) throw new RangeError(`${name} is not a capability`)
    return mask | (1n << BigInt(number))
  }, 0n)
}
