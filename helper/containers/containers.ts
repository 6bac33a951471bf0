/** All containers: found by id or name, made, started, removed, and found again after a restart of the helper. */
import { closeSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Cgroups } from '../cgroups/cgroups.ts'
import type { HostFacts } from '../host/facts.ts'
import type { Native } from '../host/native.ts'
import { socketName, type Paths } from '../host/paths.ts'
import { labelOf, type Image } from '../images/image.ts'
import type { ImageStore } from '../images/store.ts'
import type { PrivacyLayer } from '../layers/privacy.ts'
import { defaults, limits } from '../limits.ts'
import type { Operation } from '../plan/operations.ts'
import { makePlan, type Layer } from '../plan/plan.ts'
import type { RuntimeSpec } from '../plan/runtimeSpec.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { ContainerSummary, RunRequest } from '../protocol/schemas.ts'
import { Container } from './container.ts'
import type { Engine } from './engine.ts'
import type { Events } from './events.ts'
import { etcFiles } from './etcFiles.ts'
import { Folders } from './folders.ts'
import { firstIdOf, newId, newName } from './names.ts'
import type { SeccompPrograms } from './seccompPrograms.ts'
import { limitStorage } from './storageQuota.ts'
import { makeSpecification } from './specification.ts'
import { ContainerFolder } from './record.ts'
import { Watchers } from './watchers.ts'

interface Parts {
  readonly paths: Paths
  readonly native: Native
  readonly facts: HostFacts
  readonly cgroups: Cgroups
  readonly images: ImageStore
  readonly privacy: PrivacyLayer
  readonly seccomp: SeccompPrograms
  readonly events: Events
  readonly log: Logger
}

export class Containers implements Engine {
  readonly #parts: Parts
  readonly #containers = new Map<string, Container>()
  /** Names of containers that are being made. */
  readonly #reserved = new Set<string>()
  /** Writes what is still to be written of containers that have just started. */
  readonly #unwritten = new Set<() => void>()
  readonly #folders: Folders
  readonly watchers: Watchers

  constructor(parts: Parts) {
    this.#parts = parts
    for (const directory of [parts.paths.containers, parts.paths.sockets])
      mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.#folders = new Folders(parts.paths.containers)
    this.watchers = new Watchers(parts.native, parts.paths.sockets)
  }

  get paths(): Paths {
    return this.#parts.paths
  }
  get native(): Native {
    return this.#parts.native
  }
  get cgroups(): Cgroups {
    return this.#parts.cgroups
  }
  get events(): Events {
    return this.#parts.events
  }

  get log(): Logger {
    return this.#parts.log
  }

