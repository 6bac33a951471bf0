/** A process in chosen namespaces of any other, with root's rights. Who may, the policy says. */
import { readFileSync } from 'node:fs'
import { socketName } from '../host/paths.ts'
import { ofProcess } from '../host/processes.ts'
import { defaults } from '../limits.ts'
import { idRanges } from '../namespaces/contents.ts'
import { cgroupPathIn } from '../namespaces/namespaces.ts'
import { numberIn, type ProcessTable } from '../namespaces/table.ts'
import { makeEnterPlan } from '../plan/enterPlan.ts'
import { flagOfType } from '../plan/kernel.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { EnterRequest } from '../protocol/namespaceSchemas.ts'
import { findShell } from '../protocol/shell.ts'
import type { Exec, Execs } from './exec.ts'
import { newId } from './names.ts'

/** The host's id of id 0 in a process's user namespace. */
function rootIn(pid: number, file: 'uid_map' | 'gid_map'): number {
  const text = ofProcess(pid, (folder) => readFileSync(`${folder}/${file}`, 'utf8')) ?? ''
  return idRanges(text).find(({ inside }) => inside === 0)?.outside ?? 0
}

/** Resolves when it runs. @throws BulkheadError ProcessNotFound, or which operation failed, and why */
export async function enter(execs: Execs, table: ProcessTable, request: EnterRequest): Promise<Exec> {
  const { pid, types, tty, rows, columns, openStdin, workingDirectory } = request
  const row = table.of(pid)
  const cgroup = ofProcess(pid, (folder) => cgroupPathIn(readFileSync(`${folder}/cgroup`, 'utf8')))
  if (row === undefined || cgroup === undefined)
    throw new BulkheadError('ProcessNotFound', `there is no process ${pid} whose namespaces may be entered`, {
      hint: 'It may have ended.',
    })
  const { host } = table
  // One that this process is in already need not be entered.
  const others = types.filter((type) => numberIn(row, type) !== numberIn(host, type))
  const entersUser = others.includes('user')
  const id = newId()
  const plan = makeEnterPlan(
    {
      args: request.command.length === 0 ? [...findShell] : request.command,
      env: [`PATH=${defaults.path}`, ...(tty ? ['TERM=xterm'] : [])],
      cwd: workingDirectory,
      terminal: tty,
      consoleSize: { height: rows, width: columns },
    },
    {
      ...{ pid, cgroup, openStdin, socket: socketName(id) },
      flags: others.reduce((all, type) => all | flagOfType[type], 0n),
      rootUid: entersUser ? rootIn(pid, 'uid_map') : 0,
      rootGid: entersUser ? rootIn(pid, 'gid_map') : 0,
    },
  )
  return await execs.launch(id, plan, { attached: true, what: `a command in namespaces of process ${pid}` })
}
