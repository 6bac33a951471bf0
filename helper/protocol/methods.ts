/** The methods of the helper. Whoever the socket lets in may call them; what needs a rule of the policy says so. */
import * as z from 'zod'
import {
  containerReference,
  containerSummary,
  event,
  endOfStream,
  imageName,
  imageSummary,
  runRequest,
  startTrace,
} from './schemas.ts'

export const protocolVersion = 1

const nothing = z.strictObject({})
const byReference = z.strictObject({ container: containerReference })
const exit = z.object({ exitCode: z.number(), oomKilled: z.boolean() })

export const methods = {
  /** Versions of helper, protocol and kernel. Any time; may be repeated. */
  version: {
    params: nothing,
    result: z.object({
      version: z.string(),
      protocol: z.number(),
      kernel: z.string(),
      cgroups: z.enum(['v1', 'v2']),
      pid: z.number(),
      node: z.string(),
    }),
  },
  /** All containers, newest first. May be repeated. */
  'containers/list': { params: nothing, result: z.array(containerSummary) },
  /** Makes a container and starts it; answers when its command runs. `network: host` and `userns: host` need a rule. */
  'containers/run': { params: runRequest, result: containerSummary },
  /** Starts a container that is `created` or `exited`, with its files as it left them. */
  'containers/start': { params: byReference, result: containerSummary },
  /** Asks a running container to end, and kills it after `timeout` seconds. Nothing to do for one that does not run. */
  'containers/stop': {
    params: byReference.extend({ timeout: z.int().min(0).max(86_400).default(10) }),
    result: containerSummary,
  },
  /** Sends a signal to the first process of a running container. */
  'containers/kill': {
    params: byReference.extend({ signal: z.int().min(1).max(64).default(9) }),
    result: containerSummary,
  },
  /** Freezes all processes of a running container. */
  'containers/pause': { params: byReference, result: containerSummary },
  /** Lets a paused container go on. */
  'containers/unpause': { params: byReference, result: containerSummary },
  /** Removes a container and what it wrote. One that runs only with `force`, which kills it first. */
  'containers/remove': { params: byReference.extend({ force: z.boolean().default(false) }), result: z.null() },
  /** Answers when the container has ended; at once when it has already. */
  'containers/wait': { params: byReference, result: exit },
  /** Summary, request, OCI runtime specification and places of one container. May be repeated. */
  'containers/inspect': { params: byReference, result: z.record(z.string(), z.unknown()) },
  /** The steps of a container's last start with their times. Refused for one that never started. */
  'containers/trace': { params: byReference, result: startTrace },
  /** What the container printed, as this connection's stream; `stream/end` follows the last byte. */
  'containers/logs': {
    params: byReference.extend({
      follow: z.boolean().default(false),
      /** Last lines only; -1 for all. */
      tail: z.int().min(-1).default(-1),
      timestamps: z.boolean().default(false),
    }),
    result: z.null(),
  },
  /** Size of the terminal of a running container that has one. */
  'containers/resize': {
    params: byReference.extend({ rows: z.int().min(1).max(65_535), columns: z.int().min(1).max(65_535) }),
    result: z.null(),
  },
  'images/list': { params: nothing, result: z.array(imageSummary) },
  /** A root file system archive (tar, tar.gz, tar.zst) as an image of one layer. Its bytes are this connection's stream. */
  'images/import': { params: z.strictObject({ name: imageName }), result: imageSummary },
  /** Removes an image that no container uses. */
  'images/remove': { params: z.strictObject({ name: z.string().min(1).max(255) }), result: z.null() },
} as const satisfies Record<string, { params: z.ZodType; result: z.ZodType }>

export type Method = keyof typeof methods
/** As a caller writes it: what has a default may be left out. */
export type Params<M extends Method> = z.input<(typeof methods)[M]['params']>
/** As the helper reads it: checked, defaults filled in. */
export type CheckedParams<M extends Method> = z.output<(typeof methods)[M]['params']>
export type Result<M extends Method> = z.output<(typeof methods)[M]['result']>

/** What the helper says without being asked. */
export const notifications = {
  /** To every client, when something happened. */
  event,
  /** To the connection whose stream ended, after its last byte. */
  'stream/end': endOfStream,
} as const
