/** The helper lets members of group bulkhead in: one is made for a test where there is none. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

let madeGroup = false

/** Its number. */
export function ensureGroup(): number {
  const find = (): string | undefined => /^bulkhead:[^:]*:(\d+)/m.exec(readFileSync('/etc/group', 'utf8'))?.[1]
  if (find() === undefined) {
    execFileSync('groupadd', ['--system', 'bulkhead'])
    madeGroup = true
  }
  return Number(find())
}

/** Where it was made by this process. */
export function dropGroup(): void {
  if (madeGroup) execFileSync('groupdel', ['bulkhead'])
  madeGroup = false
}
