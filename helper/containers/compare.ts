/** Which namespaces two processes have in common. */
import { describeProcess } from '../host/processes.ts'
import type { Namespaces } from '../namespaces/namespaces.ts'
import { numberIn, type Row } from '../namespaces/table.ts'
import { BulkheadError } from '../protocol/errors.ts'
import { namespaceTypes } from '../protocol/kernelWords.ts'
import type { CheckedParams } from '../protocol/methods.ts'
import type { Comparison } from '../protocol/namespaceSchemas.ts'
import type { Containers } from './containers.ts'

interface Parts {
  readonly containers: Containers
  readonly namespaces: Namespaces
}

type Reference = CheckedParams<'namespaces/compare'>['left']

interface Side {
  readonly name: string
  /** As whom its own processes are known. */
  readonly owner: string
  readonly pid: number
  readonly row: Row
}

function sideOf({ containers, namespaces }: Parts, reference: Reference): Side {
  const { table } = namespaces
  if ('host' in reference) return { name: 'host', owner: 'host', pid: process.pid, row: table.host }
  const container = 'container' in reference ? containers.get(reference.container) : undefined
  container?.requireRunning('compared')
  const pid = 'pid' in reference ? reference.pid : container!.summary().pid
  const row = table.of(pid)
  const command = describeProcess(pid)?.command
  if (row === undefined || command === undefined)
    throw new BulkheadError('ProcessNotFound', `there is no process ${pid} whose namespaces may be seen`, {
      hint: 'It may have ended.',
    })
  if (container !== undefined) return { name: container.record.name, owner: container.record.name, pid, row }
  const owner = namespaces.ownerOf(pid)?.name ?? 'host'
  return { name: `${command.split(' ')[0]} (${pid})`, owner, pid, row }
}

/** @throws BulkheadError ContainerNotFound, WrongState, ProcessNotFound */
export async function compare(parts: Parts, left: Reference, right: Reference): Promise<Comparison> {
  const { namespaces } = parts
  const [a, b] = [sideOf(parts, left), sideOf(parts, right)]
  await namespaces.refresh()
  return {
    left: { name: a.name, pid: a.pid },
    right: { name: b.name, pid: b.pid },
    rows: namespaceTypes
      .filter((type) => numberIn(a.row, type) !== 0)
      .map((type) => {
        const [inA, inB] = [numberIn(a.row, type), numberIn(b.row, type)]
        return {
          ...{ type, left: inA, right: inB, shared: inA === inB },
          leftOthers: namespaces.othersIn(type, inA, a.owner),
          rightOthers: namespaces.othersIn(type, inB, b.owner),
        }
      }),
  }
}
