/** What a layer changes, as a list and as a tree with sizes. */
import type { LayerChanges } from '../../native/index.d.ts'
import { closeSync } from 'node:fs'
import type { Native } from '../host/native.ts'
import { limits } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Change, ChangeEntry, ChangeKind } from '../protocol/imageSchemas.ts'

const kinds: Readonly<Record<string, ChangeKind>> = { A: 'added', C: 'changed', D: 'removed' }
const fileTypes: Readonly<Record<string, Change['type']>> = { f: 'file', d: 'directory', l: 'link', o: 'other' }

/** A layer's directory and those below it, uppermost first. */
export interface LayerPlace {
  readonly directory: string
  readonly below: readonly string[]
}

export async function scan(native: Native, { directory, below }: LayerPlace): Promise<Change[]> {
  const root = below.length === 0 ? -1 : native.addon.openLayers(below)
  try {
    return listOf(await native.addon.scanLayer(directory, root, false))
  } finally {
    if (root >= 0) closeSync(root)
  }
}

/** What one root has that another has not, or has otherwise; and what it lacks. Layers uppermost first. */
export async function compare({ addon }: Native, from: readonly string[], to: readonly string[]): Promise<Change[]> {
  const [before, after] = [addon.openLayers(from), addon.openLayers(to)]
  try {
    const there = listOf(await addon.scanLayer(after, before, true))
    const back = listOf(await addon.scanLayer(before, after, true))
    const lost = back.filter(({ kind }) => kind === 'added').map((change): Change => ({ ...change, kind: 'removed' }))
    return [...there, ...lost].sort((a, b) => (a.path < b.path ? -1 : 1))
  } finally {
    closeSync(before)
    closeSync(after)
  }
}

function listOf({ paths, kinds: letters, types, sizes }: LayerChanges): Change[] {
  const names = paths.split('\0')
  return Array.from(sizes, (size, at) => ({
    path: names[at]!,
    kind: kinds[letters[at]!]!,
    type: fileTypes[types[at]!]!,
    size,
  }))
}

interface Node {
  kind: ChangeKind
  type: Change['type']
  size: number
  files: number
  readonly below: Map<string, Node>
}

function makeNode(kind: ChangeKind, type: Change['type']): Node {
  return { kind, type, size: 0, files: 0, below: new Map() }
}

export class ChangeTree {
  readonly #root = makeNode('changed', 'directory')
  readonly #changes: readonly Change[]

  constructor(changes: readonly Change[]) {
    this.#changes = changes
    for (const change of changes) this.#insert(change)
  }

  #insert({ path, kind, type, size }: Change): void {
    const isFile = type !== 'directory' || kind === 'removed'
    let node = this.#root
    for (const name of path.split('/')) {
      node.size += size
      if (isFile) node.files++
      let next = node.below.get(name)
      if (next === undefined) {
        next = makeNode('changed', 'directory')
        node.below.set(name, next)
      }
      node = next
    }
    node.kind = kind
    node.type = type
    node.size += size
    if (isFile) node.files++
  }

  /** Directories first, then by name; some at a time. @throws BulkheadError PathNotFound */
  list(path: string, offset: number): { entries: ChangeEntry[]; total: number } {
    let node: Node | undefined = this.#root
    for (const name of path.split('/')) if (name !== '') node = node?.below.get(name)
    if (node === undefined)
      throw new BulkheadError('PathNotFound', `the layer changes nothing at /${path}`, {
        hint: 'It may have changed meanwhile.',
      })
    const sorted = [...node.below].sort(
      ([a, first], [b, second]) =>
        Number(second.type === 'directory') - Number(first.type === 'directory') || (a < b ? -1 : 1),
    )
    const entries = sorted
      .slice(offset, offset + limits.page)
      .map(([name, { kind, type, size, files }]) => ({ name, kind, type, size, files }))
    return { entries, total: sorted.length }
  }

  search(query: string): Change[] {
    const wanted = query.toLowerCase()
    return this.#changes.filter(({ path }) => path.toLowerCase().includes(wanted)).slice(0, limits.found)
  }
}

/** Trees of the layers that somebody looks at. An image's layers never change; a container's is scanned anew each time. */
export class ChangeTrees {
  readonly #native: Native
  readonly #trees = new Map<string, Promise<ChangeTree>>()
  #forget: NodeJS.Timeout | undefined

  constructor(native: Native) {
    this.#native = native
  }

  async of(place: LayerPlace, options: { isFixed: boolean }): Promise<ChangeTree> {
    const known = this.#trees.get(place.directory)
    const tree = known ?? scan(this.#native, place).then((changes) => new ChangeTree(changes))
    this.#trees.delete(place.directory)
    this.#trees.set(place.directory, tree)
    tree.catch(() => this.#trees.delete(place.directory))
    for (const oldest of this.#trees.keys()) if (this.#trees.size > limits.changeTrees) this.#trees.delete(oldest)
    // A view asks for many directories one after another: the same scan serves them all.
    if (!options.isFixed && known === undefined) setTimeout(() => this.#trees.delete(place.directory), 500).unref()
    clearTimeout(this.#forget)
    this.#forget = setTimeout(() => this.#trees.clear(), limits.keepTrees).unref()
    return await tree
  }
}
