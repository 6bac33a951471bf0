/** Whom a cgroup belongs to, as engines and systemd name them: their own documents say so, and nothing else is asked. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isErrno } from '../host/errno.ts'
import type { Owner } from '../protocol/cgroupSchemas.ts'
import { isContainer } from '../protocol/kernelWords.ts'

const id = '[0-9a-f]{64}'

/** The last part of a path, or several, and what they say. Engines with the systemd driver write scopes, with cgroupfs plain
 * directories. */
const patterns: readonly (readonly [RegExp, Owner['kind']])[] = [
  [new RegExp(`/docker-(${id})\\.scope$`), 'docker'],
  [new RegExp(`/docker/(?:buildx/)?(${id})$`), 'docker'],
  [new RegExp(`/cri-containerd-(${id})\\.scope$`), 'kubernetes'],
  [new RegExp(`/crio-(?:conmon-)?(${id})(?:\\.scope)?$`), 'cri-o'],
  [new RegExp(`/kubepods(?:/[^/]+)*/pod[^/]+/(${id})$`), 'kubernetes'],
  [new RegExp(`/libpod-(?:conmon-)?(${id})(?:\\.scope)?$`), 'podman'],
  [new RegExp(`/libpod_parent/(?:libpod-)?(${id})$`), 'podman'],
  [new RegExp(`/nerdctl-(${id})\\.scope$`), 'containerd'],
  [new RegExp(`^/(?:default|k8s\\.io|moby|nerdctl)/(${id})$`), 'containerd'],
  [/^\/(?:lxc\.payload\.|lxc\.payload\/|lxc\/)([^/]+)$/, 'lxc'],
  [/\/lxc\.payload\.([^/]+)$/, 'lxc'],
  [/\/machine\.slice\/machine-([^/]+)\.scope$/, 'nspawn'],
  [/\/machine\.slice\/systemd-nspawn@([^/]+)\.service$/, 'nspawn'],
  [/\/([^/]+)\.service$/, 'service'],
  [/\/([^/]+)\.scope$/, 'scope'],
  [/\/([^/]+)\.slice$/, 'slice'],
]

/** `\x2d` of a unit's name is a character that has a meaning there (systemd.unit(5)). */
function unescaped(name: string): string {
  return name.replaceAll(/\\x([0-9a-f]{2})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
}

/** By its path alone; null for one that nobody is known by. */
export function ownerOfPath(path: string): Owner | null {
  for (const [pattern, kind] of patterns) {
    const name = pattern.exec(path)?.[1]
    if (name === undefined) continue
    if (isContainer({ kind }) && new RegExp(`^${id}$`).test(name)) return { kind, id: name, name: name.slice(0, 12) }
    if (isContainer({ kind })) return { kind, id: name, name: unescaped(name) }
    return { kind, name: `${unescaped(name)}.${kind}` }
  }
  return null
}

function document(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined // not there, not ours to read, or being written: the id has to do
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES', 'ENOTDIR')) return []
    throw error
  }
}

/** Where engines keep their state, for tests to move. */
export interface EngineState {
  readonly docker: string
  readonly podman: string
  readonly containerd: string
  readonly runc: string
}

/** Docker's, which its administrator may have moved. */
function dockerRoot(): string {
  const { 'data-root': moved } = (document('/etc/docker/daemon.json') ?? {}) as { 'data-root'?: unknown }
  return typeof moved === 'string' ? moved : '/var/lib/docker'
}

export const engineState: EngineState = {
  docker: join(dockerRoot(), 'containers'),
  podman: '/var/lib/containers/storage/overlay-containers/containers.json',
  containerd: '/run/containerd/io.containerd.runtime.v2.task',
  runc: '/run/runc',
}

/** Milliseconds for which an answer holds. Nobody's may be a container whose engine has not written it down yet. */
const ownedFor = 60_000
const unownedFor = 1_000

