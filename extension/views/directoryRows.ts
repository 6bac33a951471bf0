/** Rows of a directory, for every view that shows files: directories first, and not more than a tree can bear. */
import type { Client } from '../../helper/client/client.ts'
import type { RootReference } from '../../helper/protocol/imageSchemas.ts'
import { FileNode, MoreNode } from './layerNodes.ts'

/** More would freeze the tree. */
const shownAtMost = 1000

/** A row for each of the first ones, and one that says how many there are. `key`: id of the row that they are under. */
export function firstRows<E, N>(
  { entries, total }: { readonly entries: readonly E[]; readonly total: number },
  key: string,
  row: (entry: E) => N,
): (N | MoreNode)[] {
  const rows = entries.slice(0, shownAtMost).map(row)
  return total > rows.length ? [...rows, new MoreNode(key, rows.length, total)] : rows
}

/** The files of a directory as a container or an image shows it. */
export async function fileRows(
  client: Client,
  root: RootReference,
  path: string,
  key: string,
): Promise<(FileNode | MoreNode)[]> {
  const files = await client.call('files/list', { root, path })
  const entries = files.toSorted((a, b) => Number(b.type === 'directory') - Number(a.type === 'directory'))
  return firstRows({ entries, total: entries.length }, key, (entry) => new FileNode(root, path, entry, key))
}
