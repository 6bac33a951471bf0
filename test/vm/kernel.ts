/** A Debian kernel, from its package alone: nothing is installed. Kept once a machine. */
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cached, run } from '../../scripts/cache.ts'

export interface Kernel {
  readonly image: string
  /** Folder of its modules. */
  readonly modules: string
}

export function debianKernel(): Kernel {
  const depends = run('apt-cache', ['depends', 'linux-image-cloud-amd64'])
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1]
  if (name === undefined) throw new Error(`no kernel package in:\n${depends}`)
  const directory = cached(`kernel-${name}`, (partial) => {
    run('apt-get', ['download', name], { cwd: partial })
    run('dpkg', ['-x', globSync('*.deb', { cwd: partial })[0]!, '.'], { cwd: partial })
    run('/sbin/depmod', ['-b', partial, basename(globSync('lib/modules/*', { cwd: partial })[0]!)])
  })
  const image = globSync('boot/vmlinuz-*', { cwd: directory })[0]!
  const modules = globSync('lib/modules/*', { cwd: directory })[0]!
  return { image: join(directory, image), modules: join(directory, modules) }
}

/** Files of these modules and of what they need, in the order to load them. */
export function modulesInOrder(kernel: Kernel, names: readonly string[]): string[] {
  const needs = new Map<string, string[]>()
  for (const line of readFileSync(join(kernel.modules, 'modules.dep'), 'utf8').split('\n')) {
    const [file, rest = ''] = line.split(':')
    if (file !== undefined && file !== '') needs.set(file, rest.trim().split(' ').filter(Boolean))
  }
  const ordered: string[] = []
  const add = (file: string): void => {
    if (ordered.includes(file)) return
    for (const needed of needs.get(file) ?? []) add(needed)
    ordered.push(file)
  }
  for (const name of names) {
    const file = [...needs.keys()].find((candidate) => candidate.endsWith(`/${name}.ko`))
    if (file !== undefined) add(file) // otherwise built in
  }
  return ordered.map((file) => join(kernel.modules, file))
}
