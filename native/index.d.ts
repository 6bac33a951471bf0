/** The contract of native/addon: the system calls that the helper makes in its own process. Each throws a
 * `NativeError` with the operation, what it was done to, and errno. */

/** An error of a native call: `code` is the errno's name (ENOENT), `syscall` the operation. */
export interface NativeError extends Error {
  code: string
  errno: number
  syscall: string
}

export interface PeerCredentials {
  readonly pid: number
  readonly uid: number
  readonly gid: number
  /** Supplementary groups; empty before Linux 4.13. */
  readonly groups: readonly number[]
}

/** Who connected to a Unix socket, as the kernel knows it: SO_PEERCRED and SO_PEERGROUPS (unix(7)). */
export function peerCredentials(socket: number): PeerCredentials

/** A regular file that the process on the other side has open for reading, by its descriptor there: the open file itself,
 * with the rights that it was opened with (SO_PEERPIDFD, Linux 6.5; pidfd_getfd(2)). The descriptor is the caller's to close.
 * EINVAL for anything else, ENOPROTOOPT on older kernels. */
export function peerFile(socket: number, descriptor: number): number

/** A memory file with this content, sealed against every change (memfd_create(2), fcntl(2) F_ADD_SEALS). */
export function sealedMemory(name: string, content: Uint8Array): number

export interface Watcher {
  readonly pid: number
  /** Stream socket for frames: `helper/containers/frames.ts`. Owned by the caller. */
  readonly control: number
}

/** Starts a watcher without copying this process: clone(CLONE_VM | CLONE_VFORK), then execveat(2). It waits for its plan,
 * and ends when its control socket does. About 0.3 ms. `executable`: a sealed memory file. `socketDirectory`: where its
 * socket will go; the plan says its name. */
export function spawnWatcher(options: { executable: number; socketDirectory: string }): Watcher

export interface PlanOptions {
  /** The encoded plan. */
  readonly plan: Uint8Array
  /** Where exit.json and the log go. Locked by the watcher: see `lockDirectory`. */
  readonly containerDirectory: string
  /** Whether somebody is attached from before the first byte of output. */
  readonly attached: boolean
}

/** Gives a watcher its plan (unix(7), SCM_RIGHTS). Returns the attached client's stream socket, owned by the caller, or
 * -1. */
export function sendPlan(control: number, options: PlanOptions): number

/** Locks a directory (flock(2)) for as long as the returned descriptor is open; -1 when somebody else has the lock. A
 * watcher holds that of its container's directory from its start to its end, the helper that of its state. */
export function lockDirectory(path: string): number

/** True when the child was reaped (waitpid(2), WNOHANG) or is none of ours; false while it still runs. */
export function reap(pid: number): boolean

export interface SeccompRule {
  readonly names: readonly string[]
  readonly action: 'allow' | 'errno'
  /** For `errno`: the error number that the caller sees. */
  readonly errno?: number
  readonly args?: readonly {
    index: number
    op: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'maskedEq'
    value: number
    valueTwo?: number
  }[]
}

/** Compiles a filter with libseccomp for this machine's architectures, on the worker pool. What no rule names gets
 * `defaultErrno`. Names that this libseccomp does not know are left out: they stay denied. */
export function compileSeccomp(defaultErrno: number, rules: readonly SeccompRule[]): Promise<Uint8Array>

/** Removes a file or a folder with everything below, on the worker pool: by descriptor, no link followed, however deep a
 * container has nested it. Absent is fine. `path` is absolute. */
export function removeTree(path: string): Promise<void>

/** A read-only view of layers, uppermost first: an overlay that is attached nowhere (fsopen(2), fsmount(2)). The
 * descriptor is the caller's to close. More than some 14 layers need Linux 6.7. */
export function openLayers(directories: readonly string[]): number

/** As `openLayers`, with an upper directory to write to, which no container may use meanwhile. */
export function openWritable(lower: readonly string[], upper: string, work: string): number

