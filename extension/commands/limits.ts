/** Limits and other settings as people write them: `memory=512m cpus=1.5 name=web`. */
import * as vscode from 'vscode'
import { parseBytes, parseRestart } from '../../helper/protocol/text.ts'
import type { Params } from '../../helper/protocol/methods.ts'
import type { Resources } from '../../helper/protocol/schemas.ts'

type Request = Partial<Params<'containers/run'>>

function number(text: string): number | undefined {
  return /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined
}

const limits = {
  memory: { parse: parseBytes, set: (value: number): Resources => ({ memory: value }) },
  cpus: { parse: number, set: (value: number): Resources => ({ cpus: value }) },
  pids: { parse: number, set: (value: number): Resources => ({ pidsLimit: value }) },
}

/** What a word says of a container; undefined for a value that is none. */
const others: Readonly<Record<string, (value: string) => Request | undefined>> = {
  name: (name) => ({ name }),
  network: (network) => ({ network }),
  user: (user) => ({ user }),
  workdir: (workingDirectory) => ({ workingDirectory }),
  hostname: (hostname) => ({ hostname }),
  env: (entry) => (/^[^=]+=/.test(entry) ? { env: [entry] } : undefined),
  restart: (text) => {
    const policy = parseRestart(text)
    return policy === undefined ? undefined : { restart: policy }
  },
}

function words(text: string): [name: string, value: string][] {
  return text
    .trim()
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => word.split(/=(.*)/s, 2) as [string, string])
}

function limit(name: string, value = ''): Resources | string | undefined {
  if (!Object.hasOwn(limits, name)) return undefined
  const { parse, set } = limits[name as keyof typeof limits]
  const parsed = parse(value)
  return parsed === undefined
    ? vscode.l10n.t('{0} needs a value, such as memory=512m, cpus=1.5 or pids=100.', name)
    : set(parsed)
}

/** The limits, or what is wrong with the text. */
export function parseLimits(text: string): Resources | string {
  const resources: Resources = {}
  for (const [name, value] of words(text)) {
    const found = limit(name, value)
    if (typeof found === 'string') return found
    if (found === undefined) return vscode.l10n.t('{0} is not a limit: there are memory, cpus and pids.', name)
    Object.assign(resources, found)
  }
  return resources
}

/** Limits, name, network and so on, or what is wrong with the text. */
export function parseOptions(text: string): Request | string {
  const request: Request & { resources: Resources } = { resources: {} }
  const env: string[] = []
  for (const [name, value = ''] of words(text)) {
    const found = limit(name, value)
    if (typeof found === 'string') return found
    if (found !== undefined) {
      Object.assign(request.resources, found)
      continue
    }
    if (!Object.hasOwn(others, name))
      return vscode.l10n.t(
        '{0} is no option: there are {1}.',
        name,
        [...Object.keys(limits), ...Object.keys(others)].join(', '),
      )
    const set = value === '' ? undefined : others[name]!(value)
    if (set === undefined)
      return vscode.l10n.t('{0} needs a value, such as name=web, env=A=b or restart=on-failure:3.', name)
    env.push(...(set.env ?? []))
    Object.assign(request, set)
  }
  return env.length === 0 ? request : { ...request, env }
}

/** As `parseLimits` reads them. */
export function formatLimits({ memory, cpus, pidsLimit }: Resources): string {
  const bytes = (value: number): string => (value % 1024 ** 2 === 0 ? `${value / 1024 ** 2}m` : `${value}b`)
  return [
    ...(memory === undefined ? [] : [`memory=${bytes(memory)}`]),
    ...(cpus === undefined ? [] : [`cpus=${cpus}`]),
    ...(pidsLimit === undefined || pidsLimit < 0 ? [] : [`pids=${pidsLimit}`]),
  ].join(' ')
}
