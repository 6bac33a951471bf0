/** Where cgroups are mounted: one hierarchy of version 2, or one for each controller of version 1, or both (cgroups(7)). */
import { closeSync, fstatSync, readFileSync, watch, writeSync } from 'node:fs'
import { isErrno } from '../host/errno.ts'
import type { Native } from '../host/native.ts'
import { join } from '../protocol/cgroupPaths.ts'
import { BulkheadError } from '../protocol/errors.ts'

export interface Hierarchy {
  /** Its mount point. */
  readonly root: string
  readonly isUnified: boolean
  /** Of v1: those mounted together, or `name=systemd`. Of v2: those that its root offers. */
  readonly controllers: readonly string[]
}

const ofNoInterest = /^(?:rw|ro|xattr|clone_children|noprefix|release_agent=.*|cpuset_v2_mode|favordynmods)$/

export function readHierarchies(): Hierarchy[] {
  const found = new Map<string, Hierarchy>()
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , , root = ''] = before.split(' ')
    const [type, , options = ''] = after.split(' ')
    if (type === 'cgroup2' && !found.has('unified')) {
      const controllers = readFileSync(`${root}/cgroup.controllers`, 'utf8').trim().split(' ').filter(Boolean)
      found.set('unified', { root, isUnified: true, controllers })
    }
    if (type !== 'cgroup') continue
    const controllers = options.split(',').filter((option) => !ofNoInterest.test(option))
    if (!found.has(controllers.join())) found.set(controllers.join(), { root, isUnified: false, controllers })
  }
  return [...found.values()]
}

/** The kernel's cgroups, by paths that nobody need trust. */
export class Hierarchies {
  readonly #native: Native
  readonly all: readonly Hierarchy[]

  constructor(native: Native, all = readHierarchies()) {
    this.#native = native
    this.all = all
  }

  /** No controller is mounted as version 1. */
  get isPureV2(): boolean {
    return this.all.every(({ isUnified, controllers }) => isUnified || controllers[0]?.startsWith('name=') === true)
  }

  /** Where a controller's files are; undefined where it is not mounted. */
  of(controller: string): Hierarchy | undefined {
    return (
      this.all.find(({ isUnified, controllers }) => !isUnified && controllers.includes(controller)) ??
      this.all.find(({ isUnified, controllers }) => isUnified && controllers.includes(controller))
    )
  }

  /** The one of version 2, wherever its controllers are: it has pressure, and can be killed at once. */
  get unified(): Hierarchy | undefined {
    return this.all.find(({ isUnified }) => isUnified)
  }

  /** Names of a cgroup's children; undefined where this hierarchy has no such cgroup. */
  names({ root }: Hierarchy, path: string): string[] | undefined {
    return unlessAbsent(() => this.#native.addon.listCgroups(root, path.slice(1)))
      ?.split('\0')
      .slice(0, -1)
  }

  /** Does something with a cgroup's directory, opened below its mount point; undefined where there is none, or none any
   * more. */
  async with<T>(
    { root }: Hierarchy,
    path: string,
    work: (directory: string) => Promise<T> | T,
  ): Promise<T | undefined> {
    const fd = this.#open(root, path)
    if (fd === undefined) return undefined
    try {
      return await work(`/proc/self/fd/${fd}`)
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    } finally {
      closeSync(fd)
    }
  }

  /** A cgroup's directory has a link for each child, and two of its own (kernfs). */
  hasChildren({ root }: Hierarchy, path: string): boolean {
    return this.#opened(root, path, (fd) => fstatSync(fd).nlink > 2) ?? false
  }

  has({ root }: Hierarchy, path: string): boolean {
    return this.#opened(root, path, () => true) ?? false
  }

  /** The text of a cgroup's file; undefined where there is none. */
  read({ root }: Hierarchy, path: string, file: string): string | undefined {
    return this.#opened(root, join(path, file), (fd) => {
      try {
        return readFileSync(fd, 'utf8').trim()
      } catch (error) {
        // Gone meanwhile, or not to be read just now.
        if (isErrno(error, 'ENODEV', 'EOPNOTSUPP', 'EINVAL')) return undefined
        throw error
      }
    })
  }

  /** Writes a file of a cgroup. False where there is none. @throws what the kernel says against it */
  write({ root }: Hierarchy, path: string, file: string, value: string): boolean {
    const write = (fd: number): true => {
      writeSync(fd, value)
      return true
    }
    return this.#opened(root, join(path, file), write, true) ?? false
  }

  /** Calls with the name of a child that came or went. Returns what ends it; undefined where there is no such cgroup. */
  follow({ root }: Hierarchy, path: string, onChild: (name: string) => void): (() => void) | undefined {
    return this.#opened(root, path, (fd) => {
      try {
        // inotify(7) follows the directory, not its name.
        const watcher = watch(`/proc/self/fd/${fd}`, { persistent: false }, (event, name) => {
          if (event === 'rename' && name !== null) onChild(name)
        })
        watcher.on('error', () => undefined) // it is gone: whoever follows its parent hears of it
        return () => watcher.close()
      } catch (error) {
        if (!isErrno(error, 'ENOSPC', 'EMFILE')) throw error
        throw new BulkheadError('Busy', `${path} cannot be followed: there are no more inotify watches`, {
          hint: 'Raise fs.inotify.max_user_watches (sysctl).',
          cause: error,
        })
      }
    })
  }

  /** Undefined where there is none. */
  #opened<T>(root: string, path: string, work: (fd: number) => T, writable = false): T | undefined {
    const fd = this.#open(root, path, writable)
    if (fd === undefined) return undefined
    try {
      return work(fd)
    } finally {
      closeSync(fd)
    }
  }

  #open(root: string, path: string, writable = false): number | undefined {
    return unlessAbsent(() => this.#native.addon.openBelow(root, path.slice(1), writable))
  }
}

function unlessAbsent<T>(open: () => T): T | undefined {
  try {
    return open()
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

function isAbsent(error: unknown): boolean {
  return isErrno(error, 'ENOENT', 'ENODEV', 'ENOTDIR')
}
