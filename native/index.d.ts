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

/** A memory file with this content, sealed against every change (memfd_create(2), fcntl(2) F_ADD_SEALS). */
export function sealedMemory(name: string, content: Uint8Array): number

export interface WatcherOptions {
  /** Descriptor of the watcher's executable, a sealed memory file. */
  readonly executable: number
  /** The encoded plan. */
  readonly plan: Uint8Array
  /** Where exit.json and the log go. */
  readonly containerDirectory: string
  /** Where watcher.sock goes. */
  readonly runDirectory: string
  /** Whether somebody is attached from before the first byte of output. */
  readonly attached: boolean
}

export interface Watcher {
  readonly pid: number
  /** Stream socket for frames: `helper/containers/frames.ts`. Owned by the caller. */
  readonly control: number
  /** The attached client's stream socket, or -1. Owned by the caller. */
  readonly attach: number
}

/** Starts a watcher without copying this process: clone(CLONE_VM | CLONE_VFORK), then execveat(2). About 0.3 ms. */
export function spawnWatcher(options: WatcherOptions): Watcher

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
  readonly args?: readonly { index: number; op: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'maskedEq'; value: number; valueTwo?: number }[]
}

/** Compiles a filter with libseccomp for this machine's architectures, on the worker pool. What no rule names gets
 * `defaultErrno`. Names that this libseccomp does not know are left out: they stay denied. */
export function compileSeccomp(defaultErrno: number, rules: readonly SeccompRule[]): Promise<Uint8Array>

/** Unmaps this process's pages of program text (madvise(2), MADV_DONTNEED): for one that goes idle. */
export function releaseText(): void
