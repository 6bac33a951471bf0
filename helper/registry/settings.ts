/** /etc/bulkhead/registries.json: mirrors, registries without TLS, and authorities of one's own. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { BulkheadError } from '../protocol/errors.ts'

const registrySchema = z.strictObject({
  /** Asked first, in this order: `https://mirror.example`. */
  mirrors: z.array(z.url({ protocol: /^https?$/ })).default([]),
  /** No TLS. */
  plainHttp: z.boolean().default(false),
  /** PEM file of the authority that signed its certificate. */
  caFile: z.string().optional(),
})
export type RegistrySettings = z.infer<typeof registrySchema>

const settingsSchema = z.strictObject({ registries: z.record(z.string(), registrySchema) })

/** Docker's own place for authorities. */
const dockerCertificates = '/etc/docker/certs.d'

/** Docker Hub answers under another name. */
const hubHost = 'registry-1.docker.io'

export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  return name === 'localhost' || name === '::1' || /^127(?:\.\d+){3}$/.test(name)
}

export interface Endpoint {
  /** `https://host:port` */
  readonly origin: string
  readonly ca: string | undefined
  /** TLS is tried first; plain HTTP when nobody there speaks it. */
  readonly mayFallBack: boolean
  readonly isMirror: boolean
}

export class RegistriesFile {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** Where a registry is asked, in order. Read anew each time: a change holds at once.
   * @throws BulkheadError InvalidRequest when the file is not valid */
  endpoints(registry: string): Endpoint[] {
    const settings = this.#read()[registry]
    const host = registry === 'docker.io' ? hubHost : registry
    const ca = this.#certificate(registry, settings)
    const loopback = isLoopback(host)
    const scheme = settings?.plainHttp === true ? 'http' : 'https'
    return [
      ...(settings?.mirrors ?? []).map((mirror) => ({
        origin: new URL(mirror).origin,
        ca,
        mayFallBack: false,
        isMirror: true,
      })),
      { origin: `${scheme}://${host}`, ca, mayFallBack: loopback && scheme === 'https', isMirror: false },
    ]
  }

  #certificate(registry: string, settings: RegistrySettings | undefined): string | undefined {
    if (settings?.caFile !== undefined) return readFileSync(settings.caFile, 'utf8')
    const path = join(dockerCertificates, registry, 'ca.crt')
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined
  }

  #read(): Readonly<Record<string, RegistrySettings>> {
    if (!existsSync(this.#path)) return {}
    try {
      return settingsSchema.parse(JSON.parse(readFileSync(this.#path, 'utf8'))).registries
    } catch (error) {
      const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message
      throw new BulkheadError('InvalidRequest', `${this.#path} is not valid: ${why}`, { cause: error })
    }
  }
}
