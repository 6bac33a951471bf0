/** All containers: found by id or name, made, started, removed, and found again after a restart of the helper. */
import { mkdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import type { Cgroups } from '../cgroups/cgroups.ts'
import type { HostFacts } from '../host/facts.ts'
import type { Native } from '../host/native.ts'
import type { Paths } from '../host/paths.ts'
import type { Image } from '../images/image.ts'
import type { ImageStore } from '../images/store.ts'
import type { PrivacyLayer } from '../layers/privacy.ts'
import { limits } from '../limits.ts'
import type { Attachment, Networks } from '../network/networks.ts'
import type { RuntimeSpec } from '../plan/runtimeSpec.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Health } from '../protocol/lifecycleSchemas.ts'
import type { ContainerSummary, RunRequest } from '../protocol/schemas.ts'
import type { Volumes } from '../volumes/volumes.ts'
import { Claims } from './claims.ts'
import { Container } from './container.ts'
import { makeMounts, makeRecord, requireSound, type CreationParts } from './creation.ts'
import type { Engine } from './engine.ts'
import type { Events } from './events.ts'
import { findContainer } from './findContainer.ts'
import { Folders, type Place } from './folders.ts'
import type { HealthMonitor } from './health.ts'
import { memberOf, NetworkPlaces } from './networkPlaces.ts'
import type { Caller } from './mounts.ts'
import { Planner } from './planner.ts'
import { recoverContainers } from './recovery.ts'
import { pauseBefore, startsWithHelper } from './restarts.ts'
import type { SeccompPrograms } from './seccompPrograms.ts'
import { limitStorage } from './storageQuota.ts'
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
  readonly networks: Networks
  readonly volumes: Volumes
  readonly rootOf: CreationParts['rootOf']
  readonly log: Logger
}

const root: Caller = { uid: 0, gid: 0, groups: [] }

export class Containers implements Engine {
  readonly #parts: Parts
  readonly #containers = new Map<string, Container>()
  readonly #claims = new Claims(() => this.all())
  /** Writes what is still to be written of containers that have just started. */
  readonly #unwritten = new Set<() => void>()
  readonly #starting = new Set<string>()
  /** Of those that run: every command in them needs it. */
  readonly #specifications = new WeakMap<Container, RuntimeSpec>()
  readonly #folders: Folders
  readonly #planner: Planner
  readonly places: NetworkPlaces
  readonly watchers: Watchers
  /** Set before the first container starts: its checks are commands in containers of ours. */
  health: HealthMonitor | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    for (const directory of [parts.paths.containers, parts.paths.sockets])
      mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.#folders = new Folders(parts.paths.containers, this.#claims)
    this.#planner = new Planner(parts)
    this.places = new NetworkPlaces(parts.networks, (reference) => this.get(reference))
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

  attachmentOf(id: string): Attachment {
    return this.#parts.networks.attachmentOf(id)
  }
  healthOf(id: string): Health | undefined {
    return this.health?.of(id)
  }

  /** Newest first. */
  list(): ContainerSummary[] {
    return this.all()
      .map((container) => container.summary())
      .sort((a, b) => b.createdAt - a.createdAt)
  }

  /** By its whole id. */
  find(id: string): Container | undefined {
    return this.#containers.get(id)
  }

  /** By name, id, or the beginning of an id. @throws BulkheadError ContainerNotFound */
  get(reference: string): Container {
    return this.#containers.get(reference) ?? findContainer(this.all(), reference)
  }

  /** Makes a container without starting it. */
  async create(request: RunRequest, caller: Caller = root): Promise<Container> {
    const { container, spec } = await this.#create(request, caller)
    try {
      container.change({ isCreated: true })
      container.folder.writeSpec(spec)
      container.publish('create')
      return container
    } catch (error) {
      await this.#discard(container)
      throw error
    }
  }

