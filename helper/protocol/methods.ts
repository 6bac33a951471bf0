/** The methods of the helper. Whoever the socket lets in may call them; what needs a rule of the policy says so. */
import * as z from 'zod'
import * as cgroups from './cgroupSchemas.ts'
import { containerName, containerReference, signal, text } from './fields.ts'
import * as images from './imageSchemas.ts'
import { containerProcess, containerStats, restartPolicy } from './lifecycleSchemas.ts'
import * as namespaces from './namespaceSchemas.ts'
import * as networks from './networkSchemas.ts'
import { containerSummary, event, endOfStream, execRequest, resources, runRequest, startTrace } from './schemas.ts'
import * as usage from './usageSchemas.ts'
import * as volumes from './volumeSchemas.ts'

export const protocolVersion = 1

const nothing = z.strictObject({})
const byReference = z.strictObject({ container: containerReference })
const byImage = z.strictObject({ name: images.imageReference })
const inRoot = z.strictObject({ root: images.rootReference, path: images.path })
/** Of a file in the caller's own process. Unsupported before Linux 6.5: send the bytes then. */
const descriptor = z.int().min(0).max(1_048_576)
const execId = z.string().regex(/^[0-9a-f]{64}$/)
/** Seconds before SIGKILL. */
const grace = z.int().min(0).max(86_400)
const byCgroup = z.strictObject({ path: usage.cgroupPath })
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
      /** The cgroup that has those of all containers, each called by its id. */
      cgroupParent: z.string(),
      pid: z.number(),
      node: z.string(),
    }),
  },
  /** All containers, newest first. May be repeated. */
  'containers/list': { params: nothing, result: z.array(containerSummary) },
  /** Makes a container without starting it. With `attach` its input ends with whoever is attached first. `network: host` and `userns: host` need a rule. */
  'containers/create': { params: runRequest, result: containerSummary },
  /** Makes a container and starts it; answers when its command runs. `network: host` and `userns: host` need a rule. */
  'containers/run': { params: runRequest, result: containerSummary },
  /** Starts a container that is `created` or `exited`, with its files as it left them. `attach`: this connection carries
   * its stdio, from the first byte on. */
  'containers/start': { params: byReference.extend({ attach: z.boolean().default(false) }), result: containerSummary },
  /** Asks a running container to end with its stop signal, and kills it after `timeout` seconds: without one, its own, or
   * 10. Nothing to do for one that does not run. It is not restarted. */
  'containers/stop': {
    params: byReference.extend({ signal: signal.optional(), timeout: grace.optional() }),
    result: containerSummary,
  },
  /** Stops it, when it runs, and starts it. */
  'containers/restart': {
    params: byReference.extend({ signal: signal.optional(), timeout: grace.optional() }),
    result: containerSummary,
  },
  /** This connection carries the stdio of a running container: what it prints from now on, and its input when it has
   * one. Closing the connection detaches. */
  'containers/attach': {
    params: byReference,
    result: z.object({ id: z.string(), tty: z.boolean(), openStdin: z.boolean() }),
  },
  'containers/rename': { params: byReference.extend({ name: containerName }), result: containerSummary },
  /** Changes limits, at once where it runs, and the restart policy. What is left out stays. */
  'containers/update': {
    params: byReference.extend({ resources: resources.default({}), restart: restartPolicy.optional() }),
    result: containerSummary,
  },
  /** Processes of a running container. May be repeated. */
  'containers/top': { params: byReference, result: z.array(containerProcess) },
  /** What containers use: of these, or of all that run. May be repeated. */
  'containers/stats': {
    params: z.strictObject({ containers: z.array(containerReference).max(4096).default([]) }),
    result: z.array(containerStats),
  },
  /** Sends a signal to the first process of a running container. */
  'containers/kill': {
    params: byReference.extend({ signal: signal.default(9) }),
    result: containerSummary,
  },
  /** Freezes all processes of a running container. */
  'containers/pause': { params: byReference, result: containerSummary },
  /** Lets a paused container go on. */
  'containers/unpause': { params: byReference, result: containerSummary },
  /** Removes a container and what it wrote. One that runs only with `force`, which kills it first. */
  'containers/remove': {
    params: byReference.extend({
      force: z.boolean().default(false),
      /** And its volumes that have no name. */
      volumes: z.boolean().default(false),
    }),
    result: z.null(),
  },
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
      /** Lines of this time or later, and of this time or earlier: milliseconds since 1970. */
      since: z.number().min(0).optional(),
      until: z.number().min(0).optional(),
    }),
    result: z.null(),
  },
  /** Size of the terminal of a running container that has one. */
  'containers/resize': {
    params: byReference.extend({ rows: z.int().min(1).max(65_535), columns: z.int().min(1).max(65_535) }),
    result: z.null(),
  },
  /** Runs one more command in a running container, with the container's restrictions; answers when it runs. `stream/end`
   * brings its exit code. */
  'containers/exec': { params: execRequest, result: z.object({ id: z.string(), pid: z.number() }) },
  /** Size of the terminal of a command that runs; `id` is that of `containers/exec`. */
  'exec/resize': {
    params: z.strictObject({ id: execId, rows: z.int().min(1).max(65_535), columns: z.int().min(1).max(65_535) }),
    result: z.null(),
  },
  /** Sends a signal to a command that runs. */
  'exec/kill': { params: z.strictObject({ id: execId, signal: signal.default(9) }), result: z.null() },
  /** Files that the container changed in those of its image, sorted. May be repeated. */
  'containers/diff': { params: byReference, result: z.array(images.change) },
  /** Its whole root file system as a tar archive: this connection's stream. */
  'containers/export': { params: byReference, result: z.null() },
  /** A file or a folder of its root as a tar archive: this connection's stream. A running one's volumes are seen, too. */
  'containers/copyFrom': { params: byReference.extend({ path: images.path }), result: z.null() },
  /** A tar archive, this connection's stream, is unpacked into a directory of its root. Everything belongs to its root
   * user unless `keepOwners`. */
  'containers/copyTo': {
    params: byReference.extend({ path: images.path, keepOwners: z.boolean().default(false) }),
    result: z.null(),
  },
  /** Makes an image of what the container has written, on top of its image. It is paused meanwhile unless told not to. */
  'containers/commit': {
    params: byReference.extend({
      name: images.imageName.optional(),
      message: text(65_536).default(''),
      author: text(1024).default(''),
      changes: z.array(images.changeInstruction).max(256).default([]),
      pause: z.boolean().default(true),
    }),
    result: images.imageSummary,
  },
  'images/list': { params: nothing, result: z.array(images.imageSummary) },
  /** Summary, configuration, manifest and layers of one image. May be repeated. */
  'images/inspect': { params: byImage, result: z.record(z.string(), z.unknown()) },
  'images/history': { params: byImage, result: z.array(images.historyEntry) },
  /** Its layers, lowest first. */
  'images/layers': { params: byImage, result: z.array(images.layerSummary) },
  /** Bytes written in one layer and overwritten or removed in a later one, largest first. */
  'images/efficiency': { params: byImage, result: images.efficiency },
  /** Files that differ between two images, by type, owner, mode, size and time; at most 100,000. `changed` and `added` are
   * those of `with`. */
  'images/compare': {
    params: byImage.extend({ with: images.imageReference }),
    result: z.array(images.change),
  },
  /** Bytes of an image, or of a container and its image, with whom they are shared. */
  'images/sharing': {
    params: z.union([byImage, byReference]),
    result: images.sharing,
  },
  /** A root file system archive (tar, tar.gz, tar.zst) as an image of one layer. Its bytes are this connection's stream,
   * or with `descriptor` a file that the caller's process has open. */
  'images/import': {
    params: z.strictObject({
      name: images.imageName,
      message: text(65_536).default(''),
      changes: z.array(images.changeInstruction).max(256).default([]),
      descriptor: descriptor.optional(),
    }),
    result: images.imageSummary,
  },
  /** Archives of images as Docker (`docker save`) or the OCI (image layout) makes them: this connection's stream, or with
   * `descriptor` a file that the caller's process has open. */
  'images/load': {
    params: z.strictObject({ descriptor: descriptor.optional() }),
    result: z.array(images.imageSummary),
  },
  /** Images as one archive, both an OCI image layout and what Docker loads: this connection's stream. */
  'images/save': {
    params: z.strictObject({ names: z.array(images.imageReference).min(1).max(256) }),
    result: z.null(),
  },
  /** Fetches an image from its registry. The connection hears of its `progress`; closing it cancels the pull. May be
   * repeated: what is here already is not fetched again. */
  'images/pull': {
    params: z.strictObject({
      name: images.registryName,
      platform: images.platform.optional(),
      credentials: images.credentials.optional(),
    }),
    result: images.imageSummary,
  },
  /** Sends an image to the registry of its name, as `images/pull` fetches it. */
  'images/push': {
    params: z.strictObject({ name: images.registryName, credentials: images.credentials.optional() }),
    result: z.object({ digest: z.string() }),
  },
  /** What a registry has that refers to an image: signatures, bills of materials (OCI distribution-spec, "Listing Referrers"). */
  'images/referrers': {
    params: z.strictObject({ name: images.registryName, credentials: images.credentials.optional() }),
    result: z.array(images.referrer),
  },
  /** Gives an image a further name. */
  'images/tag': {
    params: z.strictObject({ name: images.imageReference, target: images.imageName }),
    result: images.imageSummary,
  },
  /** Takes a name away, and with the last one the image. Refused while a container uses it; by id, with several names
   * only with `force`. */
  'images/remove': {
    params: byImage.extend({ force: z.boolean().default(false) }),
    result: z.object({ untagged: z.array(z.string()), deleted: z.array(z.string()) }),
  },
  /** A new image in which the layers from `from` (0 is the lowest) to the uppermost are one. */
  'images/squash': {
    params: byImage.extend({ target: images.imageName, from: z.int().min(0).default(0) }),
    result: images.imageSummary,
  },
  /** An image of chosen files of this machine, with the shared libraries and interpreters that they need. Only what any
   * user may read. */
  'images/host': {
    params: z.strictObject({ name: images.imageName, paths: z.array(images.path).min(1).max(4096) }),
    result: images.imageSummary,
  },
  /** What an image would be with only the files that a container of it opened. The container must have been run with
   * `recordOpens`. */
  'images/minimize': {
    params: byReference.extend({ keep: z.array(images.path).max(4096).default([]) }),
    result: images.minimizeProposal,
  },
  /** Makes that image. */
  'images/minimizeTo': {
    params: byReference.extend({ target: images.imageName, keep: z.array(images.path).max(4096).default([]) }),
    result: images.imageSummary,
  },
  /** Entries of a directory that a layer, or a container's writable layer, changes; at most 10,000 from `offset` on. */
  'layers/changes': {
    params: z.strictObject({
      root: images.rootReference,
      path: images.path.default(''),
      offset: z.int().min(0).default(0),
    }),
    result: z.object({ entries: z.array(images.changeEntry), total: z.number() }),
  },
  /** Changed files whose path has this in it; at most 1,000. */
  'layers/search': {
    params: z.strictObject({ root: images.rootReference, query: text(255) }),
    result: z.array(images.change),
  },
  /** Tells this connection `layer/changed` whenever a container's writable layer changes, at most once a second, until
   * `watch` is false or the connection ends. */
  'layers/watch': { params: byReference.extend({ watch: z.boolean() }), result: z.null() },
  /** What a path is; links are followed inside the root. */
  'files/stat': { params: inRoot, result: images.fileEntry },
  /** Entries of a directory. At most 100,000. */
  'files/list': { params: inRoot, result: z.array(images.fileEntry) },
  /** A file's bytes as this connection's stream, from `offset` on. */
  'files/read': {
    params: inRoot.extend({ offset: z.int().min(0).default(0), length: z.int().min(0).optional() }),
    result: z.object({ size: z.number() }),
  },
  /** A file or folder as a tar archive: this connection's stream. */
  'files/archive': { params: inRoot, result: z.null() },
  'networks/list': { params: nothing, result: z.array(networks.networkSummary) },
  'networks/create': { params: networks.createNetwork, result: networks.networkSummary },
  'networks/inspect': { params: networks.networkByReference, result: networks.networkSummary },
  /** Refused while a container uses it, and for the three that are always there. */
  'networks/remove': { params: networks.networkByReference, result: z.null() },
  /** Removes networks that no container uses; answers their names. */
  'networks/prune': { params: nothing, result: z.array(z.string()) },
  /** A further network for a container: at once where it runs. */
  'networks/connect': { params: networks.connectParams, result: containerSummary },
  'networks/disconnect': {
    params: networks.networkByReference.extend({ container: containerReference }),
    result: containerSummary,
  },
  'volumes/list': { params: nothing, result: z.array(volumes.volumeSummary) },
  /** One that is there already is answered as it is. */
  'volumes/create': { params: volumes.createVolume, result: volumes.volumeSummary },
  'volumes/inspect': { params: volumes.volumeByName, result: volumes.volumeSummary },
  /** Refused while a container has it. */
  'volumes/remove': { params: volumes.volumeByName, result: z.null() },
  /** Removes volumes that no container has: those without a name, or with `all` every one; answers their names and bytes. */
  'volumes/prune': {
    params: z.strictObject({ all: z.boolean().default(false) }),
    result: z.object({ volumes: z.array(z.string()), reclaimed: z.number() }),
  },
  /** Children of a cgroup, by name; at most 500 from `offset` on. May be repeated. */
  'cgroups/list': { params: byCgroup.extend({ offset: z.int().min(0).default(0) }), result: cgroups.cgroupList },
  /** One, with its limits, processes and devices. May be repeated. */
  'cgroups/inspect': { params: byCgroup, result: cgroups.cgroupDetails },
  /** Tells this connection `cgroups/changed` of children that come and go, in these and in no others. */
  'cgroups/follow': { params: z.strictObject({ paths: z.array(usage.cgroupPath).max(1000) }), result: z.null() },
  /** Needs a rule, `cgroups`, unless it is one inside a container of this helper's. That of such a container itself is changed
   * by `containers/update`. */
  'cgroups/setLimit': { params: cgroups.setLimit, result: cgroups.limitChange },
  /** Freezes a cgroup with all below it, or lets it go on. As for `cgroups/setLimit`. */
  'cgroups/freeze': { params: byCgroup.extend({ frozen: z.boolean() }), result: z.null() },
  /** Kills every process in a cgroup and below. As for `cgroups/setLimit`; never one that has the helper in it. */
  'cgroups/kill': { params: byCgroup, result: z.null() },
  /** Tells this connection `usage/sample` once a second. */
  'usage/watch': { params: usage.usageWatch, result: z.null() },
  /** What a container used. Of one that has ended, too, until it is removed. */
  'usage/history': { params: usage.historyRequest, result: usage.usageHistory },
  /** All namespaces, or those of a type. May be repeated. */
  'namespaces/list': {
    params: z.strictObject({ type: namespaces.namespaceType.optional() }),
    result: namespaces.namespaceList,
  },
  /** Processes in one. */
  'namespaces/members': { params: namespaces.byNamespace, result: z.array(namespaces.namespaceProcess) },
  /** Processes with at least one namespace that is not the host's. */
  'namespaces/processes': { params: nothing, result: z.array(namespaces.namespaceProcess) },
  /** What is in one: mounts, links, maps of ids and so on. */
  'namespaces/inspect': { params: namespaces.byNamespace, result: namespaces.namespaceContents },
  /** Which namespaces two have in common. */
  'namespaces/compare': { params: namespaces.compareRequest, result: namespaces.comparison },
  /** Tells this connection `namespaces/changed` when one comes or goes, or who is in one that is not the host's. */
  'namespaces/follow': { params: z.strictObject({ follow: z.boolean() }), result: z.null() },
  /** Runs a command in chosen namespaces of a process, as root, unconfined: needs a rule, `enter`. This connection carries
   * its stdio; `exec/resize` and `exec/kill` are for it, too. */
  'namespaces/enter': { params: namespaces.enterRequest, result: z.object({ id: z.string(), pid: z.number() }) },
  /** What a container shares, and what is its own. */
  'containers/shares': { params: byReference, result: namespaces.shares },
  /** What happened lately, oldest first: the last 2,000 events. Times are milliseconds since 1970. */
  'system/events': {
    params: z.strictObject({ since: z.number().min(0).default(0), until: z.number().min(0).optional() }),
    result: z.array(event),
  },
  'system/df': { params: nothing, result: images.usage },
  /** Removes containers that ended and images that nobody uses: those without a name, or with `all` every one. `dryRun`
   * says what would go. */
  'system/prune': {
    params: z.strictObject({
      images: z.enum(['none', 'dangling', 'all']).default('dangling'),
      containers: z.boolean().default(true),
      dryRun: z.boolean().default(false),
    }),
    result: images.pruned,
  },
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
  /** To the connection that asked for something long. */
  progress: images.progress,
  /** To the connection that watches a container's writable layer. */
  'layer/changed': z.object({ container: z.string() }),
  /** To the connection that follows a cgroup. */
  'cgroups/changed': cgroups.cgroupsChanged,
  /** To the connection that watches what cgroups use. */
  'usage/sample': usage.usageSample,
  /** To the connection that follows namespaces. */
  'namespaces/changed': z.object({}),
} as const