/** The root of a running container, as its first process sees it; `alone`: its root file system without what is mounted
 * on it. ESRCH when that process is not in a cgroup of this name. The descriptor is the caller's to close. */
export function openContainerRoot(pid: number, cgroup: string, alone: boolean): Promise<number>

export interface DirectoryEntry {
  readonly name: string
  /** File type and permissions (inode(7)). */
  readonly mode: number
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970. */
  readonly mtime: number
  readonly uid: number
  readonly gid: number
  /** Of a symbolic link: where it leads. */
  readonly link?: string
}

/** Entries of a directory below a root, sorted by name. `path` is resolved inside the root (openat2(2), RESOLVE_IN_ROOT). */
export function listDirectory(root: number, path: string): Promise<DirectoryEntry[]>

/** One entry; `follow`: what it leads to, when it is a symbolic link. */
export function statPath(root: number, path: string, follow: boolean): Promise<DirectoryEntry>

/** Opens a regular file for reading, links followed inside the root. EISDIR for a directory, ENXIO for anything else. */
export function openFile(root: number, path: string): Promise<number>

export interface LayerChanges {
  /** Each ending with a NUL. */
  readonly paths: string
  /** One letter each: A added, C changed, D removed. */
  readonly kinds: string
  /** One letter each: f file, d directory, l symbolic link, o other. */
  readonly types: string
  /** Of symbolic links that were added or changed, in that order, where they lead to; each ending with a NUL. */
  readonly links: string
  /** Bytes; of what was removed, the bytes that lie below. Directories have none of their own. */
  readonly sizes: Float64Array
}

/** What a layer changes in the root `below`, a descriptor or -1: its own directory is walked, nothing else. A descriptor
 * instead of a path: that root, merged of many. `differing`: leave out what `below` has with the same type, owner, mode,
 * size and time. */
export function scanLayer(directory: string | number, below: number, differing: boolean): Promise<LayerChanges>

/** Limits what can be written below these directories together, which must be empty: a project quota of this number. ESRCH,
 * EOPNOTSUPP or ENOTTY where the file system keeps none. */
export function setProjectQuota(directories: readonly string[], project: number, bytes: number): void

/** Sends a datagram to a Unix socket, whose name may begin with @ for an abstract one: sd_notify(3). */
export function notify(socket: string, message: string): void

/** Unmaps this process's pages of program text (madvise(2), MADV_DONTNEED): for one that goes idle. */
export function releaseText(): void

/** Makes a bridge (rtnetlink(7)) unless it is there, gives it addresses (ADDRESS/PREFIX), and sets it up. `name`: at most 15
 * characters. */
export function ensureBridge(options: { name: string; mac: string; addresses: readonly string[] }): void

/** Removes a link of this network namespace. Absent is fine. */
export function removeLink(name: string): void

/** Connects a running container: a veth(4) pair, `link` a port of the bridge and `name` in the network namespace of the
 * process, with addresses (ADDRESS/PREFIX) and default routes. Nothing remains when it fails. */
export function connectContainer(options: {
  pid: number
  bridge: string
  link: string
  name: string
  mac: string
  addresses: readonly string[]
  gateways: readonly string[]
}): void

/** Binds a port without listening, so that nobody else takes it while it is published; 0 for any that is free. The
 * descriptor is the caller's to close. EADDRINUSE when somebody has it. */
export function reservePort(
  protocol: 'tcp' | 'udp',
  address: string,
  port: number,
): { readonly port: number; readonly descriptor: number }

/** Carries out commands of nft(8), all or none (libnftables(3)). ENOENT where that library is not installed. */
export function nft(commands: string): void

/** Calls when somebody else removed this table, or a chain, a rule or a set of it. Returns what ends it; one at a time. */
export function watchFirewall(table: string, listener: () => void): () => void

/** Opens a file below a directory (openat2(2), RESOLVE_BENEATH): no `..`, link or other mount leads out. The descriptor is the
 * caller's to close. */
