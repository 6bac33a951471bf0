/** The root helper: puts its parts together, listens, and ends cleanly. Containers outlive it. */
import { closeSync, mkdirSync } from 'node:fs'
import { pino, type Logger } from 'pino'
import { openCgroups } from './cgroups/cgroups.ts'
import { Containers } from './containers/containers.ts'
import { Contents } from './containers/contents.ts'
import { Execs } from './containers/exec.ts'
import { Events } from './containers/events.ts'
import { HealthMonitor } from './containers/health.ts'
import { SeccompPrograms } from './containers/seccompPrograms.ts'
import { observe } from './containers/observers.ts'
import { UsageOf } from './containers/usage.ts'
import { readHostFacts } from './host/facts.ts'
import { IdleTrim } from './host/idle.ts'
import { Native } from './host/native.ts'
import { Paths } from './host/paths.ts'
import { ImageStore } from './images/store.ts'
import { ChangeTrees } from './layers/changes.ts'
import { PrivacyLayer } from './layers/privacy.ts'
import { Roots } from './layers/roots.ts'
import { Networks } from './network/networks.ts'
import { defaultSeccomp } from './plan/seccomp.ts'
import { BulkheadError } from './protocol/errors.ts'
import { RegistriesFile } from './registry/settings.ts'
import { makeHandlers } from './server/handlers.ts'
import { Policy } from './server/policy.ts'
import { notifyReady } from './server/readiness.ts'
import { Server } from './server/server.ts'
import { version } from './version.ts'
import { Volumes } from './volumes/volumes.ts'

export interface HelperOptions {
  readonly state: string
  readonly run: string
  readonly policy: string
  /** Mirrors and special registries: helper/registry/settings.ts. */
  readonly registries: string
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

function lockState(native: Native, paths: Paths): number {
  const lock = native.addon.lockDirectory(paths.state)
  if (lock >= 0) return lock
  throw new BulkheadError('Busy', `another helper uses ${paths.state}`, {
    hint: 'Stop it first, or give this one another --state.',
  })
}

/** Runs until SIGTERM or SIGINT. @throws BulkheadError when it cannot start: not root, no cgroups, a helper there already. */
export async function runHelper(options: HelperOptions): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new BulkheadError('NotPermitted', 'the helper needs root: it makes namespaces, mounts and cgroups', {
      hint: 'Start it with sudo.',
    })
  const log: Logger = pino({ name: 'bulkhead', base: null }, pino.destination({ dest: 2, sync: true }))
  const paths = new Paths(options.state, options.run)
  // Others may reach the socket, but look at nothing else.
  mkdirSync(paths.state, { recursive: true, mode: 0o711 })
  mkdirSync(paths.run, { recursive: true, mode: 0o711 })
  const native = new Native()
  const lock = lockState(native, paths)
  const cgroups = openCgroups(paths.kernelName)
  cgroups.prepare()
  const events = new Events()
  const images = new ImageStore(paths, { unpack: native.unpack, removeTree: (path) => native.addon.removeTree(path) })
  const privacy = new PrivacyLayer(paths, native)
  const seccomp = new SeccompPrograms(native)
  const facts = readHostFacts()
  const roots = new Roots(native)
  const contents = new Contents({ native, store: images, privacy, roots })
  const networks = new Networks({ native, paths, log })
  const volumes = new Volumes({ paths, native, roots })
  const containers = new Containers({
    ...{ paths, native, facts, cgroups, images, privacy, seccomp, events, networks, volumes, log },
    rootOf: async ({ layers }) => ({ directories: await contents.layersOf(layers) }),
  })
  images.usedLayers = () => containers.usedLayers()
  volumes.usersOf = (volume) => containers.usersOfVolume(volume)
  const execs = new Execs(containers, seccomp)
  containers.health = new HealthMonitor({
    ...{ execs, log },
    specificationOf: (container) => containers.specificationOf(container),
  })
  const observers = observe({ native, cgroups, containers, events, log })
  const handlers = makeHandlers({
    ...{ native, facts, containers, contents, images, execs, roots, privacy, cgroups, events, networks, volumes },
    ...observers,
    usage: new UsageOf({ store: images, containers, contents }),
    trees: new ChangeTrees(native),
    policy: new Policy(options.policy),
    registries: once(async () => {
      const { Registries } = await import('./registry/registries.ts')
      return new Registries(images, new RegistriesFile(options.registries))
    }),
  })
  const idle = new IdleTrim(native)
  const server = new Server({ path: paths.socket, native, handlers, events, log, onRequest: () => idle.touch() })

  const ended = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve)
  })
  await volumes.recover()
  await containers.recover()
  await networks.restore()
  await images.collect({ leftovers: true })
  privacy.start()
  await seccomp.get(defaultSeccomp) // the first container must not wait for it
  await server.listen()
  log.info({ version, socket: paths.socket, kernel: facts.kernel, cgroups: cgroups.version, pid: process.pid }, 'ready')
  notifyReady(native)
  containers.resume()
  await observers.resume()

  const signal = await ended
  log.info({ signal }, 'ending; containers go on')
  await server.close()
  containers.release()
  observers.close()
  networks.close()
  await privacy.stop()
  cgroups.cleanUp()
  closeSync(lock)
}
