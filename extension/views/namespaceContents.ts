/** What is inside a namespace, as rows. */
import * as vscode from 'vscode'
import type { Client } from '../../helper/client/client.ts'
import type { NamespaceContents, NamespaceSummary } from '../../helper/protocol/namespaceSchemas.ts'
import { sizeText } from '../../helper/protocol/text.ts'
import { FactNode, HostProcessNode, InsideNode } from './namespaceNodes.ts'
import { idRangeText } from './namespaceWords.ts'

type Of<T extends NamespaceContents['type']> = Extract<NamespaceContents, { type: T }>
type Mount = Of<'mnt'>['mounts'][number]

/** What a mount does with those that are made below it (mount_namespaces(7)). */
function propagationText(propagation: string): string {
  if (propagation === '') return vscode.l10n.t('private')
  const words = propagation.split(' ').map((word) => {
    const [kind, group] = word.split(':')
    if (kind === 'shared') return vscode.l10n.t('shared with group {0}', group ?? '')
    if (kind === 'master') return vscode.l10n.t('follows group {0}', group ?? '')
    return word
  })
  return words.join(', ')
}

class MountTreeNode extends vscode.TreeItem {
  constructor(id: string, mount: Mount, hasChildren: boolean) {
    super(mount.target, hasChildren ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None)
    this.id = id
    this.description = [mount.fileSystem, ...(mount.propagation === '' ? [] : [mount.propagation])].join(' · ')
    this.iconPath = new vscode.ThemeIcon(mount.options.split(',').includes('ro') ? 'lock' : 'folder')
    this.contextValue = 'fact'
    this.tooltip = [
      `${mount.source} ${mount.root === '/' ? '' : mount.root}`.trim(),
      mount.options,
      propagationText(mount.propagation),
    ].join('\n')
    this.accessibilityInformation = {
      label: vscode.l10n.t('mount {0}, {1}, {2}', mount.target, mount.fileSystem, propagationText(mount.propagation)),
    }
  }
}

/** A row of the mount table, with what is mounted on it. */
export class MountRow extends MountTreeNode {
  readonly mount: Mount
  readonly all: readonly Mount[]
  readonly within: string

  constructor(mount: Mount, all: readonly Mount[], within: string) {
    super(
      `${within}/mount/${mount.id}`,
      mount,
      all.some(({ parent, id }) => parent === mount.id && id !== mount.id),
    )
    this.mount = mount
    this.all = all
    this.within = within
  }

  get value(): string {
    return this.mount.target
  }

  children(): MountRow[] {
    return mountRows(this.all, this.within, this.mount.id)
  }
}

/** Those on a mount; without one, those that stand on none of the table's. */
export function mountRows(all: readonly Mount[], within: string, parent?: number): MountRow[] {
  const ids = new Set(all.map(({ id }) => id))
  const isBelow = (mount: Mount): boolean =>
    parent === undefined
      ? !ids.has(mount.parent) || mount.parent === mount.id
      : mount.parent === parent && mount.id !== parent
  return all
    .filter(isBelow)
    .sort((a, b) => a.target.localeCompare(b.target))
    .map((mount) => new MountRow(mount, all, within))
}

function networkRows({ links, routes, sockets }: Of<'net'>, within: string): vscode.TreeItem[] {
  return [
    new InsideNode(`${within}/links`, vscode.l10n.t('Links'), 'plug', {
      count: links.length,
      children: () =>
        links.map(({ name, kind, mac, mtu, isUp, addresses, master }) => {
          const words = [isUp ? vscode.l10n.t('up') : vscode.l10n.t('down'), ...addresses]
          const more = [kind, mac, `MTU ${mtu}`, ...(master === '' ? [] : [vscode.l10n.t('port of {0}', master)])]
          return new FactNode(`${within}/link/${name}`, name, words.join(' · '), {
            icon: isUp ? 'plug' : 'circle-slash',
            more: more.filter(Boolean).join('\n'),
          })
        }),
    }),
    new InsideNode(`${within}/routes`, vscode.l10n.t('Routes'), 'arrow-right', {
      count: routes.length,
      children: () =>
        routes.map(({ target, gateway, link }, at) => {
          const by =
            gateway === '' ? vscode.l10n.t('directly by {0}', link) : vscode.l10n.t('by {0}, {1}', gateway, link)
          return new FactNode(`${within}/route/${at}`, target, by, { icon: 'arrow-right' })
        }),
    }),
    new InsideNode(`${within}/sockets`, vscode.l10n.t('Listening sockets'), 'broadcast', {
      count: sockets.length,
      children: () =>
        sockets.map(({ protocol, address, port, pid, command }, at) => {
          const who = pid === null ? vscode.l10n.t('nobody known') : `${command} (${pid})`
          const place = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
          return new FactNode(`${within}/socket/${at}`, `${protocol} ${place}`, who, { icon: 'broadcast' })
        }),
    }),
  ]
}

