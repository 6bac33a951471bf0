/** Every error that the helper answers with: a stable reason, its JSON-RPC code, and the exit code of `bulkhead`. */

interface ErrorKind {
  /** JSON-RPC error code. -32000 and below are the protocol's own; ours begin at 1. */
  readonly code: number
  /** What `bulkhead` exits with, as Docker does. */
  readonly exitCode: number
}

export const errorKinds = {
  InvalidRequest: { code: 1, exitCode: 125 },
  ImageNotFound: { code: 2, exitCode: 125 },
  ContainerNotFound: { code: 3, exitCode: 1 },
  NameInUse: { code: 4, exitCode: 125 },
  ImageInUse: { code: 5, exitCode: 1 },
  WrongState: { code: 6, exitCode: 1 },
  NotPermitted: { code: 7, exitCode: 125 },
  CommandNotFound: { code: 8, exitCode: 127 },
  CommandNotExecutable: { code: 9, exitCode: 126 },
  LimitRefused: { code: 10, exitCode: 125 },
  StartFailed: { code: 11, exitCode: 125 },
  ArchiveInvalid: { code: 12, exitCode: 1 },
  DiskFull: { code: 13, exitCode: 125 },
  Unsupported: { code: 14, exitCode: 125 },
  Busy: { code: 15, exitCode: 125 },
  Unreachable: { code: 16, exitCode: 125 },
  Internal: { code: 17, exitCode: 125 },
  /** No answer: no such host, refused, no route, no TLS, silence. */
  RegistryUnreachable: { code: 18, exitCode: 1 },
  /** It answers 401 or 403. */
  RegistryDenied: { code: 19, exitCode: 1 },
  /** It answers something else that is of no use. */
  RegistryFailed: { code: 20, exitCode: 1 },
  /** What came is not what its digest or its type says. */
  ContentInvalid: { code: 21, exitCode: 1 },
  PathNotFound: { code: 22, exitCode: 1 },
  Cancelled: { code: 23, exitCode: 1 },
  /** A registry has no such image, or none for the platform. */
  NotInRegistry: { code: 24, exitCode: 1 },
  NetworkNotFound: { code: 25, exitCode: 1 },
  NetworkInUse: { code: 26, exitCode: 1 },
  /** An address, or a port of the host, that somebody has. */
  AddressInUse: { code: 27, exitCode: 125 },
  VolumeNotFound: { code: 28, exitCode: 1 },
  VolumeInUse: { code: 29, exitCode: 1 },
  /** Networks cannot be made here: no nftables, no bridges. */
  NetworkFailed: { code: 30, exitCode: 125 },
  CgroupNotFound: { code: 31, exitCode: 1 },
  NamespaceNotFound: { code: 32, exitCode: 1 },
  /** A process of the host, which may have ended. */
  ProcessNotFound: { code: 33, exitCode: 1 },
} as const satisfies Record<string, ErrorKind>

export type ErrorReason = keyof typeof errorKinds

/** An error for people: `message` says what failed, on what and why; `hint` what to do. */
export class BulkheadError extends Error {
  override readonly name = 'BulkheadError'
  readonly reason: ErrorReason
  readonly hint: string | undefined

  constructor(reason: ErrorReason, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.reason = reason
    this.hint = options.hint
  }

  get exitCode(): number {
    return errorKinds[this.reason].exitCode
  }
}

/** What goes over the wire in `error.data`. */
export interface ErrorData {
  readonly reason: ErrorReason
  readonly hint?: string
}

export interface WireError {
  readonly code: number
  readonly message: string
  readonly data: ErrorData
}

export function toWire(error: BulkheadError): WireError {
  const data = error.hint === undefined ? { reason: error.reason } : { reason: error.reason, hint: error.hint }
  return { code: errorKinds[error.reason].code, message: error.message, data }
}

/** The error that the other side sent; anything that is not one of ours becomes `Internal`. */
export function fromWire(error: unknown): BulkheadError {
  if (error instanceof BulkheadError) return error
  const { message, data } = error as { message?: unknown; data?: Partial<ErrorData> }
  const reason = data?.reason !== undefined && data.reason in errorKinds ? data.reason : 'Internal'
  const hint = typeof data?.hint === 'string' ? { hint: data.hint } : {}
  return new BulkheadError(reason, typeof message === 'string' ? message : String(error), { ...hint, cause: error })
}
