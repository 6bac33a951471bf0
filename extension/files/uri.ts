/** Addresses of files in layers, images and containers: `bulkhead://layer.<chain id>/etc/passwd`. Read only. */
import * as vscode from 'vscode'
import type { ChangeKind, RootReference } from '../../helper/protocol/imageSchemas.ts'

export const scheme = 'bulkhead'

const letters: Readonly<Record<ChangeKind, string>> = { added: 'A', changed: 'C', removed: 'D' }

/** An authority is written in small letters, as ids are; names of volumes may have others. */
function authorityOf(root: RootReference): string {
  if ('image' in root) return `image.${root.image.replace('sha256:', '')}`
  if ('container' in root) return `container.${root.container}`
  if ('writable' in root) return `${root.below ? 'base' : 'writable'}.${root.writable}`
  if ('volume' in root) return `volume.${Buffer.from(root.volume).toString('hex')}`
  return `${root.below ? 'below' : 'layer'}.${root.layer.replace('sha256:', '')}`
}

/** `kind` marks it in a tree. */
export function uriOf(root: RootReference, path: string, kind?: ChangeKind): vscode.Uri {
  return vscode.Uri.from({
    scheme,
    authority: authorityOf(root),
    path: path.startsWith('/') ? path : `/${path}`,
    query: kind === undefined ? '' : letters[kind],
  })
}

/** @throws vscode.FileSystemError for an address that is none of ours */
export function rootOf(uri: vscode.Uri): RootReference {
  const [kind, id = ''] = uri.authority.split(/\.(.*)/s)
  const digest = id === 'host' ? 'host' : `sha256:${id}`
  switch (kind) {
    case 'image':
      return { image: digest }
    case 'container':
      return { container: id }
    case 'writable':
    case 'base':
      return { writable: id, below: kind === 'base' }
    case 'volume':
      return { volume: Buffer.from(id, 'hex').toString() }
    case 'layer':
    case 'below':
      return { layer: digest, below: kind === 'below' }
    default:
      throw vscode.FileSystemError.FileNotFound(uri)
  }
}
