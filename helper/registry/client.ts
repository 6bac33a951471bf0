/** One repository of a registry (OCI distribution-spec 1.1): requests with authentication, retries and redirects. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Readable } from 'node:stream'
import { EnvHttpProxyAgent, request, type Dispatcher } from 'undici'
import * as z from 'zod'
import { limits } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Credentials } from '../protocol/imageSchemas.ts'
import { version } from '../version.ts'
import type { Endpoint } from './settings.ts'
import { Authentication } from './authentication.ts'
import { readLimited } from './body.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Readable
  readonly url: URL
}

export interface Ask {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below `/v2/REPOSITORY/`, or a whole address that the registry gave. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Made anew for each try. */
  readonly body?: () => Readable | Buffer
  /** Statuses that are an answer, and not an error. */
  readonly accept: readonly number[]
  /** Not to be repeated as it is: the caller begins anew. */
  readonly once?: boolean
  /** `pull`, or `pull,push`. */
  readonly actions?: string
}

const errorsSchema = z.object({
  errors: z.array(z.object({ code: z.string().optional(), message: z.string().optional() })),
})

const maxRedirects = 5
const mayPass = new Set([408, 425, 429, 500, 502, 503, 504])
const networkErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'UND_ERR_SOCKET',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
])

function codeOf(error: unknown): string {
  const { code, cause } = error as { code?: string; cause?: { code?: string } }
  return code ?? cause?.code ?? ''
}

/** Whether another try may fare better. */
export function isPassing(error: unknown): boolean {
  return networkErrors.has(codeOf(error))
}

export interface RepositoryOptions {
  readonly endpoint: Endpoint
  readonly registry: string
  readonly repository: string
  readonly credentials: Credentials | undefined
  readonly signal: AbortSignal
  /** Told before a pause. */
  readonly onRetry?: (why: string) => void
}

export class Repository {
  readonly options: RepositoryOptions
  readonly #dispatcher: Dispatcher
  readonly #authentication: Authentication
  #origin: string

