/** Names of images, as Docker writes and reads them (distribution/reference): `[registry/]repository[:tag][@digest]`. */

export interface Reference {
  /** Host and port: `docker.io` where none was given. */
  readonly registry: string
  /** Path below the registry: `library/debian`. */
  readonly repository: string
  readonly tag: string | undefined
  /** `sha256:...` */
  readonly digest: string | undefined
}

export const dockerHub = 'docker.io'
const official = 'library/'

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const host = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\\[[0-9a-fA-F:]+\\])(?::[0-9]{1,5})?'
const pattern = new RegExp(
  `^(?:(?<host>${host})/)?(?<path>${component}(?:/${component})*)(?::(?<tag>\\w[\\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$`,
)

/** The first part of a name is a host when it could not be a part of a repository's. */
function isHost(text: string): boolean {
  return text === 'localhost' || /[.:[]/.test(text) || text !== text.toLowerCase()
}

/** Undefined for what is no name. A tag of `latest` is understood where neither tag nor digest is given. */
export function parseReference(text: string): Reference | undefined {
  if (text.length > 400) return undefined
  const slash = text.indexOf('/')
  const first = slash < 0 ? '' : text.slice(0, slash)
  const named = isHost(first) ? text : `${dockerHub}/${text}`
  const groups = pattern.exec(named)?.groups
  if (groups?.['host'] === undefined) return undefined
  const hub = groups['host'] === 'index.docker.io' ? dockerHub : groups['host']
  const path = groups['path']!
  const { tag, digest } = groups
  if (path.length > 255 || /^[0-9a-f]{64}$/.test(path)) return undefined
  return {
    registry: hub,
    repository: hub === dockerHub && !path.includes('/') ? official + path : path,
    tag: tag ?? (digest === undefined ? 'latest' : undefined),
    digest,
  }
}

/** `debian`, `ghcr.io/owner/name`: without what is understood. */
export function familiarRepository({ registry, repository }: Reference): string {
  if (registry !== dockerHub) return `${registry}/${repository}`
  return repository.startsWith(official) ? repository.slice(official.length) : repository
}

/** The one way in which a name is written by us: `debian:12`, `ghcr.io/owner/name:1`, `debian@sha256:...`. */
export function familiarName(reference: Reference): string {
  const { tag, digest } = reference
  const repository = familiarRepository(reference)
  return digest !== undefined ? `${repository}@${digest}` : `${repository}:${tag ?? 'latest'}`
}
