/** Errors of the kernel, as Node and the addon throw them. */
import { getSystemErrorMessage, getSystemErrorName } from 'node:util'
import { BulkheadError } from '../protocol/errors.ts'

export function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}

/** `ENOENT` for 2. */
export function errnoName(errno: number): string {
  return getSystemErrorName(-errno)
}

/** `no such file or directory` for 2. */
export function errnoMessage(errno: number): string {
  return getSystemErrorMessage(-errno) ?? errnoName(errno)
}

/** Any error as one for people. What is not foreseen is `Internal`, and keeps its cause for the log. */
export function toBulkheadError(error: unknown): BulkheadError {
  if (error instanceof BulkheadError) return error
  const message = error instanceof Error ? error.message : String(error)
  if (isErrno(error, 'ENOSPC', 'EDQUOT'))
    return new BulkheadError('DiskFull', `the disk is full: ${message}`, {
      hint: 'Free space below the helper’s state folder, by removing containers or images.',
      cause: error,
    })
  if (isErrno(error, 'EMFILE', 'ENFILE'))
    return new BulkheadError('Busy', `too many open files: ${message}`, {
      hint: 'Raise the helper’s limit (ulimit -n).',
      cause: error,
    })
  return new BulkheadError('Internal', message, { cause: error })
}
