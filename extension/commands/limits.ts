/** Limits as people write them: `memory=512m cpus=1.5 pids=100`. */
import * as vscode from 'vscode'
import { parseBytes } from '../../helper/protocol/text.ts'
import type { Resources } from '../../helper/protocol/schemas.ts'

function number(text: string): number | undefined {
  return /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined
}

const known = {
  memory: { parse: parseBytes, set: (value: number): Resources => ({ memory: value }) },
  cpus: { parse: number, set: (value: number): Resources => ({ cpus: value }) },
  pids: { parse: number, set: (value: number): Resources => ({ pidsLimit: value }) },
}

/** The limits, or what is wrong with the text. */
export function parseLimits(text: string): Resources | string {
  const resources: Resources = {}
  for (const word of text.trim().split(/\s+/).filter(Boolean)) {
    const [name = '', value = ''] = word.split('=')
    if (!Object.hasOwn(known, name)) return vscode.l10n.t('{0} is not a limit: there are memory, cpus and pids.', name)
    const { parse, set } = known[name as keyof typeof known]
    const parsed = parse(value)
    if (parsed === undefined)
      return vscode.l10n.t('{0} needs a value, such as memory=512m, cpus=1.5 or pids=100.', name)
    Object.assign(resources, set(parsed))
  }
  return resources
}
