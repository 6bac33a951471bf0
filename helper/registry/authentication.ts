/** Basic and token authentication, as registries ask for it (RFC 9110 section 11; Docker's token specification). */
import { request, type Dispatcher } from 'undici'
import * as z from 'zod'
import { BulkheadError } from '../protocol/errors.ts'
import type { Credentials } from '../protocol/imageSchemas.ts'
import { readLimited } from './body.ts'

const tokenSchema = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().optional(),
})

interface Challenge {
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

/** `Bearer realm="https://…",service="…"` */
export function parseChallenge(header: string): Challenge {
  const scheme = /^\s*([\w-]+)/.exec(header)?.[1]?.toLowerCase() ?? ''
  const parameters: Record<string, string> = {}
  for (const [, name, quoted, plain] of header.matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g))
    parameters[name!.toLowerCase()] = (quoted ?? plain ?? '').replaceAll(/\\(.)/g, '$1')
  return { scheme, parameters }
}

interface Options {
  readonly credentials: Credentials | undefined
  readonly registry: string
  readonly repository: string
  readonly signal: AbortSignal
  readonly dispatcher: Dispatcher
}

/** Milliseconds before its end at which a token is no longer used. */
const margin = 10_000

export class Authentication {
  readonly #options: Options
  readonly #tokens = new Map<string, { header: string; until: number }>()
  #basic: string | undefined
  /** Where a repository is mounted from, which a push needs to read. */
  readonly alsoPull = new Set<string>()

  constructor(options: Options) {
    this.#options = options
  }

  /** What is known to be wanted, without asking. */
  async header(actions: string): Promise<string | undefined> {
    const known = this.#tokens.get(actions)
    return known !== undefined && Date.now() < known.until - margin ? known.header : this.#basic
  }

  /** What a 401 asks for; undefined when there is nothing to give. `from`: the address that asks.
   * @throws BulkheadError RegistryDenied */
  async answer(header: string | undefined, actions: string, from: URL): Promise<string | undefined> {
    const { scheme, parameters } = parseChallenge(header ?? '')
    const { credentials } = this.#options
    if (scheme === 'basic') {
      if (credentials === undefined || !('username' in credentials)) return undefined
      this.#basic = basic(credentials)
      return this.#basic
    }
    if (scheme !== 'bearer' || parameters['realm'] === undefined) return undefined
    const token = await this.#token(new URL(parameters['realm'], from), parameters['service'], actions, from)
    this.#tokens.set(actions, token)
    return token.header
  }

  async #token(
    realm: URL,
    service: string | undefined,
    actions: string,
    from: URL,
  ): Promise<{ header: string; until: number }> {
    const { credentials, registry, signal, dispatcher } = this.#options
    if (realm.protocol !== 'https:' && realm.protocol !== from.protocol)
      throw new BulkheadError(
        'RegistryDenied',
        `${registry} wants its token fetched without TLS, from ${realm.origin}: credentials are not sent there`,
      )
    const scopes = [
      `repository:${this.#options.repository}:${actions}`,
      ...[...this.alsoPull].map((repository) => `repository:${repository}:pull`),
    ]
    if (service !== undefined) realm.searchParams.append('service', service)
    for (const scope of scopes) realm.searchParams.append('scope', scope)
    const isRefresh = credentials !== undefined && 'identityToken' in credentials
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      service: service ?? '',
      client_id: 'bulkhead',
      scope: scopes.join(' '),
      ...(isRefresh && { refresh_token: credentials.identityToken }),
    })
    const response = await request(isRefresh ? new URL(realm.pathname, realm.origin) : realm, {
      method: isRefresh ? 'POST' : 'GET',
      headers: {
        ...(isRefresh && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...(credentials !== undefined && 'username' in credentials && { authorization: basic(credentials) }),
      },
      body: isRefresh ? form.toString() : null,
      signal,
      dispatcher,
    })
    const text = (await readLimited(response.body, 1024 * 1024)).toString('utf8')
    if (response.statusCode !== 200)
      throw new BulkheadError(
        'RegistryDenied',
        `${registry} gives no token for ${this.#options.repository}: ${realm.host} answers ${response.statusCode}`,
        {
          hint:
            credentials === undefined
              ? `It may need a login: docker login ${registry} (or podman login) keeps one that bulkhead uses.`
              : 'User name or password of your Docker configuration may be out of date: log in again.',
        },
      )
    const { token, access_token: other, expires_in: seconds = 60 } = tokenSchema.parse(JSON.parse(text))
    const value = token ?? other
    if (value === undefined) throw new BulkheadError('RegistryFailed', `${realm.host} answers without a token`)
    return { header: `Bearer ${value}`, until: Date.now() + seconds * 1000 }
  }
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}
