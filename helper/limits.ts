/** Every limit and default of the helper, in one place. */

export const limits = {
  /** Bytes of a message from a client; a longer one closes the connection with WebSocket code 1009. */
  messageBytes: 1024 * 1024,
  clients: 256,
  /** Milliseconds for a client to finish its opening handshake. */
  handshake: 5_000,
  /** Milliseconds between pings; a client that does not answer one before the next is let go. */
  heartbeat: 30_000,
  /** Bytes that may wait for a slow client before the helper stops reading what makes them. */
  streamBacklog: 256 * 1024,
  /** Bytes of a stream that may come before the request that opens it is handled. */
  earlyInput: 4 * 1024 * 1024,
  /** Bytes that may wait on a connection without a stream: a client that does not read its events is let go. */
  eventBacklog: 4 * 1024 * 1024,
  /** Requests that one client may have in flight. */
  requestsInFlight: 1024,
  containers: 4096,
  networks: 200,
  /** Watchers, and folders, that are kept ready for the next starts: 0.1 MB each. */
  spares: 8,
  archive: {
    entries: 500_000,
    /** Bytes unpacked. */
    bytes: 64 * 1024 ** 3,
    /** Files of an archive of images. */
    blobs: 10_000,
  },
  /** Bytes of a manifest or a configuration; a registry need not take manifests of more than 4 MB. */
  document: 8 * 1024 * 1024,
  /** Entries of one directory that are listed; of a layer's tree at once; of a search. */
  listing: 100_000,
  page: 10_000,
  found: 1000,
  /** Layers whose changes are kept in memory, and for how many milliseconds after the last look. */
  changeTrees: 24,
  keepTrees: 30_000,
  /** Milliseconds between two looks at a writable layer that somebody watches. */
  layerWatch: 1000,
  /** Milliseconds for which a download that was given up is kept, to be gone on with. */
  keepDownloads: 3_600_000,
  registry: {
    /** Blobs of one image on their way at once. */
    parallel: 3,
    /** Tries of one request that fails for a reason that may pass, and the first pause between them, milliseconds. */
    tries: 5,
    pause: 500,
    /** Milliseconds to connect, and to wait for an answer or for the next bytes of one. */
    connect: 10_000,
    silence: 30_000,
  },
  /** Cgroups of one directory that are listed at once. */
  cgroupPage: 500,
  /** Milliseconds for which news of one directory is gathered before it is told. */
  cgroupNews: 30,
  /** Cgroups that one connection may have sampled. */
  sampled: 4000,
  /** Containers whose use is kept; some 20 open files each. */
  recorded: 256,
  /** Milliseconds between two looks at what the kernel says of processes, while somebody follows namespaces; between two
   * scans of all where it does not say everything; and of descriptors that hold namespaces. */
  namespaces: { drain: 250, scan: 2000, held: 10_000 },
  dns: {
    /** Milliseconds that a resolver of the host may take; that a connection may be idle. */
    silence: 3_000,
    idle: 10_000,
    /** Connections to one network's server, and questions that wait for the host's resolvers. */
    clients: 64,
    asking: 256,
  },
  /** Events that are kept for those who ask later. */
  events: 2000,
  /** Milliseconds before the first restart of a container that ended, at most, and after which it counts as well. */
  restart: { first: 100, most: 60_000, well: 10_000 },
  /** Health checks that are remembered, and bytes of each one's output. */
  health: { log: 5, output: 4096 },
  /** Milliseconds between SIGTERM and SIGKILL for the helper's own children at shutdown. */
  shutdown: 2_000,
} as const

export const defaults = {
  pidsLimit: 2048,
  log: { maxBytes: 20 * 1024 * 1024, maxFiles: 5 },
  shmBytes: 64 * 1024 * 1024,
  /** First host id and size of the ranges that containers' user namespaces get; above those of systemd and useradd. */
  idRanges: { first: 0x7000_0000, size: 65_536, count: 4096 },
  /** Subnets for networks are taken from here; /64s of IPv6 are random ones of fd00::/8. */
  subnets: { first: '10.208.0.0/12', prefix: 20 },
  stopTimeout: 10,
  /** Docker's. */
  health: { interval: 30_000, timeout: 30_000, startPeriod: 0, startInterval: 5_000, retries: 3 },
  nofile: { soft: 1024, hard: 524_288 },
  path: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
} as const
