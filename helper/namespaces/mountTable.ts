/** Mount tables (proc_pid_mountinfo(5)). */
import { readFileSync } from 'node:fs'
import { ofProcess } from '../host/processes.ts'
import type { NamespaceContents } from '../protocol/namespaceSchemas.ts'

export type MountEntry = Extract<NamespaceContents, { type: 'mnt' }>['mounts'][number]

/** `\040` is a space. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

export function parseMountInfo(text: string): MountEntry[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const separator = line.indexOf(' - ')
      const [id, parent, , root = '', target = '', options = '', ...propagation] = line.slice(0, separator).split(' ')
      const [fileSystem = '', source = ''] = line.slice(separator + 3).split(' ')
      return {
        id: Number(id),
        parent: Number(parent),
        root: unescaped(root),
        target: unescaped(target),
        fileSystem,
        source: unescaped(source),
        options,
        propagation: propagation.join(' '),
      }
    })
}

/** As a process sees them; empty for one that is gone. */
export function mountsOf(pid: number): MountEntry[] {
  return parseMountInfo(ofProcess(pid, (folder) => readFileSync(`${folder}/mountinfo`, 'utf8')) ?? '')
}
