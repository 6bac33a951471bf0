/** An operation that the kernel refused, as an error for people. */
import { errnoMessage, errnoName } from '../host/errno.ts'
import { describe } from '../plan/describe.ts'
import type { Operation } from '../plan/operations.ts'
import { BulkheadError, type ErrorReason } from '../protocol/errors.ts'

interface Failure {
  readonly operation: Operation
  readonly errno: number
  /** What it was done to, in the watcher's words. */
  readonly on: string
}

interface Explanation {
  readonly reason: ErrorReason
  readonly hint?: string
}

function explain({ operation, errno }: Failure): Explanation {
  const code = errnoName(errno)
  if (code === 'ENOSPC' && operation.operation !== 'create cgroup')
    return { reason: 'DiskFull', hint: 'Free space below the helper’s state folder.' }
  if (code === 'ENOMEM') return { reason: 'LimitRefused', hint: 'Give the container a larger memory limit.' }
  switch (operation.operation) {
    case 'exec':
      if (code === 'ENOENT' || code === 'ENOTDIR')
        return { reason: 'CommandNotFound', hint: 'Check the command’s name and the PATH inside the image.' }
      return {
        reason: 'CommandNotExecutable',
        ...(code === 'EACCES' && { hint: 'It must be a file with its executable bit set.' }),
        ...(code === 'ENOEXEC' && {
          hint: 'It is not a program for this processor, nor a script that begins with #!.',
        }),
      }
    case 'set working directory':
      return { reason: 'CommandNotExecutable', hint: 'The working directory must be a directory inside the container.' }
    case 'set cgroup limit':
      return { reason: 'LimitRefused', hint: 'The kernel does not take this value here: see cgroups(7).' }
    case 'set user':
      return {
        reason: 'CommandNotExecutable',
        hint: 'The user must be in the image’s /etc/passwd, or a number up to 65535.',
      }
    case 'join container':
      return { reason: 'WrongState' }
    case 'add layer':
      return {
        reason: 'StartFailed',
        ...(code === 'EINVAL' && {
          hint: 'This file system has no id-mapped mounts: use --userns host, or another state folder.',
        }),
      }
    case 'mount':
    case 'bind device':
    case 'mask path':
    case 'make path read-only':
      return {
        reason: 'StartFailed',
        ...(code === 'ELOOP' && { hint: 'The image has a symbolic link where a kernel file system goes.' }),
      }
    default:
      return { reason: 'StartFailed' }
  }
}

export function startFailure(failure: Failure): BulkheadError {
  const { operation, errno, on } = failure
  const object = on === '' ? describe(operation) : on
  const { reason, hint } = explain(failure)
  const message = `${operation.operation}${object === '' ? '' : ` ${object}`}: ${errnoMessage(errno)}`
  return new BulkheadError(reason, message, hint === undefined ? {} : { hint })
}
