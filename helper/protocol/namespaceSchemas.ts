/** Namespaces of the whole machine (namespaces(7)): which there are, who is in them, what is inside. */
import * as z from 'zod'
import { owner } from './cgroupSchemas.ts'
import { absolutePath, containerReference, text } from './fields.ts'
import { sharing } from './imageSchemas.ts'
import { namespaceTypes, type NamespaceType } from './kernelWords.ts'

export const namespaceType = z.enum(namespaceTypes)

/** What keeps a namespace besides its processes. */
export const holder = z.discriminatedUnion('kind', [
  /** A bind mount, in the mount namespace of a process. */
  z.object({ kind: z.literal('mount'), path: z.string(), pid: z.number() }),
  z.object({ kind: z.literal('descriptor'), pid: z.number(), descriptor: z.number(), command: z.string() }),
])
export type Holder = z.infer<typeof holder>

export const namespaceSummary = z.object({
  /** Its inode, as in `net:[4026531840]`. */
  id: z.number(),
  type: namespaceType,
  /** The helper's own: of this machine, or of what the helper runs in. */
  isHost: z.boolean(),
  /** How many are in it. */
  processes: z.number(),
  /** The one with the lowest number; null when nobody is in it. */
  pid: z.number().nullable(),
  command: z.string(),
  /** Of user and pid namespaces: the one that it was made in. Null for none, or one that may not be seen. */
  parent: z.number().nullable(),
  /** The user namespace whose capabilities count in it. */
  owner: z.number().nullable(),
  /** Of a user namespace: who made it. */
  uid: z.number().nullable(),
  /** Whose processes are in it. */
  belongsTo: z.array(owner),
  heldBy: z.array(holder),
})
export type NamespaceSummary = z.infer<typeof namespaceSummary>

export const namespaceList = z.object({
  namespaces: z.array(namespaceSummary),
  /** Processes that the kernel does not let the helper look at (hidepid, another user namespace). */
  unreadable: z.number(),
})
export type NamespaceList = z.infer<typeof namespaceList>

const namespaces = z.object(
  Object.fromEntries(namespaceTypes.map((type) => [type, z.number()])) as Record<NamespaceType, z.ZodNumber>,
)

export const namespaceProcess = z.object({
  pid: z.number(),
  parent: z.number(),
  command: z.string(),
  uid: z.number(),
  /** Its number in each pid namespace that it is in, the innermost last. */
  pids: z.array(z.number()),
  namespaces,
  belongsTo: owner.nullable(),
})
export type NamespaceProcess = z.infer<typeof namespaceProcess>

export const byNamespace = z.strictObject({ type: namespaceType, id: z.int().min(1) })

const idRange = z.object({ inside: z.number(), outside: z.number(), count: z.number() })

/** What is in a namespace, by its type. */
export const namespaceContents = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('mnt'),
    mounts: z.array(
      z.object({
        id: z.number(),
        parent: z.number(),
        /** What of its file system is shown, and where. */
        root: z.string(),
        target: z.string(),
        fileSystem: z.string(),
        source: z.string(),
        options: z.string(),
        /** As in mountinfo: `shared:1`, `master:2`; empty for a private one. */
        propagation: z.string(),
      }),
    ),
  }),
  z.object({
    type: z.literal('net'),
    links: z.array(
      z.object({
        name: z.string(),
        kind: z.string(),
        mac: z.string(),
        mtu: z.number(),
        isUp: z.boolean(),
        addresses: z.array(z.string()),
        /** Of a bridge's port. */
        master: z.string(),
      }),
    ),
    routes: z.array(z.object({ target: z.string(), gateway: z.string(), link: z.string() })),
    /** Sockets that listen, or that receive datagrams. */
    sockets: z.array(
      z.object({
        protocol: z.enum(['tcp', 'tcp6', 'udp', 'udp6']),
        address: z.string(),
        port: z.number(),
        /** Null where nobody is known to have it. */
        pid: z.number().nullable(),
        command: z.string(),
      }),
    ),
  }),
  z.object({ type: z.literal('user'), uids: z.array(idRange), gids: z.array(idRange), setgroups: z.string() }),
  z.object({ type: z.literal('pid') }),
  z.object({ type: z.literal('uts'), hostname: z.string(), domainname: z.string() }),
  z.object({
    type: z.literal('ipc'),
    sharedMemory: z.array(z.object({ id: z.number(), bytes: z.number(), attached: z.number() })),
    semaphores: z.number(),
    queues: z.number(),
  }),
  z.object({ type: z.literal('cgroup'), cgroups: z.array(z.string()) }),
  /** Seconds that its clocks are ahead of the machine's. */
  z.object({ type: z.literal('time'), monotonic: z.number(), boottime: z.number() }),
])
export type NamespaceContents = z.infer<typeof namespaceContents>

/** Of a container, of a process, or of the host. */
const side = z.union([
  z.strictObject({ container: containerReference }),
  z.strictObject({ pid: z.int().min(1) }),
  z.strictObject({ host: z.literal(true) }),
])

export const compareRequest = z.strictObject({ left: side, right: side })

export const comparison = z.object({
  left: z.object({ name: z.string(), pid: z.number() }),
  right: z.object({ name: z.string(), pid: z.number() }),
  rows: z.array(
    z.object({
      type: namespaceType,
      left: z.number(),
      right: z.number(),
      shared: z.boolean(),
      /** Others whose processes are in it: names of containers and units. */
      leftOthers: z.array(z.string()),
      rightOthers: z.array(z.string()),
    }),
  ),
})
export type Comparison = z.infer<typeof comparison>

export const enterRequest = z.strictObject({
  pid: z.int().min(1),
  types: z.array(namespaceType).min(1).max(8),
  /** Without one, the best shell that there is. */
  command: z.array(text(131_072)).max(4096).default([]),
  workingDirectory: absolutePath.default('/'),
  tty: z.boolean().default(false),
  openStdin: z.boolean().default(false),
  rows: z.int().min(1).max(65_535).default(24),
  columns: z.int().min(1).max(65_535).default(80),
})
export type EnterRequest = z.infer<typeof enterRequest>

/** What a container shares: with the machine, with others, and what is its own. Bytes. */
export const shares = z.object({
  name: z.string(),
  runs: z.boolean(),
  kernel: z.object({
    release: z.string(),
    /** Of the running kernel: its program and data, and what it has allocated for itself. */
    image: z.number(),
    allocated: z.number(),
  }),
  namespaces: z.array(z.object({ type: namespaceType, id: z.number(), own: z.boolean(), with: z.array(z.string()) })),
  memory: z.object({
    /** Of its processes alone: nobody else has these pages. */
    own: z.number(),
    /** Its part of the pages that others map, too (proportional set size), beyond its own. */
    proportional: z.number(),
    /** What it maps in all. */
    resident: z.number(),
    /** Page cache that its cgroup was charged for. */
    cache: z.number(),
  }),
  processes: z.number(),
  /** What a virtual machine of the same job would have had to own besides: measured on this machine. */
  virtualMachine: z.object({
    /** A kernel of its own. */
    kernel: z.number(),
    /** The layers that this container shares, copied. */
    disk: z.number(),
    /** Programs and libraries that it shares with others in memory, read again. */
    memory: z.number(),
  }),
  /** Microseconds that its last start took, and that this machine's kernel took to its first process; null where that is not
   * known. */
  start: z.number().nullable(),
  boot: z.number().nullable(),
  layers: sharing,
})
export type Shares = z.infer<typeof shares>
