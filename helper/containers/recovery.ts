/** What earlier helpers left in the folders of containers: those that run or ended, and what was half done. */
import { closeSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { socketName } from '../host/paths.ts'
import { Container } from './container.ts'
import type { Engine } from './engine.ts'
import { ContainerFolder } from './record.ts'

/** Finds the containers; removes leftovers, their cgroups and sockets included. */
export async function recoverContainers(engine: Engine): Promise<Container[]> {
  const { paths, cgroups, native, log } = engine
  const found: Container[] = []
  for (const id of readdirSync(paths.containers)) {
    const folder = new ContainerFolder(paths.container(id))
    const watched = !id.startsWith('.') && (await isWatched(engine, id))
    const record = folder.readRecord()
    const container = record === undefined ? undefined : new Container(engine, record)
    if (container !== undefined && (await container.recover(watched))) {
      found.push(container)
      log.info({ container: id, state: container.state }, 'found again')
      continue
    }
    log.info({ container: id }, 'removed what was left of it')
    if (!id.startsWith('.')) await cgroups.remove(id)
    await native.addon.removeTree(folder.path)
  }
  const ids = new Set(found.map(({ id }) => id))
  for (const id of cgroups.list()) if (!ids.has(id)) await cgroups.remove(id)
  const live = new Set(found.filter(({ runs }) => runs).map(({ id }) => socketName(id)))
  for (const name of readdirSync(paths.sockets)) if (!live.has(name)) rmSync(join(paths.sockets, name))
  return found
}

/** A watcher holds the lock of its container's folder. */
async function isWatched({ native, paths }: Engine, id: string): Promise<boolean> {
  // One that is just setting up has no socket yet: give it a moment.
  for (let tries = 0; tries < 50; tries++) {
    const lock = native.addon.lockDirectory(paths.container(id))
    if (lock >= 0) {
      closeSync(lock)
      return false
    }
    if (existsSync(paths.socketOfWatcher(id))) return true
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return true
}
