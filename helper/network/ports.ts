/** Ports of the host that are kept for containers: bound and never listened on, so that nobody else takes them. */
import { closeSync } from 'node:fs'
import type { Native } from '../host/native.ts'
import { isErrno } from '../host/errno.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { PublishedPort, PublishRequest } from '../protocol/networkSchemas.ts'

function refused(error: unknown, { hostIp, hostPort, protocol }: PublishRequest): unknown {
  const port = `port ${hostIp === '' ? '' : `${hostIp}:`}${hostPort}/${protocol} of the host`
  if (isErrno(error, 'EADDRINUSE'))
    return new BulkheadError('AddressInUse', `${port} is in use`, {
      hint: `See who has it: ss -lp${protocol === 'tcp' ? 't' : 'u'}n, or bulkhead ps. Or publish another one.`,
      cause: error,
    })
  if (isErrno(error, 'EADDRNOTAVAIL'))
    return new BulkheadError('InvalidRequest', `${hostIp} is not an address of this machine`, { cause: error })
  return error
}

export class Ports {
  readonly #native: Native
  /** Descriptors by container. */
  readonly #held = new Map<string, number[]>()

  constructor(native: Native) {
    this.#native = native
  }

  /** All or none. `with6`: those without an address of the host are kept in IPv6, too.
   * @throws BulkheadError AddressInUse that names the port */
  reserve(container: string, requests: readonly PublishRequest[], with6: boolean): PublishedPort[] {
    const descriptors = this.#held.get(container) ?? []
    this.#held.set(container, descriptors)
    try {
      return requests.map((request) => {
        const [first, ...further] = request.hostIp === '' ? ['0.0.0.0', ...(with6 ? ['::'] : [])] : [request.hostIp]
        const hostPort = this.#reserveOne(request, first, request.hostPort, descriptors)
        for (const address of further) this.#reserveOne(request, address, hostPort, descriptors)
        return { ...request, hostPort }
      })
    } catch (error) {
      this.release(container)
      throw error
    }
  }

  release(container: string): void {
    for (const descriptor of this.#held.get(container) ?? []) closeSync(descriptor)
    this.#held.delete(container)
  }

  #reserveOne(request: PublishRequest, address: string, hostPort: number, descriptors: number[]): number {
    try {
      const { port, descriptor } = this.#native.addon.reservePort(request.protocol, address, hostPort)
      descriptors.push(descriptor)
      return port
    } catch (error) {
      throw refused(error, request)
    }
  }
}
