/** Who may weaken a container's walls: root, and whoever /etc/bulkhead/policy.json names. */
import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { isErrno } from '../host/errno.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { RunRequest } from '../protocol/schemas.ts'

/** What each opens, for whoever reads why it is refused. */
const opens = {
  'network=host': 'it opens the host to the container',
  'userns=host': 'it opens the host to the container',
  cgroups: 'it changes what is not Bulkhead’s',
  enter: 'it gives root’s rights in the namespaces of others',
} as const

const grant = z.enum(Object.keys(opens) as (keyof typeof opens)[])
export type Grant = z.infer<typeof grant>

const policySchema = z.strictObject({
  rules: z.array(
    z.strictObject({
      uids: z.array(z.int().min(0)).default([]),
      gids: z.array(z.int().min(0)).default([]),
      allow: z.array(grant),
    }),
  ),
})

/** Who asks, as the kernel says: SO_PEERCRED and SO_PEERGROUPS. */
export interface Caller {
  readonly pid: number
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
}

export function grantsFor(request: RunRequest): Grant[] {
  const grants: Grant[] = []
  if (request.network === 'host') grants.push('network=host')
  if (request.userns === 'host') grants.push('userns=host')
  return grants
}

export class Policy {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** Read anew each time: a change holds at once. @throws BulkheadError NotPermitted */
  require(caller: Caller, grants: readonly Grant[]): void {
    if (caller.uid === 0 || grants.length === 0) return
    const rules = this.#rules()
    const groups = new Set([caller.gid, ...caller.groups])
    for (const wanted of grants) {
      const allowed = rules.some(
        ({ uids, gids, allow }) =>
          allow.includes(wanted) && (uids.includes(caller.uid) || gids.some((gid) => groups.has(gid))),
      )
      if (!allowed)
        throw new BulkheadError(
          'NotPermitted',
          `user ${caller.uid} may not use ${wanted.replace('=', ' ')}: ${opens[wanted]}`,
          {
            hint: `An administrator can allow it in ${this.#path}: {"rules":[{"uids":[${caller.uid}],"allow":["${wanted}"]}]}`,
          },
        )
    }
  }

  #rules(): z.infer<typeof policySchema>['rules'] {
    let text: string
    try {
      text = readFileSync(this.#path, 'utf8')
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return []
      throw error
    }
    try {
      return policySchema.parse(JSON.parse(text)).rules
    } catch (error) {
      throw new BulkheadError('NotPermitted', `${this.#path} cannot be read as a policy, so nothing is allowed by it`, {
        cause: error,
      })
    }
  }
}
