/** What is inside a namespace, by its kind. */
import { readFileSync } from 'node:fs'
import type { Native } from '../host/native.ts'
import { ofProcess } from '../host/processes.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { NamespaceType } from '../protocol/kernelWords.ts'
import type { NamespaceContents } from '../protocol/namespaceSchemas.ts'
import { mountsOf } from './mountTable.ts'
import type { Namespaces } from './namespaces.ts'
import { listeningSockets } from './sockets.ts'

type Contents<T extends NamespaceType> = Extract<NamespaceContents, { type: T }>

/** Lines of a uid_map or gid_map (user_namespaces(7)). */
export function idRanges(text: string): Contents<'user'>['uids'] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number)
      return { inside, outside, count }
    })
}

/** Rows of a file of /proc/sysvipc (proc(5)), its title left out. */
function rowsOf(text: string): number[][] {
  return text
    .split('\n')
    .slice(1)
    .filter(Boolean)
    .map((line) => line.trim().split(/\s+/).map(Number))
}

export class NamespaceInspector {
  readonly #native: Native
  readonly #namespaces: Namespaces

  constructor(native: Native, namespaces: Namespaces) {
    this.#native = native
    this.#namespaces = namespaces
  }

  /** @throws BulkheadError NamespaceNotFound; WrongState where nobody is in it who could be asked */
  async inspect(type: NamespaceType, id: number): Promise<NamespaceContents> {
    await this.#namespaces.refresh()
    const pids = this.#namespaces.table.membersOf(type, id)
    const path = this.#namespaces.pathTo(type, id, pids)
    const member = (): number => {
      if (pids[0] !== undefined) return pids[0]
      throw new BulkheadError('WrongState', `nobody is in ${type} namespace ${id}, so that nobody can be asked`, {
        hint: 'It is held by a mount or a descriptor alone; enter it to look.',
      })
    }
    const text = (file: string): string =>
      ofProcess(member(), (folder) => readFileSync(`${folder}/${file}`, 'utf8')) ?? ''
    switch (type) {
      case 'mnt':
        return { type, mounts: mountsOf(member()) }
      case 'net':
        return await this.#network(path, pids)
      case 'user':
        return {
          ...{ type, uids: idRanges(text('uid_map')), gids: idRanges(text('gid_map')) },
          setgroups: text('setgroups').trim(),
        }
      case 'pid':
        return { type }
      case 'uts': {
        const files = ['/proc/sys/kernel/hostname', '/proc/sys/kernel/domainname']
        const [hostname = '', domainname = ''] = await this.#native.addon.readInNamespace(path, files)
        return { type, hostname: hostname.trim(), domainname: domainname.trim() }
      }
      case 'ipc': {
        const files = ['shm', 'sem', 'msg'].map((name) => `/proc/sysvipc/${name}`)
        const [shm = '', sem = '', msg = ''] = await this.#native.addon.readInNamespace(path, files)
        // key shmid perms size cpid lpid nattch …
        const sharedMemory = rowsOf(shm).map((row) => ({ id: row[1]!, bytes: row[3]!, attached: row[6]! }))
        return { type, sharedMemory, semaphores: rowsOf(sem).length, queues: rowsOf(msg).length }
      }
      case 'cgroup': {
        const cgroups = new Set(
          pids.slice(0, 500).map((pid) => ofProcess(pid, (folder) => readFileSync(`${folder}/cgroup`, 'utf8')) ?? ''),
        )
        const lines = [...cgroups].flatMap((all) => all.split('\n').map((line) => line.split(':').slice(2).join(':')))
        return { type, cgroups: [...new Set(lines)].filter(Boolean).sort() }
      }
      case 'time': {
        const offsets = new Map(
          text('timens_offsets')
            .split('\n')
            .map((line) => line.trim().split(/\s+/))
            .map(([clock = '', seconds = '0', nanoseconds = '0']) => [
              clock,
              Number(seconds) + Number(nanoseconds) / 1e9,
            ]),
        )
        return { type, monotonic: offsets.get('monotonic') ?? 0, boottime: offsets.get('boottime') ?? 0 }
      }
    }
  }

  async #network(path: string, pids: readonly number[]): Promise<Contents<'net'>> {
    const [{ links, addresses, routes }, sockets] = await Promise.all([
      this.#native.addon.networkOf(path),
      this.#native.addon.scanDescriptors('sockets'),
    ])
    const nameOf = (index: number): string => links.find((link) => link.index === index)?.name ?? ''
    const holders = new Map(sockets.map(({ number, pid }) => [number, pid]))
    const listening = pids[0] === undefined ? [] : listeningSockets(pids[0])
    return {
      type: 'net',
      links: links.map(({ index, name, kind, mac, mtu, isUp, master }) => ({
        ...{ name, kind, mac, mtu, isUp, master: nameOf(master) },
        addresses: addresses.filter((one) => one.index === index).map(({ address }) => address),
      })),
      routes: routes.map(({ index, target, gateway }) => ({ target, gateway, link: nameOf(index) })),
      sockets: listening.map(({ inode, ...socket }) => {
        const pid = holders.get(inode) ?? null
        const command =
          pid === null ? '' : (ofProcess(pid, (folder) => readFileSync(`${folder}/comm`, 'utf8').trim()) ?? '')
        return { ...socket, pid, command }
      }),
    }
  }
}
