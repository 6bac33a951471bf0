/** From a container's record to what the kernel is asked to do: its specification, and the plan of a start. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Cgroups } from '../cgroups/cgroups.ts'
import type { HostFacts } from '../host/facts.ts'
import { socketName, type Paths } from '../host/paths.ts'
import type { Image } from '../images/image.ts'
import type { PrivacyLayer } from '../layers/privacy.ts'
import { defaults } from '../limits.ts'
import type { Networks } from '../network/networks.ts'
import type { Operation } from '../plan/operations.ts'
import { makePlan, type Layer, type Placement } from '../plan/plan.ts'
import type { RuntimeSpec } from '../plan/runtimeSpec.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Container } from './container.ts'
import { etcFiles } from './etcFiles.ts'
import { runtimeMounts } from './mounts.ts'
import { firstIdOf } from './names.ts'
import type { ContainerRecord } from './record.ts'
import type { SeccompPrograms } from './seccompPrograms.ts'
import { makeSpecification } from './specification.ts'

export interface PlannerParts {
  readonly paths: Paths
  readonly facts: HostFacts
  readonly cgroups: Cgroups
  readonly privacy: PrivacyLayer
  readonly seccomp: SeccompPrograms
  readonly networks: Networks
}

export class Planner {
  readonly #parts: PlannerParts

  constructor(parts: PlannerParts) {
    this.#parts = parts
  }

  /** `joined`: first process of the container whose network namespace it has. */
  specification(record: ContainerRecord, image: Image, joined = 0): RuntimeSpec {
    const { facts, cgroups, paths } = this.#parts
    const firstId = firstIdOf(record.idRange)
    return makeSpecification({
      id: record.id,
      request: record.request,
      config: image.config,
      facts,
      cgroups: cgroups.version,
      cgroupsPath: `/${paths.kernelName}/${record.id}`,
      mounts: runtimeMounts(record.mounts, record.caller, firstId),
      firstId,
      joined,
    })
  }

  async plan(
    container: Container,
    spec: RuntimeSpec,
    { attached, joinNetwork }: { attached: boolean } & Pick<Placement, 'joinNetwork'>,
  ): Promise<Operation[]> {
    const { facts, cgroups, seccomp, networks } = this.#parts
    const { record, folder } = container
    const { endpoints } = networks.attachmentOf(container.id)
    const { request } = record
    const files = etcFiles(request, spec.hostname, {
      addresses: endpoints.flatMap(({ address, address6 }) => [address, ...(address6 === null ? [] : [address6])]),
      nameServers: networks.nameServersFor(endpoints),
      gateway: networks.gatewayFor(endpoints),
    })
    return makePlan(spec, {
      cgroup: cgroups.operations(container.id, spec.linux.resources),
      entersCgroup: cgroups.version === 'v1',
      layers: await this.#layers(record),
      upper: folder.upper,
      work: folder.work,
      isVolatile: request.autoRemove,
      scratch: facts.detachedLayers ? undefined : this.#scratch(),
      // A user's own /etc/hosts is the user's.
      files: files.filter((file) => !record.mounts.some(({ target }) => target === file.target)),
      seccompProgram: await seccomp.get(spec.linux.seccomp),
      socket: socketName(container.id),
      log: defaults.log,
      attached,
      openStdin: request.openStdin,
      recordOpens: request.recordOpens,
      links: networks.links(endpoints),
      joinNetwork,
      callerGroups: record.caller.groups,
      createdSources: new Set(record.mounts.filter(({ create }) => create).map(({ source }) => source)),
    })
  }

  async #layers(record: ContainerRecord): Promise<Layer[]> {
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
    const scratch = join(this.#parts.paths.run, 'layers')
    mkdirSync(scratch, { recursive: true, mode: 0o700 })
    return scratch
  }
}
