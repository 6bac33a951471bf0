import { BulkheadError } from '../protocol/errors.ts'
import type { Container } from './container.ts'

/** By name, id, or the beginning of an id. @throws BulkheadError ContainerNotFound */
export function findContainer(all: readonly Container[], reference: string): Container {
  const named = all.find(({ id, record }) => id === reference || record.name === reference)
  if (named !== undefined) return named
  const [match, ...others] = /^[0-9a-f]+$/.test(reference) ? all.filter(({ id }) => id.startsWith(reference)) : []
  if (match === undefined)
    throw new BulkheadError('ContainerNotFound', `no container ${reference}`, {
      hint: 'bulkhead ps -a lists all there are.',
    })
  if (others.length > 0)
    throw new BulkheadError(
      'ContainerNotFound',
      `${others.length + 1} containers have an id that begins with ${reference}`,
      { hint: 'Give more of the id, or the name.' },
    )
  return match
}