  constructor(options: RepositoryOptions) {
    this.options = options
    const { endpoint } = options
    this.#origin = endpoint.origin
    this.#dispatcher = new EnvHttpProxyAgent({
      connect: { timeout: limits.registry.connect, ...(endpoint.ca !== undefined && { ca: endpoint.ca }) },
      headersTimeout: limits.registry.silence,
      bodyTimeout: limits.registry.silence,
    })
    const { credentials, registry, repository, signal } = options
    this.#authentication = new Authentication({
      credentials,
      registry,
      repository,
      signal,
      dispatcher: this.#dispatcher,
    })
  }

  /** The next token is to allow reading that repository, too: to mount a blob of it. */
  alsoPull(repository: string): void {
    this.#authentication.alsoPull.add(repository)
  }

  get label(): string {
    return `${this.options.registry}/${this.options.repository}`
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy()
  }

  /** @throws BulkheadError RegistryUnreachable, RegistryDenied, RegistryFailed; Cancelled */
  async ask(ask: Ask): Promise<Answer> {
    const most = ask.once === true ? 1 : limits.registry.tries
    for (let tries = 1; ; tries++) {
      let why: string
      let pause = limits.registry.pause * 2 ** (tries - 1)
      let cause: unknown
      try {
        const answer = await this.#askOnce(ask)
        if (!mayPass.has(answer.status) || ask.accept.includes(answer.status)) return await this.#check(ask, answer)
        why = `it answers ${answer.status}`
        const wait = Number(answer.headers['retry-after'])
        if (Number.isFinite(wait) && wait >= 0) pause = Math.min(wait, 60) * 1000
        if (tries >= most) return await this.#check(ask, answer)
        answer.body.resume()
      } catch (error) {
        if (this.options.signal.aborted) throw cancelled(error)
        if (error instanceof BulkheadError) throw error
        if (!isPassing(error) || tries >= most) throw unreachable(this.#origin, error)
        // Nobody there: no use in asking five times.
        if (codeOf(error) === 'ECONNREFUSED' && tries >= 2) throw unreachable(this.#origin, error)
        why = (error as Error).message
        cause = error
      }
      this.options.onRetry?.(why)
      await sleep(pause * (0.75 + Math.random() / 2), undefined, { signal: this.options.signal }).catch(() => {
        throw cancelled(cause)
      })
    }
  }

  async #askOnce(ask: Ask): Promise<Answer> {
    const url = new URL(
      /^https?:/.test(ask.path) ? ask.path : `${this.#origin}/v2/${this.options.repository}/${ask.path}`,
    )
    const actions = ask.actions ?? 'pull'
    try {
      let answer = await this.#send(ask, url, await this.#authentication.header(actions))
      if (answer.status === 401 && url.origin === this.#origin) {
        const challenge = answer.headers['www-authenticate']
        answer.body.resume()
        const header = await this.#authentication.answer(challenge, actions, url)
        if (header !== undefined) answer = await this.#send(ask, url, header)
      }
      return answer
    } catch (error) {
      // On a loopback address nobody may speak TLS: as with Docker, plain HTTP is fine there.
      const { mayFallBack } = this.options.endpoint
      const speaksNoTls = /^(?:EPROTO|ERR_SSL|ECONNRESET|UND_ERR_SOCKET)/.test(codeOf(error))
      if (!mayFallBack || !speaksNoTls || url.protocol !== 'https:') throw error
      this.#origin = this.#origin.replace('https:', 'http:')
      return await this.#askOnce(ask)
    }
  }

  /** Follows redirects. What belongs to the registry alone is not sent elsewhere. */
  async #send(ask: Ask, first: URL, authorization: string | undefined): Promise<Answer> {
    let url = first
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const isOwn = url.origin === this.#origin
      const body = ask.body?.()
      const response = await request(url, {
        method: ask.method,
        headers: {
          'user-agent': `bulkhead/${version}`,
          ...ask.headers,
          ...(isOwn && authorization !== undefined && { authorization }),
        },
        body: body ?? null,
        signal: this.options.signal,
        dispatcher: this.#dispatcher,
      })
      const headers = response.headers as Record<string, string | undefined>
      const { location } = headers
      const isRedirect = [301, 302, 303, 307, 308].includes(response.statusCode)
      if (!isRedirect || location === undefined)
        return { status: response.statusCode, headers, body: response.body, url }
      response.body.resume()
      const next = new URL(location, url)
      if (next.protocol !== 'https:' && next.protocol !== url.protocol)
        throw new BulkheadError(
          'RegistryFailed',
          `${url.host} redirects from ${url.protocol}// to ${next.protocol}//, which is not followed`,
          {
            hint: 'A redirect must not leave TLS: somebody in between may be at work.',
          },
        )
      url = next
    }
    throw new BulkheadError('RegistryFailed', `${first.host} redirects more than ${maxRedirects} times`)
  }

  /** The answer, when it is one; an error for people otherwise. */
  async #check(ask: Ask, answer: Answer): Promise<Answer> {
    if (ask.accept.includes(answer.status)) return answer
    const said = await messageOf(answer)
    const { registry, credentials } = this.options
    const what = `${this.label}: ${registry} answers ${answer.status}${said === '' ? '' : `, ${said}`}`
    switch (answer.status) {
      case 401:
      case 403:
        throw new BulkheadError('RegistryDenied', what, {
          hint:
            credentials === undefined
              ? `It may not exist, or need a login: docker login ${registry} (or podman login) keeps one that bulkhead uses.`
              : 'The credentials of your Docker configuration are not enough for this.',
        })
      case 404:
        throw new BulkheadError('NotInRegistry', what, { hint: 'Look at the name and the tag.' })
      case 429:
        throw new BulkheadError('RegistryFailed', what, {
          hint: 'Too many requests from this address: wait, or log in for a higher limit.',
        })
      default:
        throw new BulkheadError('RegistryFailed', what)
    }
  }
}

async function messageOf({ body, headers }: Answer): Promise<string> {
  const text = await readLimited(body, 64 * 1024).then(
    (bytes) => bytes.toString('utf8'),
    () => '',
  )
  if (headers['content-type']?.includes('json') !== true) return ''
  try {
    const { errors } = errorsSchema.parse(JSON.parse(text))
    return errors
      .map(({ code, message }) => message ?? code ?? '')
      .join('; ')
      .slice(0, 300)
  } catch {
    return ''
  }
}

export function cancelled(cause?: unknown): BulkheadError {
  return new BulkheadError('Cancelled', 'it was cancelled', { cause })
}

export function unreachable(origin: string, error: unknown): BulkheadError {
  const { message } = error as Error
  const certificate = /CERT|certificate|SELF_SIGNED|UNABLE_TO_VERIFY/i.test(`${codeOf(error)} ${message}`)
  return new BulkheadError(
    'RegistryUnreachable',
    `${origin} cannot be reached: ${(message || codeOf(error)).trim().split('\n')[0]}`,
    {
      hint: certificate
        ? 'Its certificate is not known here: name the authority as caFile in /etc/bulkhead/registries.json, or put it into /etc/docker/certs.d/HOST/ca.crt.'
        : 'Look at the name, the network, and the proxy variables of the helper (HTTPS_PROXY, NO_PROXY).',
      cause: error,
    },
  )
}