  /** Newest first. */
  list(): ContainerSummary[] {
    return [...this.#containers.values()]
      .map((container) => container.summary())
      .sort((a, b) => b.createdAt - a.createdAt)
  }

  /** By name, id, or the beginning of an id. @throws BulkheadError ContainerNotFound */
  get(reference: string): Container {
    const all = [...this.#containers.values()]
    const exact = this.#containers.get(reference) ?? all.find(({ record }) => record.name === reference)
    if (exact !== undefined) return exact
    const matches = /^[0-9a-f]+$/.test(reference) ? all.filter(({ id }) => id.startsWith(reference)) : []
    if (matches.length === 1) return matches[0]!
    if (matches.length > 1)
      throw new BulkheadError(
        'ContainerNotFound',
        `${matches.length} containers have an id that begins with ${reference}`,
        {
          hint: 'Give more of the id, or the name.',
        },
      )
    throw new BulkheadError('ContainerNotFound', `no container ${reference}`, {
      hint: 'bulkhead ps -a lists all there are.',
    })
  }

  /** Makes a container and starts it. Nothing remains when that fails. */
  async run(request: RunRequest): Promise<{ container: Container; attach: Socket | undefined }> {
    const began = performance.now()
    const { container, spec } = this.#create(request)
    let starting: Promise<Socket | undefined> | undefined
    try {
      const plan = await this.#plan(container, spec, request.attach)
      starting = container.start(plan, { attached: request.attach, began })
      // The watcher is at work: what the start does not need is done meanwhile.
      container.folder.writeRecord(container.record)
      const attach = await starting
      this.#keepLater(container, spec)
      return { container, attach }
    } catch (error) {
      // It may run all the same: a disk can be too full for its record alone.
      const attach = await starting?.catch(() => undefined)
      attach?.destroy()
      await container.kill()
      this.#containers.delete(container.id)
      await container.remove()
      throw error
    }
  }

  async start(reference: string): Promise<Container> {
    const began = performance.now()
    const container = this.get(reference)
    if (container.state !== 'created' && container.state !== 'exited')
      throw new BulkheadError('WrongState', `${container.label} is ${container.state} already`)
    const spec = this.specificationOf(container)
    const plan = await this.#plan(container, spec, false)
    await container.start(plan, { attached: false, began })
    this.#keepLater(container, spec)
    return container
  }

  async remove(reference: string, force: boolean): Promise<void> {
    const container = this.get(reference)
    if (container.runs && !force)
      throw new BulkheadError('WrongState', `${container.label} is ${container.state}`, {
        hint: 'Stop it first, or remove it with force, which kills it.',
      })
    await container.kill()
    await this.#forget(container)
  }

  async removeEnded(container: Container): Promise<void> {
    try {
      await this.#forget(container)
    } catch (error) {
      this.log.error({ err: error, container: container.id }, 'cannot remove a container that ended')
    }
  }

  /** The OCI runtime specification, as it was made; made again when a helper was killed before it was written. */
  specificationOf(container: Container): RuntimeSpec {
    const written = container.folder.readSpec()
    return written ?? this.#specification(container.record, this.#imageOf(container))
  }

  /** Directories of layers that containers stand on. */
  usedLayers(): Set<string> {
    return new Set([...this.#containers.values()].flatMap(({ record }) => record.layers))
  }

  /** Names of the containers that were made of an image. */
  usersOfImage({ id, name }: { id: string; name: string | null }): string[] {
    const isIts = ({ record }: Container): boolean =>
      record.imageId === '' ? record.image === name : record.imageId === id
    return this.all()
      .filter(isIts)
      .map(({ record }) => record.name)
  }

  all(): Container[] {
    return [...this.#containers.values()]
  }

  /** Finds what earlier helpers left: containers that run, that ended meanwhile, and leftovers of half-done work. */
  async recover(): Promise<void> {
    for (const id of readdirSync(this.paths.containers)) {
      const folder = new ContainerFolder(this.paths.container(id))
      const watched = !id.startsWith('.') && (await this.#isWatched(id))
      const record = folder.readRecord()
      const container = record === undefined ? undefined : new Container(this, record)
      if (container !== undefined && (await container.recover(watched))) {
        this.#containers.set(id, container)
        this.log.info({ container: id, state: container.state }, 'found again')
        if (container.state === 'exited' && container.record.request.autoRemove) await this.removeEnded(container)
        continue
      }
      this.log.info({ container: id }, 'removed what was left of it')
      if (!id.startsWith('.')) await this.cgroups.remove(id)
      await this.native.addon.removeTree(folder.path)
    }
    this.#folders.prepare()
    for (const id of this.cgroups.list()) if (!this.#containers.has(id)) await this.cgroups.remove(id)
    const live = new Set([...this.#containers.values()].filter(({ runs }) => runs).map(({ id }) => socketName(id)))
    for (const name of readdirSync(this.paths.sockets)) if (!live.has(name)) rmSync(join(this.paths.sockets, name))
  }

  /** Lets go of all watchers; their containers go on. */
  release(): void {
    for (const write of this.#unwritten) write()
    for (const container of this.#containers.values()) container.release()
    this.watchers.release()
  }

  #create(request: RunRequest): { container: Container; spec: RuntimeSpec } {
    if (this.#containers.size >= limits.containers)
      throw new BulkheadError('Busy', `there are ${limits.containers} containers already`, { hint: 'Remove some.' })
    const image = this.#parts.images.get(request.image)
    const id = newId()
    const name = this.#chooseName(request)
    this.#reserved.add(name)
    try {
      const idRange = request.userns === 'host' ? null : this.#freeIdRange()
      const record = {
        id,
        name,
        image: image.summary.name ?? labelOf(image.summary),
        imageId: image.summary.id,
        layers: [...image.layers],
        command: [],
        createdAt: Date.now(),
        idRange,
        request,
      }
      const spec = this.#specification(record, image)
      const container = new Container(this, { ...record, command: [...spec.process.args] })
      const folder = this.#folders.create(id, firstIdOf(idRange) ?? 0)
      if (request.storageSize !== undefined) limitStorage(this.native, folder, request.storageSize)
      this.#containers.set(id, container)
      return { container, spec }
    } finally {
      this.#reserved.delete(name)
    }
  }

  /** When the start is over: most short containers are gone by then, and cost the disk nothing. */
  #keepLater(container: Container, spec: RuntimeSpec): void {
    const write = (): void => {
      clearTimeout(timer)
      this.#unwritten.delete(write)
      container.keepOnDisk(spec)
    }
    const timer = setTimeout(write, 100)
    this.#unwritten.add(write)
  }

  #imageOf({ record }: Container): Image {
    return this.#parts.images.find(record.imageId) ?? this.#parts.images.get(record.image)
  }

  #specification(record: Container['record'], image: Image): RuntimeSpec {
    const { facts, cgroups, paths } = this.#parts
    return makeSpecification({
      id: record.id,
      request: record.request,
      config: image.config,
      facts,
      cgroups: cgroups.version,
      cgroupsPath: `/${paths.cgroup}/${record.id}`,
      firstId: firstIdOf(record.idRange),
    })
  }

  async #plan(container: Container, spec: RuntimeSpec, attached: boolean): Promise<Operation[]> {
    const { facts, cgroups, seccomp } = this.#parts
    const { record, folder } = container
    return makePlan(spec, {
      cgroup: cgroups.operations(container.id, spec.linux.resources),
      entersCgroup: cgroups.version === 'v1',
      layers: await this.#layers(container),
      upper: folder.upper,
      work: folder.work,
      isVolatile: record.request.autoRemove,
      scratch: facts.detachedLayers ? undefined : this.#scratch(),
      files: etcFiles(record.request, spec.hostname),
      seccompProgram: await seccomp.get(spec.linux.seccomp),
      socket: socketName(container.id),
      log: defaults.log,
      attached,
      openStdin: record.request.openStdin && attached,
      recordOpens: record.request.recordOpens,
    })
  }

  async #layers({ record }: Container): Promise<Layer[]> {
    const { privacy, facts } = this.#parts
    const idmapped = record.idRange !== null
    const layers = record.layers.map((directory) => ({ directory, idmapped }))
    if (!record.layers.includes('/')) return layers
    if (idmapped && !facts.idmappedTmpfs)
      throw new BulkheadError(
        'Unsupported',
        `image host with a user namespace of its own needs Linux 6.3 or later; this is ${facts.kernel}`,
        {
          hint: 'Use --userns host, or import a root file system archive.',
        },
      )
    await privacy.sync()
    return [{ directory: privacy.directory, idmapped }, ...layers]
  }

  /** Before Linux 6.15: where watchers attach layers, each in a mount namespace of its own. */
  #scratch(): string {
    const scratch = join(this.paths.run, 'layers')
    mkdirSync(scratch, { recursive: true, mode: 0o700 })
    return scratch
  }

  #chooseName(request: RunRequest): string {
    const taken = (name: string): boolean =>
      this.#reserved.has(name) || [...this.#containers.values()].some(({ record }) => record.name === name)
    if (request.name === undefined) return newName(taken)
    if (!taken(request.name)) return request.name
    throw new BulkheadError('NameInUse', `the name ${request.name} is in use by another container`, {
      hint: 'Remove or rename that container, or choose another name.',
    })
  }

  #freeIdRange(): number {
    const used = new Set([...this.#containers.values()].map(({ record }) => record.idRange))
    for (let range = 0; range < defaults.idRanges.count; range++) if (!used.has(range)) return range
    throw new BulkheadError('Busy', 'all ranges of user ids are in use', { hint: 'Remove containers.' })
  }

  async #forget(container: Container): Promise<void> {
    await container.remove()
    this.#containers.delete(container.id)
  }

  async #isWatched(id: string): Promise<boolean> {
    // A watcher that is just setting up has no socket yet: give it a moment.
    for (let tries = 0; tries < 50; tries++) {
      const lock = this.native.addon.lockDirectory(this.paths.container(id))
      if (lock >= 0) {
        closeSync(lock)
        return false
      }
      if (existsSync(this.paths.socketOfWatcher(id))) return true
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return true
  }
}
