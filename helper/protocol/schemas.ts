/** What the two sides say, as zod schemas: checked by the helper before anything is done. Sizes are bytes, times are
 * milliseconds since 1970 unless a name says otherwise. */
import * as z from 'zod'
import { absolutePath, containerName, containerReference, hostname, labels, signal, text } from './fields.ts'
import { healthCheck, healthStatus, restartPolicy } from './lifecycleSchemas.ts'
import { endpoint, networkFields, publishedPort } from './networkSchemas.ts'
import { mountFields, mountPoint } from './volumeSchemas.ts'

const throttle = z.strictObject({ major: z.int().min(0), minor: z.int().min(0), rate: z.int().min(1) })

export const resources = z.strictObject({
  /** Hard limit of memory, bytes. */
  memory: z.int().min(1).optional(),
  /** Limit of memory and swap together, bytes; -1 for no limit of swap. Docker's meaning. */
  memorySwap: z.int().min(-1).optional(),
  /** Where the kernel begins to reclaim and to slow the container down, bytes. */
  memoryHigh: z.int().min(1).optional(),
  /** Processor time: 1.5 is one and a half processors. */
  cpus: z.number().min(0.01).max(8192).optional(),
  /** Share of processor time under contention, 2 to 262144; 1024 is the normal one. */
  cpuShares: z.int().min(2).max(262_144).optional(),
  /** Processors that may be used: `0-2,4`. */
  cpusetCpus: z
    .string()
    .max(1024)
    .regex(/^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/, 'must look like 0-2,4')
    .optional(),
  /** Processes and threads at most; -1 for no limit. */
  pidsLimit: z.int().min(-1).max(4_194_304).optional(),
  /** Share of disk time under contention, 10 to 1000. */
  blkioWeight: z.int().min(10).max(1000).optional(),
  /** Bytes a second at most, by device number. */
  deviceReadBps: z.array(throttle).max(64).optional(),
  deviceWriteBps: z.array(throttle).max(64).optional(),
})
export type Resources = z.infer<typeof resources>

/** What a container's first process and a command in it have in common. */
const processFields = {
  env: z
    .array(text(131_072).regex(/^[^=]+=/, 'must be NAME=VALUE'))
    .max(4096)
    .default([]),
  workingDirectory: absolutePath.optional(),
  /** NAME|UID[:GROUP|GID], looked up in the container's own /etc/passwd and /etc/group. */
  user: text(255).default(''),
  tty: z.boolean().default(false),
  openStdin: z.boolean().default(false),
  /** Size of the terminal, characters. */
  rows: z.int().min(1).max(65_535).default(24),
  columns: z.int().min(1).max(65_535).default(80),
}

export const runRequest = z.strictObject({
  image: z.string().min(1).max(400),
  /** Empty: the image's own command. */
  command: z.array(text(131_072)).max(4096).default([]),
  name: containerName.optional(),
  hostname: hostname.optional(),
  ...processFields,
  /** This connection carries the container's stdio as its byte stream: see `stream.ts`. */
  attach: z.boolean().default(false),
  autoRemove: z.boolean().default(false),
  readOnly: z.boolean().default(false),
  /** Keep a list of the files that it opens: what *Minimize* goes by. */
  recordOpens: z.boolean().default(false),
  /** Bytes that it may write to its root file system at most; needs project quotas. */
  storageSize: z.int().min(1).optional(),
  userns: z.enum(['private', 'host']).default('private'),
  labels,
  resources: resources.default({}),
  /** Instead of the image's; empty for none. */
  entrypoint: z.array(text(131_072)).max(4096).optional(),
  ...networkFields,
  ...mountFields,
  restart: restartPolicy.default({ name: 'no', maximumRetryCount: 0 }),
  health: healthCheck.optional(),
  /** A first process of ours that reaps and passes signals on. */
  init: z.boolean().default(false),
  stopSignal: signal.optional(),
  /** Seconds between the stop signal and SIGKILL. */
  stopTimeout: z.int().min(0).max(86_400).optional(),
})
export type RunRequest = z.infer<typeof runRequest>

export const execRequest = z.strictObject({
  container: containerReference,
  command: z.array(text(131_072)).min(1).max(4096),
  /** Variables come on top of the container's own; without a user or a folder, the container's own is taken. */
  ...processFields,
  /** This connection carries the command's stdio as its byte stream. */
  attach: z.boolean().default(true),
})
export type ExecRequest = z.infer<typeof execRequest>

export const containerState = z.enum(['created', 'running', 'paused', 'restarting', 'exited', 'removing'])
export type ContainerState = z.infer<typeof containerState>

export const containerSummary = z.object({
  id: z.string(),
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()),
  state: containerState,
  createdAt: z.number(),
  startedAt: z.number().nullable(),
  finishedAt: z.number().nullable(),
  exitCode: z.number().nullable(),
  oomKilled: z.boolean(),
  /** Of the first process, as the host sees it; 0 when it does not run. */
  pid: z.number(),
  labels: z.record(z.string(), z.string()),
  /** Starts by its restart policy since it was last started by somebody. */
  restartCount: z.number(),
  /** Null for one without a health check, or that does not run. */
  health: healthStatus.nullable(),
  /** `none`, `host`, `container:NAME`, or the name of its first network. */
  network: z.string(),
  /** While it runs. */
  ports: z.array(publishedPort),
  endpoints: z.array(endpoint),
  mounts: z.array(mountPoint),
})
export type ContainerSummary = z.infer<typeof containerSummary>

export const eventActions = [
  'create',
  'start',
  'die',
  'oom',
  'kill',
  'stop',
  'restart',
  'rename',
  'update',
  'attach',
  'exec_start',
  'exec_die',
  'health_status',
  'connect',
  'disconnect',
  'mount',
  'pause',
  'unpause',
  'destroy',
  'import',
  'load',
  'save',
  'pull',
  'push',
  'tag',
  'untag',
  'commit',
  'delete',
] as const

export const event = z.object({
  type: z.enum(['container', 'image', 'network', 'volume']),
  action: z.enum(eventActions),
  id: z.string(),
  time: z.number(),
  attributes: z.record(z.string(), z.string()),
  /** The container after the event; absent for images and for what is gone. */
  container: containerSummary.optional(),
})
export type BulkheadEvent = z.infer<typeof event>

/** One operation of a plan as it was carried out. */
export const traceStep = z.object({
  operation: z.string(),
  by: z.enum(['watcher', 'container']),
  /** What it was done to, for people. */
  detail: z.string(),
  /** Microseconds from the start of the watcher. */
  start: z.number(),
  end: z.number(),
})
export type TraceStep = z.infer<typeof traceStep>

export const startTrace = z.object({
  id: z.string(),
  name: z.string(),
  /** Microseconds that the helper took before the watcher began: request to plan, plan to watcher. */
  helper: z.object({ prepare: z.number(), spawn: z.number() }),
  steps: z.array(traceStep),
})
export type StartTrace = z.infer<typeof startTrace>

export const endOfStream = z.object({
  /** Of the container; null when the stream ended for another reason. */
  exitCode: z.number().nullable(),
  oomKilled: z.boolean(),
})
export type EndOfStream = z.infer<typeof endOfStream>