/** How their engines call containers. Read once each: an engine's container is not called otherwise later, but for Docker's
 * `rename`, which is seen after a minute. */
export class Owners {
  readonly #state: EngineState
  readonly #ours: (path: string) => Owner | undefined
  readonly #known = new Map<string, { readonly owner: Owner | null; readonly until: number }>()
  #runc = { names: new Map<string, string>(), until: 0 }

  /** `ours`: of a cgroup that is a container's of this helper. */
  constructor(ours: (path: string) => Owner | undefined, state = engineState) {
    this.#ours = ours
    this.#state = state
  }

  /** Of a cgroup itself. */
  of(path: string): Owner | null {
    const ours = this.#ours(path)
    if (ours !== undefined) return ours
    const known = this.#known.get(path)
    if (known !== undefined && known.until > Date.now()) return known.owner
    const found = ownerOfPath(path) ?? this.#runcOwner(path)
    const owner = found === null ? null : { ...found, name: this.#nameOf(found) ?? found.name }
    if (this.#known.size > 20_000) this.#known.clear()
    this.#known.set(path, { owner, until: Date.now() + (owner === null ? unownedFor : ownedFor) })
    return owner
  }

  /** Of a cgroup or of the nearest one above it: a container's, if there is one. */
  ofProcess(path: string): Owner | null {
    const above = path.split('/').map((_part, at, parts) => parts.slice(0, parts.length - at).join('/'))
    const owners = above.filter(Boolean).flatMap((part) => this.of(part) ?? [])
    return owners.find(isContainer) ?? owners[0] ?? null
  }

  #nameOf({ kind, id: container }: Owner): string | undefined {
    if (container === undefined) return undefined
    switch (kind) {
      case 'docker': {
        const config = document(join(this.#state.docker, container, 'config.v2.json')) as { Name?: string } | undefined
        return config?.Name?.replace(/^\//, '')
      }
      case 'podman': {
        const all = document(this.#state.podman) as { id?: string; names?: string[] }[] | undefined
        return Array.isArray(all) ? all.find((one) => one.id === container)?.names?.[0] : undefined
      }
      case 'kubernetes':
      case 'containerd':
      case 'cri-o': {
        const config = entries(this.#state.containerd)
          .map((namespace) => document(join(this.#state.containerd, namespace, container, 'config.json')))
          .find((found) => found !== undefined) as { annotations?: Record<string, string> } | undefined
        const { annotations = {} } = config ?? {}
        const pod = annotations['io.kubernetes.cri.sandbox-name'] ?? annotations['io.kubernetes.pod.name']
        const name = annotations['io.kubernetes.cri.container-name'] ?? annotations['nerdctl/name']
        return pod === undefined ? name : [pod, name ?? 'pause'].join('/')
      }
      default:
        return undefined
    }
  }

  /** runc's containers may have any cgroup: which one, it writes down. Read once for all that are asked about together. */
  #runcOwner(path: string): Owner | null {
    if (this.#runc.until < Date.now())
      this.#runc = { names: runcNames(this.#state.runc), until: Date.now() + unownedFor }
    const name = this.#runc.names.get(path)
    return name === undefined ? null : { kind: 'runc', name, id: name }
  }
}

/** Names of runc's containers by their cgroups: of v2 under no controller, of v1 each below its hierarchy's mount point. */
function runcNames(root: string): Map<string, string> {
  const names = new Map<string, string>()
  for (const name of entries(root)) {
    const state = document(join(root, name, 'state.json')) as { cgroup_paths?: Record<string, unknown> } | undefined
    for (const [controller, path] of Object.entries(state?.cgroup_paths ?? {})) {
      const mountPoint = controller === '' ? /^\/sys\/fs\/cgroup(?=\/)/ : /^\/sys\/fs\/cgroup\/[^/]+(?=\/)/
      if (typeof path === 'string' && mountPoint.test(path)) names.set(path.replace(mountPoint, ''), name)
    }
  }
  return names
}
