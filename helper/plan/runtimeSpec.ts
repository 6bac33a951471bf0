/** The part of the OCI runtime specification (config.json, version 1.2) that Bulkhead writes. */

export interface RuntimeMount {
  readonly destination: string
  readonly type: string
  readonly source: string
  readonly options: readonly string[]
  /** With the option `idmap`: ids of the source as this mount shows them; without, the container's own mapping is meant. */
  readonly uidMappings?: readonly IdMapping[]
  readonly gidMappings?: readonly IdMapping[]
}

export interface IdMapping {
  readonly containerID: number
  readonly hostID: number
  readonly size: number
}

export type NamespaceType = 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'user' | 'cgroup' | 'time'

export interface Throttle {
  readonly major: number
  readonly minor: number
  readonly rate: number
}

export interface RuntimeResources {
  readonly memory?: { readonly limit?: number; readonly swap?: number }
  readonly cpu?: { readonly shares?: number; readonly quota?: number; readonly period?: number; readonly cpus?: string }
  readonly pids?: { readonly limit: number }
  readonly blockIO?: {
    readonly weight?: number
    readonly throttleReadBpsDevice?: readonly Throttle[]
    readonly throttleWriteBpsDevice?: readonly Throttle[]
  }
  /** Files of cgroup v2 with their values; `memory.high` alone is used, and on v1 becomes the soft limit. */
  readonly unified?: Readonly<Record<string, string>>
}

export interface SeccompSyscall {
  readonly names: readonly string[]
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO'
  readonly errnoRet?: number
  readonly args?: readonly {
    readonly index: number
    readonly value: number
    readonly valueTwo?: number
    readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_NE' | 'SCMP_CMP_LT' | 'SCMP_CMP_GT' | 'SCMP_CMP_MASKED_EQ'
  }[]
}

export interface Seccomp {
  readonly defaultAction: 'SCMP_ACT_ERRNO'
  readonly defaultErrnoRet: number
  readonly syscalls: readonly SeccompSyscall[]
}

export interface RuntimeSpec {
  readonly ociVersion: string
  readonly process: {
    readonly terminal: boolean
    readonly consoleSize?: { readonly height: number; readonly width: number }
    /** Numbers, or 0:0 with the names in the annotation `dev.bulkhead.user`: the watcher looks them up in the root. */
    readonly user: { readonly uid: number; readonly gid: number; readonly umask: number }
    readonly args: readonly string[]
    readonly env: readonly string[]
    readonly cwd: string
    readonly capabilities: {
      readonly bounding: readonly string[]
      readonly effective: readonly string[]
      readonly permitted: readonly string[]
    }
    readonly rlimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[]
    readonly noNewPrivileges: boolean
  }
  readonly root: { readonly path: string; readonly readonly: boolean }
  readonly hostname: string
  readonly mounts: readonly RuntimeMount[]
  readonly annotations: Readonly<Record<string, string>>
  readonly linux: {
    readonly uidMappings: readonly IdMapping[]
    readonly gidMappings: readonly IdMapping[]
    readonly namespaces: readonly { readonly type: NamespaceType; readonly path?: string }[]
    readonly cgroupsPath: string
    /** `net.ipv4.ip_unprivileged_port_start` and the like, of namespaces of its own. */
    readonly sysctl: Readonly<Record<string, string>>
    readonly resources: RuntimeResources
    readonly seccomp: Seccomp
    readonly maskedPaths: readonly string[]
    readonly readonlyPaths: readonly string[]
  }
}

export const userAnnotation = 'dev.bulkhead.user'
/** `true`: a first process of ours that reaps and passes signals on. */
export const initAnnotation = 'dev.bulkhead.init'
