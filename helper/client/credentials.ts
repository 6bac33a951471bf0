/** The caller's own credentials, from where Docker and Podman keep them. They are read with the caller's rights, and go to
 * the helper with the one request that needs them. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod/mini' // the editor's bundle has it, too
import { BulkheadError } from '../protocol/errors.ts'
import type { Credentials } from '../protocol/imageSchemas.ts'
import { dockerHub, parseReference } from '../protocol/reference.ts'

const text = z.optional(z.string())
const configSchema = z.looseObject({
  auths: z.optional(
    z.record(z.string(), z.looseObject({ auth: text, username: text, password: text, identitytoken: text })),
  ),
  credsStore: text,
  credHelpers: z.optional(z.record(z.string(), z.string())),
})
type Config = z.infer<typeof configSchema>

/** How Docker calls Docker Hub in its configuration. */
const hubKey = 'https://index.docker.io/v1/'

const helperAnswer = z.object({ Username: z.string(), Secret: z.string() })

function candidates(): string[] {
  const docker = process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker')
  const runtime = process.env['XDG_RUNTIME_DIR']
  return [
    ...(process.env['REGISTRY_AUTH_FILE'] === undefined ? [] : [process.env['REGISTRY_AUTH_FILE']]),
    join(docker, 'config.json'),
    ...(runtime === undefined ? [] : [join(runtime, 'containers/auth.json')]),
  ]
}

function read(path: string): Config | undefined {
  if (!existsSync(path)) return undefined
  try {
    return configSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    throw new BulkheadError('InvalidRequest', `${path} is not valid: ${(error as Error).message}`, {
      hint: 'Mend it, or move it away to go on without credentials.',
      cause: error,
    })
  }
}

function keysOf(registry: string): string[] {
  return registry === dockerHub
    ? [hubKey, 'index.docker.io', dockerHub]
    : [registry, `https://${registry}`, `http://${registry}`]
}

/** Runs a credential helper (docker-credential-NAME get), which must have no more in its name than letters and the like. */
function ask(helper: string, key: string): Promise<Credentials | undefined> {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/.test(helper))
    throw new BulkheadError('InvalidRequest', `${helper} is no name of a credential helper`)
  return new Promise((resolve) => {
    const child = execFile(
      `docker-credential-${helper}`,
      ['get'],
      { timeout: 30_000, encoding: 'utf8' },
      (error, stdout) => {
        // It says so with an exit code when it knows nothing of that registry.
        const parsed = error === null ? helperAnswer.safeParse(safeJson(stdout)) : undefined
        if (parsed?.success !== true) return resolve(undefined)
        const { Username: username, Secret: secret } = parsed.data
        resolve(username === '<token>' ? { identityToken: secret } : { username, password: secret })
      },
    )
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(key)
  })
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function stored({ auths }: Config, keys: readonly string[]): Credentials | undefined {
  for (const key of keys) {
    const entry = auths?.[key]
    if (entry === undefined) continue
    if (entry.identitytoken !== undefined && entry.identitytoken !== '') return { identityToken: entry.identitytoken }
    if (entry.username !== undefined && entry.password !== undefined)
      return { username: entry.username, password: entry.password }
    const [username, ...password] = Buffer.from(entry.auth ?? '', 'base64')
      .toString('utf8')
      .split(':')
    if (username !== undefined && username !== '') return { username, password: password.join(':') }
  }
  return undefined
}

/** For the registry of an image's name; undefined when none are kept. @throws BulkheadError when the file is not valid */
export async function credentialsFor(name: string): Promise<Credentials | undefined> {
  const registry = parseReference(name)?.registry
  if (registry === undefined) return undefined
  const keys = keysOf(registry)
  for (const path of candidates()) {
    const config = read(path)
    if (config === undefined) continue
    const helper = keys.map((key) => config.credHelpers?.[key]).find((each) => each !== undefined) ?? config.credsStore
    const found = (helper === undefined ? undefined : await ask(helper, keys[0]!)) ?? stored(config, keys)
    if (found !== undefined) return found
  }
  return undefined
}