  /** Makes a container and starts it. Nothing remains when that fails. */
  async run(request: RunRequest, caller: Caller = root): Promise<{ container: Container; attach: Socket | undefined }> {
    const began = performance.now()
    const { container, spec } = await this.#create(request, caller)
    try {
      // The watcher is at work: what the start does not need is done meanwhile.
      const attach = await this.#start(container, spec, {
        ...{ attached: request.attach, began },
        meanwhile: () => {
          container.publish('create')
          container.folder.writeRecord(container.record)
        },
      })
      return { container, attach }
    } catch (error) {
      await this.#discard(container)
      throw error
    }
  }

  async start(
    reference: string,
    options: { attached: boolean },
  ): Promise<{ container: Container; attach: Socket | undefined }> {
    const container = this.get(reference)
    if (container.runs || container.state === 'removing')
      throw new BulkheadError('WrongState', `${container.label} is ${container.state} already`)
    container.beginAnew()
    return { container, attach: await this.#startKept(container, options.attached) }
  }

  async startAgain(container: Container): Promise<void> {
    await this.#startKept(container, false)
  }

  async restart(
    container: Container,
    options: { signal?: number | undefined; timeout?: number | undefined },
  ): Promise<void> {
    if (container.runs) await container.stop(options)
    await this.start(container.id, { attached: false })
    container.publish('restart')
  }

  rename(container: Container, name: string): void {
    if (container.record.name === name) return
    const before = container.record.name
    // Held for no time at all: nothing comes between this and the change, and a change that fails holds nothing.
    this.#claims.release(this.#claims.name(name))
    container.change({ name })
    this.#parts.networks.rename(memberOf(container.record))
    container.publish('rename', { oldName: before })
  }

  async remove(reference: string, options: { force: boolean; volumes: boolean }): Promise<void> {
    const container = this.get(reference)
    if ((container.runs || container.state === 'restarting') && !options.force)
      throw new BulkheadError('WrongState', `${container.label} is ${container.state}`, {
        hint: 'Stop it first, or remove it with force, which kills it.',
      })
    await container.kill()
    await this.#forget(container, options.volumes || container.record.request.autoRemove)
  }

  async removeEnded(container: Container): Promise<void> {
    try {
      await this.#forget(container, true)
    } catch (error) {
      this.log.error({ err: error, container: container.id }, 'cannot remove a container that ended')
    }
  }

  ended(container: Container, { exitCode, ran }: { exitCode: number; ran: number }): number | undefined {
    this.health?.unwatch(container.id)
    this.#specifications.delete(container)
    this.places.leaveSoon(container)
    const { request, isStopped } = container.record
    const { restarts, lastPause } = container.course
    return pauseBefore(request.restart, { exitCode, ran, restarts, isStopped }, lastPause)
  }

  /** The OCI runtime specification, as it was made; made again when a helper was killed before it was written. */
  specificationOf(container: Container): RuntimeSpec {
    const known = this.#specifications.get(container)
    if (known !== undefined) return known
    const spec = container.folder.readSpec() ?? this.#planner.specification(container.record, this.#imageOf(container))
    if (container.runs) this.#specifications.set(container, spec)
    return spec
  }

  /** Directories of layers that containers stand on. */
  usedLayers(): Set<string> {
    return new Set(this.all().flatMap(({ record }) => record.layers))
  }

  /** Names of the containers that were made of an image. */
  usersOfImage({ id, name }: { id: string; name: string | null }): string[] {
    return this.#names(({ record }) => (record.imageId === '' ? record.image === name : record.imageId === id))
  }

  /** Names of the containers that have a volume, those that are being made included. */
  usersOfVolume(volume: string): string[] {
    const making = this.#claims.makerOf(volume)
    return [
      ...(making === undefined ? [] : [making]),
      ...this.#names(({ record }) => record.mounts.some(({ type, name }) => type === 'volume' && name === volume)),
    ]
  }

  /** Names of the containers that are to have a network. */
  usersOfNetwork(network: string): string[] {
    return this.#names(({ record: { request } }) =>
      [request.network, ...request.connect.map((one) => one.network)].includes(network),
    )
  }

  all(): Container[] {
    return [...this.#containers.values()]
  }

  /** Finds what earlier helpers left: containers that run, that ended meanwhile, and leftovers of half-done work. */
  async recover(): Promise<void> {
    for (const container of await recoverContainers(this)) this.#containers.set(container.id, container)
    for (const container of this.all()) {
      if (container.runs) this.places.adopt(container)
      if (container.state === 'exited' && container.record.request.autoRemove) await this.removeEnded(container)
    }
    this.#claims.adoptRanges()
    this.#folders.prepare()
  }

  /** Starts those whose restart policy says so: they ended while no helper was there, or the machine went down. */
  resume(): void {
    for (const container of this.all()) {
      if (container.runs) this.health?.watch(container)
      if (container.state !== 'exited') continue
      const { request, isStopped } = container.record
      const exitCode = container.summary().exitCode ?? 0
      if (startsWithHelper(request.restart, { exitCode, isStopped })) container.restartIn(limits.restart.first)
    }
  }

  /** Lets go of all watchers; their containers go on. */
  release(): void {
    this.health?.close()
    for (const write of this.#unwritten) write()
    for (const container of this.#containers.values()) container.release()
    this.watchers.release()
  }

  async #create(asked: RunRequest, caller: Caller): Promise<{ container: Container; spec: RuntimeSpec }> {
    if (this.#containers.size >= limits.containers)
      throw new BulkheadError('Busy', `there are ${limits.containers} containers already`, { hint: 'Remove some.' })
    requireSound(asked)
    const request = this.places.resolved(asked)
    const image = this.#parts.images.get(request.image)
    const name = this.#claims.name(request.name)
    const anonymous: string[] = []
    let place: Place | undefined
    try {
      const others = request.volumesFrom.flatMap(({ container, readOnly }) =>
        this.get(container).record.mounts.map((mount) => ({ ...mount, readOnly: mount.readOnly || readOnly })),
      )
      const reserve = (volume: string): void => this.#claims.volume(volume, name)
      const mounts = await makeMounts({ ...this.#parts, reserve }, { request, image, others }, anonymous)
      place = this.#folders.create(request.userns === 'private')
      const { id, idRange, folder } = place
      const record = makeRecord({ id, name, request, image, idRange, caller, mounts })
      const spec = this.#planner.specification(record, image)
      const container = new Container(this, { ...record, command: [...spec.process.args] })
      if (request.storageSize !== undefined) limitStorage(this.native, folder, request.storageSize)
      this.#containers.set(id, container)
      this.#claims.release(name)
      return { container, spec }
    } catch (error) {
      this.#claims.release(name)
      if (place !== undefined) await this.#vacate(place)
      for (const volume of anonymous) await this.#parts.volumes.remove(volume).catch(() => undefined)
      throw error
    }
  }

  async #startKept(container: Container, attached: boolean): Promise<Socket | undefined> {
    const began = performance.now()
    const joined = this.places.joined(container.record)?.pid
    const spec = this.#planner.specification(container.record, this.#imageOf(container), joined)
    return await this.#start(container, spec, { attached, began, meanwhile: () => undefined })
  }

  async #start(
    container: Container,
    spec: RuntimeSpec,
    { attached, began, meanwhile }: { attached: boolean; began: number; meanwhile: () => void },
  ): Promise<Socket | undefined> {
    if (this.#starting.has(container.id))
      throw new BulkheadError('WrongState', `${container.label} is being started already`)
    this.#starting.add(container.id)
    let starting: Promise<Socket | undefined> | undefined
    try {
      const attachment = await this.places.enter(container, this.#imageOf(container))
      const joinNetwork = this.places.joined(container.record)
      const plan = await this.#planner.plan(container, spec, { attached, joinNetwork })
      starting = container.start(plan, { attached, began })
      meanwhile()
      if (attachment !== undefined) {
        this.#parts.networks.publish(container.id)
        container.folder.writeAttachment(attachment)
      }
      const attach = await starting
      this.#specifications.set(container, spec)
      this.health?.watch(container)
      this.#keepLater(container, spec)
      return attach
    } catch (error) {
      // It may run all the same: a disk can be too full for its record alone.
      const attach = await starting?.catch(() => undefined)
      attach?.destroy()
      await container.kill()
      this.places.leave(container)
      throw error
    } finally {
      this.#starting.delete(container.id)
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

  #names(fits: (container: Container) => boolean): string[] {
    return this.all()
      .filter(fits)
      .map(({ record }) => record.name)
  }

  /** What a container had alone, when it has never been one. */
  async #vacate({ idRange, folder }: Place): Promise<void> {
    if (idRange !== null) this.#claims.giveBack(idRange)
    await this.native.addon.removeTree(folder.path)
  }

  async #forget(container: Container, volumes: boolean): Promise<void> {
    await container.remove()
    const { idRange } = container.record
    if (this.#containers.delete(container.id) && idRange !== null) this.#claims.giveBack(idRange)
    const names = container.record.mounts.flatMap(({ type, name }) => (type === 'volume' ? (name ?? []) : []))
    if (volumes) await this.#parts.volumes.removeUnnamed(names)
  }

  /** Of one whose making or first start failed. */
  async #discard(container: Container): Promise<void> {
    await container.kill()
    await this.#forget(container, true)
  }
}
