/** What is made once a machine, by version, outside of the checkout: VS Code's server, the virtual machine's kernel. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const cacheRoot = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'bulkhead')

/** The folder of this name in the cache; `make` fills it when it is missing. Whole or absent, also after a kill. */
export function cached(name: string, make: (directory: string) => void): string {
  const directory = join(cacheRoot, name)
  if (existsSync(directory)) return directory
  const partial = `${directory}.partial-${process.pid}`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial, { recursive: true })
  try {
    make(partial)
    renameSync(partial, directory)
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    if (!existsSync(directory)) throw error
  }
  return directory
}

/** Runs a program to its end; its output is shown only when it fails. */
export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): string {
  const result = spawnSync(command, args, { ...options, encoding: 'utf8', maxBuffer: 1 << 28 })
  if (result.error !== undefined) throw result.error
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')} exited with ${result.status}:\n${result.stdout}${result.stderr}`)
  return result.stdout
}
