/** Opens a connection to the helper over its Unix socket. */
import { WebSocket } from 'ws'
import { defaultSocket } from '../protocol/address.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { Client } from './client.ts'

/** Why there is no connection: told apart, since each is mended in another way. */
export type ConnectFailure = 'absent' | 'notPermitted' | 'other'

export class ConnectError extends BulkheadError {
  readonly failure: ConnectFailure

  constructor(failure: ConnectFailure, message: string, options: { hint?: string; cause?: unknown }) {
    super('Unreachable', message, options)
    this.failure = failure
  }
}

const joinGroup = 'Join its group, and log in again: sudo usermod -aG bulkhead $USER'

function explain(error: Error & { code?: string }, path: string): ConnectError {
  switch (error.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new ConnectError('absent', `no helper listens on ${path}`, {
        hint: 'Start it: sudo bulkhead helper',
        cause: error,
      })
    case 'EACCES':
    case 'EPERM':
      return new ConnectError('notPermitted', `you may not use ${path}`, { hint: joinGroup, cause: error })
    default:
      return new ConnectError('other', `cannot reach the helper on ${path}: ${error.message}`, { cause: error })
  }
}

/** @throws ConnectError */
export function connect(path: string = defaultSocket): Promise<Client> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws+unix://${path}:/`, { perMessageDeflate: false, handshakeTimeout: 5_000 })
    const onError = (error: Error): void => reject(explain(error, path))
    socket.once('error', onError)
    socket.once('unexpected-response', (_request, response) => {
      const refused = response.statusCode === 403
      response.resume()
      socket.terminate()
      reject(
        refused
          ? new ConnectError('notPermitted', `the helper on ${path} refuses you`, { hint: joinGroup })
          : new ConnectError('other', `${path} answers as something else than the helper (${response.statusCode})`, {}),
      )
    })
    socket.once('open', () => {
      socket.off('error', onError)
      resolve(new Client(socket))
    })
  })
}
