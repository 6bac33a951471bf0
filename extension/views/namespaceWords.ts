/** What namespaces are, in words (namespaces(7)). */
import * as vscode from 'vscode'
import type { Owner } from '../../helper/protocol/cgroupSchemas.ts'
import { isContainer, type NamespaceType } from '../../helper/protocol/kernelWords.ts'

/** As namespaces(7) calls them. */
export function typeTitle(type: NamespaceType): string {
  return {
    mnt: vscode.l10n.t('Mount'),
    pid: 'PID',
    net: vscode.l10n.t('Network'),
    user: vscode.l10n.t('User'),
    uts: 'UTS',
    ipc: 'IPC',
    cgroup: vscode.l10n.t('Cgroup'),
    time: vscode.l10n.t('Time'),
  }[type]
}

/** What there is of one's own in it, in a word or two. */
export function typeSubject(type: NamespaceType): string {
  return {
    mnt: vscode.l10n.t('file systems'),
    pid: vscode.l10n.t('process ids'),
    net: vscode.l10n.t('links, ports'),
    user: vscode.l10n.t('user ids'),
    uts: vscode.l10n.t('host name'),
    ipc: vscode.l10n.t('shared memory'),
    cgroup: vscode.l10n.t('cgroup root'),
    time: vscode.l10n.t('clocks'),
  }[type]
}

/** What a process sees that is in one of its own. */
export function typeMeaning(type: NamespaceType): string {
  return {
    mnt: vscode.l10n.t('Which file systems are where: its own table of mounts.'),
    pid: vscode.l10n.t('Which processes there are, and what their numbers are.'),
    net: vscode.l10n.t('Network links, addresses, routes, ports and firewall of its own.'),
    user: vscode.l10n.t('Who is who: root inside may be nobody outside.'),
    uts: vscode.l10n.t('What the machine is called.'),
    ipc: vscode.l10n.t('Shared memory, semaphores and message queues of its own.'),
    cgroup: vscode.l10n.t('Its own cgroup looks like the root.'),
    time: vscode.l10n.t('How long the machine has been running.'),
  }[type]
}

export const typeIcons: Readonly<Record<NamespaceType, string>> = {
  mnt: 'folder-library',
  pid: 'server-process',
  net: 'type-hierarchy',
  user: 'organization',
  uts: 'tag',
  ipc: 'comment-discussion',
  cgroup: 'dashboard',
  time: 'watch',
}

export function ownerName({ kind, name }: Owner): string {
  return isContainer({ kind }) && kind !== 'bulkhead' ? `${name} (${kind})` : name
}

/** `0 to 65535 inside are 1879048192 to 1879113727 outside`. */
export function idRangeText({ inside, outside, count }: { inside: number; outside: number; count: number }): string {
  if (count >= 2 ** 32 - 1 && inside === outside) return vscode.l10n.t('every id is the same inside and outside')
  if (count === 1) return vscode.l10n.t('{0} inside is {1} outside', inside, outside)
  return vscode.l10n.t(
    '{0} to {1} inside are {2} to {3} outside',
    inside,
    inside + count - 1,
    outside,
    outside + count - 1,
  )
}
