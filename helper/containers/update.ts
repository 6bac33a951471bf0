/** Changes a container's limits, at once where it runs: all of them, or none. */
import type { Cgroups } from '../cgroups/cgroups.ts'
import { isErrno } from '../host/errno.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { RestartPolicy } from '../protocol/lifecycleSchemas.ts'
import type { Resources } from '../protocol/schemas.ts'
import type { Container } from './container.ts'
import { runtimeResources } from './specification.ts'

function refused(error: unknown, { label }: Container): unknown {
  if (isErrno(error, 'EBUSY'))
    return new BulkheadError('LimitRefused', `${label} uses more than that already`, {
      hint: 'Give a larger limit, or have it use less first.',
      cause: error,
    })
  if (isErrno(error, 'ENOENT'))
    return new BulkheadError(
      'LimitRefused',
      `${label} was started without this kind of limit, which it cannot get now`,
      {
        hint: 'On cgroup v1, sets of processors and limits of disks are for containers that begin with one. Make it anew with the limit.',
        cause: error,
      },
    )
  if (isErrno(error, 'EINVAL', 'ERANGE'))
    return new BulkheadError('LimitRefused', `the kernel refuses a limit for ${label}: ${String(error)}`, {
      cause: error,
    })
  return error
}

export function update(
  cgroups: Cgroups,
  container: Container,
  { resources: changes, restart }: { resources: Resources; restart: RestartPolicy | undefined },
): void {
  const { request } = container.record
  if (restart !== undefined && restart.name !== 'no' && request.autoRemove)
    throw new BulkheadError('InvalidRequest', 'a container that is removed when it ends cannot be restarted')
  const resources = { ...request.resources, ...changes }
  const wanted = runtimeResources(resources)
  cgroups.operations(container.id, wanted) // refuses what this kernel does not offer
  if (container.runs) {
    try {
      cgroups.change(container.id, wanted)
    } catch (error) {
      cgroups.change(container.id, runtimeResources(request.resources))
      throw refused(error, container)
    }
  }
  container.change({ request: { ...request, resources, ...(restart !== undefined && { restart }) } })
  if (restart?.name === 'no') container.cancelRestart()
  container.publish('update')
}
