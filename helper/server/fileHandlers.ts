/** The methods `layers/…` and `files/…`: what is in layers, images and containers. */
import { createReadStream, fstatSync } from 'node:fs'
import { scan, type ChangeTree, type LayerPlace } from '../layers/changes.ts'
import { pack } from '../layers/pack.ts'
import type { RootPlace } from '../layers/roots.ts'
import { limits } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { CheckedParams } from '../protocol/methods.ts'
import type { RootReference } from '../protocol/imageSchemas.ts'
import type { Container } from '../containers/container.ts'
import type { Engine } from './handlers.ts'
import type { Handlers, Session } from './session.ts'
import { send } from './streams.ts'

type Method = Extract<keyof Handlers, `layers/${string}` | `files/${string}`>

export function fileHandlers({
  native,
  images,
  containers,
  contents,
  trees,
  roots,
  volumes,
}: Engine): Pick<Handlers, Method> {
  /** The layer of a chain id, and those of any image that stands on it. */
  function layerPlace(chainId: string): LayerPlace {
    for (const { chainIds, layers } of images.all()) {
      const at = chainIds.indexOf(chainId)
      const upwards = layers.toReversed()
      if (at >= 0) return { directory: upwards[at]!, below: upwards.slice(0, at).toReversed() }
    }
    throw new BulkheadError('ImageNotFound', `no image has a layer ${chainId.slice(7, 19)}`, {
      hint: 'It may have been removed meanwhile.',
    })
  }

  async function treeOf(root: RootReference): Promise<ChangeTree> {
    if ('layer' in root && root.layer !== 'host') return await trees.of(layerPlace(root.layer), { isFixed: true })
    if ('writable' in root)
      return await trees.of(await contents.writable(containers.get(root.writable)), { isFixed: false })
    throw new BulkheadError('InvalidRequest', 'only a layer has changes')
  }

  async function place(root: RootReference): Promise<RootPlace> {
    if ('image' in root) return { directories: await contents.layersOf(images.get(root.image).layers) }
    if ('container' in root) return await contents.root(containers.get(root.container), false)
    if ('writable' in root) {
      const container = containers.get(root.writable)
      const { directory, below } = await contents.writable(container)
      return { directories: root.below ? below : [directory] }
    }
    if ('volume' in root) return { directories: [volumes.data(volumes.get(root.volume).name)] }
    if (root.layer === 'host') return { directories: await contents.layersOf(['/']) }
    const { directory, below } = layerPlace(root.layer)
    if (root.below && below.length === 0) throw new BulkheadError('PathNotFound', 'there is no layer below the lowest')
    return { directories: root.below ? below : [directory] }
  }

  async function read({ root, path, offset, length }: CheckedParams<'files/read'>, session: Session) {
    const fd = await roots.openFile(await place(root), path)
    const { size } = fstatSync(fd)
    const end = length === undefined ? Infinity : offset + length - 1
    const content = createReadStream('', { fd, start: offset, end, highWaterMark: 1 << 18 })
    await send(session, content)
    return { size }
  }

  return {
    'layers/changes': async ({ root, path, offset }) => (await treeOf(root)).list(path, offset),
    'layers/search': async ({ root, query }) => (await treeOf(root)).search(query),
    'layers/watch': ({ container, watch }, session) => {
      const found = containers.get(container)
      if (watch)
        watchers.start(session, found, async () =>
          signatureOf(await scan(native, { directory: found.folder.upper, below: [] })),
        )
      else watchers.stop(session, found.id)
      return null
    },
    'files/stat': async ({ root, path }) => await roots.stat(await place(root), path),
    'files/list': async ({ root, path }) => await roots.list(await place(root), path),
    'files/read': read,
    'files/archive': async ({ root, path }, session) => {
      const where = await place(root)
      await roots.stat(where, path)
      await send(session, pack(native.pack, await roots.open(where), { path }))
      return null
    },
  }
}

/** Same files, same sizes: the same text. */
function signatureOf(changes: readonly { path: string; size: number }[]): string {
  return changes.map(({ path, size }) => `${path}\0${size}`).join('\0')
}

/** Who watches which container's writable layer. overlayfs tells nobody of what is written through it, so while somebody
 * looks, and only then, the layer is looked through once a second, or less often where that takes long. */
class LayerWatchers {
  readonly #watched = new WeakMap<Session, Map<string, AbortController>>()

  start(session: Session, container: Container, signature: () => Promise<string>): void {
    const mine = this.#watched.get(session) ?? new Map<string, AbortController>()
    this.#watched.set(session, mine)
    if (mine.has(container.id)) return
    const end = new AbortController()
    mine.set(container.id, end)
    session.closed.addEventListener('abort', () => end.abort())
    void this.#follow(session, container, signature, end.signal)
  }

  stop(session: Session, id: string): void {
    this.#watched.get(session)?.get(id)?.abort()
    this.#watched.get(session)?.delete(id)
  }

  async #follow(
    session: Session,
    container: Container,
    signature: () => Promise<string>,
    end: AbortSignal,
  ): Promise<void> {
    let before: string | undefined
    while (!end.aborted) {
      const began = performance.now()
      const now = await signature().catch(() => undefined)
      if (now === undefined) return // gone
      if (before !== undefined && now !== before) session.sendLayerChanged(container.id)
      before = now
      const took = performance.now() - began
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, Math.max(limits.layerWatch, took * 20))
        end.addEventListener('abort', () => {
          clearTimeout(timer)
          resolve(undefined)
        })
      })
    }
  }
}

const watchers = new LayerWatchers()