/** Rows of what is in it, but for its processes. */
function contentRows(contents: NamespaceContents, within: string): vscode.TreeItem[] {
  const fact = (name: string, label: string, value: string): FactNode => new FactNode(`${within}/${name}`, label, value)
  switch (contents.type) {
    case 'mnt':
      return [
        new InsideNode(`${within}/mounts`, vscode.l10n.t('Mounts'), 'folder-library', {
          count: contents.mounts.length,
          children: () => mountRows(contents.mounts, within),
        }),
      ]
    case 'net':
      return networkRows(contents, within)
    case 'user':
      return [
        ...contents.uids.map((range, at) => fact(`uid/${at}`, vscode.l10n.t('Users'), idRangeText(range))),
        ...contents.gids.map((range, at) => fact(`gid/${at}`, vscode.l10n.t('Groups'), idRangeText(range))),
        fact('setgroups', 'setgroups', contents.setgroups),
      ]
    case 'pid':
      return []
    case 'uts':
      return [
        fact('hostname', vscode.l10n.t('Host name'), contents.hostname),
        fact('domainname', vscode.l10n.t('Domain (NIS)'), contents.domainname),
      ]
    case 'ipc':
      return [
        ...contents.sharedMemory.map(({ id, bytes, attached }) =>
          fact(
            `shm/${id}`,
            vscode.l10n.t('Shared memory {0}', id),
            vscode.l10n.t('{0}, attached {1} times', sizeText(bytes), attached),
          ),
        ),
        fact('shm', vscode.l10n.t('Shared memory'), String(contents.sharedMemory.length)),
        fact('sem', vscode.l10n.t('Semaphore sets'), String(contents.semaphores)),
        fact('msg', vscode.l10n.t('Message queues'), String(contents.queues)),
      ]
    case 'cgroup':
      return contents.cgroups.map((path, at) => fact(`cgroup/${at}`, path, ''))
    case 'time':
      return [
        fact('monotonic', vscode.l10n.t('Monotonic clock'), vscode.l10n.t('{0} s ahead', contents.monotonic)),
        fact('boottime', vscode.l10n.t('Time since boot'), vscode.l10n.t('{0} s ahead', contents.boottime)),
      ]
  }
}

/** What a namespace's row opens to: what is in it, and who. */
export async function insideOf(
  client: Client,
  { type, id, processes, isHost }: NamespaceSummary,
  within: string,
): Promise<vscode.TreeItem[]> {
  let rows: vscode.TreeItem[]
  try {
    rows = contentRows(await client.call('namespaces/inspect', { type, id }), within)
  } catch (error) {
    // It may have ended, or nobody is in it who could be asked: said where it would be.
    rows = [
      new FactNode(`${within}/error`, error instanceof Error ? error.message : String(error), '', { icon: 'info' }),
    ]
  }
  const members = async (): Promise<vscode.TreeItem[]> =>
    (await client.call('namespaces/members', { type, id })).map((process) => new HostProcessNode(process, `${within}/`))
  const title = isHost ? vscode.l10n.t('Processes of the host') : vscode.l10n.t('Processes')
  return [
    ...rows,
    new InsideNode(`${within}/processes`, title, 'server-process', { count: processes, children: members }),
  ]
}