export function openBelow(root: string, path: string, writable: boolean): number

/** Names of the directories in one of a cgroup file system, each ending with a NUL, in no order. */
export function listCgroups(root: string, path: string): string

/** Files of counters, kept open and read in one call. A slot has `width` numbers. */
export interface Sampler {
  /** False where there is no such file. `number`: one number, or two with a space between. `keyed`: lines of key and number.
   * `io`: words key=number, summed over lines. `blkio`: lines of device, key and number, summed over devices. `pressure`: the
   * total of the lines `some` and `full`, microseconds. `links`: bytes received and sent of a /proc/PID/net/dev, whose path is
   * absolute. `max` is Infinity. */
  add(
    slot: number,
    file: {
      readonly root: string
      readonly path: string
      readonly format: 'number' | 'keyed' | 'io' | 'blkio' | 'pressure' | 'links'
      readonly keys: readonly string[]
      /** Where in the slot each key's number goes. */
      readonly columns: readonly number[]
      /** In how many samples it is read once, the first among them; NaN in the others. */
      readonly every: number
    },
  ): boolean
  remove(slot: number): void
  /** Fills `out`, slot after slot; NaN for what is not there, or not any more. */
  read(out: Float64Array): void
}

export function openSampler(width: number): Sampler

/** What the kernel says of processes that begin, end, or change their name or namespaces (perf_event_open(2)). EACCES, EPERM,
 * ENOENT where it does not. */
export interface ProcessFollower {
  /** False where unshare(2) and setns(2) are not told of: a process that calls them later is not heard of. */
  readonly seesEveryChange: boolean
  /** Those that something happened to since the last call; null when some of it was lost. */
  drain(): Uint32Array | null
  close(): void
}

export function followProcesses(): ProcessFollower

/** Of all processes: their namespaces' numbers, eight each, in the order mnt, pid, net, user, uts, ipc, cgroup, time; 0 where
 * one cannot be read. */
export function scanNamespaces(): Promise<{ readonly pids: Uint32Array; readonly numbers: Uint32Array }>

/** The same of these processes; all 0 for one that has ended. */
export function namespacesOf(pids: Uint32Array): Uint32Array

/** What processes have open of a kind. `type` is the CLONE_NEW* flag of a namespace, 0 for a socket. */
export function scanDescriptors(
  what: 'namespaces' | 'sockets',
): Promise<
  readonly { readonly pid: number; readonly descriptor: number; readonly number: number; readonly type: number }[]
>

/** ioctl_ns(2). Numbers are 0 where there is none, or none that may be seen; `type` is the CLONE_NEW* flag. */
export interface NamespaceRelations {
  readonly number: number
  readonly parent: number
  readonly owner: number
  /** Of a user namespace: who made it. */
  readonly uid?: number
  readonly type: number
}

/** A namespace, then its ancestors; null where the path is none. */
export function namespaceRelations(path: string): readonly NamespaceRelations[] | null

/** Files as a thread sees them that has entered the namespace at this path; empty where there is none. Not for mount, pid and
 * user namespaces. */
export function readInNamespace(path: string, files: readonly string[]): Promise<readonly string[]>

/** What is in the network namespace at a path (rtnetlink(7)). `kind` is empty for a device; `master` is the index of
 * a link, 0 for none. */
export interface NetworkNamespace {
  readonly links: readonly {
    readonly index: number
    readonly name: string
    readonly kind: string
    readonly mac: string
    readonly mtu: number
    readonly isUp: boolean
    readonly master: number
  }[]
  readonly addresses: readonly { readonly index: number; readonly address: string }[]
  /** Of the main table; `gateway` is empty for what is reached directly. */
  readonly routes: readonly { readonly index: number; readonly target: string; readonly gateway: string }[]
}

export function networkOf(path: string): Promise<NetworkNamespace>

/** Takes away what is mounted on a directory (umount2(2), MNT_DETACH). Absent, or no mount point, is fine. */
export function detachMount(directory: string): void
