/** A smaller image: only what a container of it has opened, and what that needs to be found. */
import type { Image } from '../images/image.ts'
import type { Change, MinimizeProposal } from '../protocol/imageSchemas.ts'
import { labelOf } from '../images/image.ts'
import { follow } from './links.ts'
import { makeImage, type Parts } from './newLayer.ts'
import { pack } from './pack.ts'
import { scanMerged } from './squash.ts'

/** Kept where the image has them: a program may look for them without opening them, or need them next time. */
const always = [
  'etc/passwd',
  'etc/group',
  'etc/nsswitch.conf',
  'etc/ssl/certs/ca-certificates.crt',
  'tmp',
  'var/tmp',
  'run',
  'dev',
  'proc',
  'sys',
  'etc',
  'root',
]

const shownAtMost = 1000

export interface MinimizeInput {
  readonly image: Image
  /** Paths as the kernel tells them, `/usr/bin/env`. */
  readonly opened: readonly string[]
  /** Paths that stay in any case, with what is below them. */
  readonly keep: readonly string[]
}

interface Selection {
  readonly kept: ReadonlySet<string>
  readonly files: readonly Change[]
}

function relative(path: string): string {
  return path.replace(/^\/+/, '').replace(/\/+$/, '')
}

/** Which of all paths stay; directories above them come by themselves. */
export function select(
  files: readonly Change[],
  links: ReadonlyMap<string, string>,
  wanted: { opened: readonly string[]; keep: readonly string[]; workingDirectory: string },
): Set<string> {
  const there = new Set(files.map(({ path }) => path))
  const kept = new Set<string>()
  const directories = new Set<string>(['', 'bin', 'lib', 'lib64', 'sbin'].filter((path) => there.has(path)))
  const add = (path: string): void => {
    const { path: real, links: passed } = follow(path, links)
    for (const link of passed) kept.add(link)
    if (real === undefined || !there.has(real)) return
    kept.add(real)
    for (let above = real; above.includes('/');) {
      above = above.slice(0, above.lastIndexOf('/'))
      directories.add(above)
    }
  }
  for (const path of [...wanted.opened, ...always, wanted.workingDirectory]) add(relative(path))
  for (const path of wanted.keep) {
    const prefix = relative(path)
    add(prefix)
    for (const { path: file } of files) if (file.startsWith(`${prefix}/`)) add(file)
  }
  // A link is how a file that stays may be called, too.
  for (const link of links.keys()) {
    const { path, links: passed } = follow(link, links)
    if (path !== undefined && (kept.has(path) || directories.has(path))) for (const each of passed) kept.add(each)
  }
  return kept
}

async function choose({ native }: Parts, { image, opened, keep }: MinimizeInput): Promise<Selection> {
  const { files, links } = await scanMerged({ native }, image.layers)
  const workingDirectory = image.config.WorkingDir ?? '/'
  return { kept: select(files, links, { opened, keep, workingDirectory }), files }
}

/** What would go, by the uppermost directories of which nothing stays. */
function removedFrom({ kept, files }: Selection): MinimizeProposal['removed'] {
  const staying = new Set<string>()
  for (let path of kept)
    for (staying.add(path); path.includes('/') && !staying.has(path.slice(0, path.lastIndexOf('/')));) {
      path = path.slice(0, path.lastIndexOf('/'))
      staying.add(path)
    }
  const groups = new Map<string, { path: string; size: number; files: number }>()
  for (const { path, size, type } of files) {
    if (staying.has(path)) continue
    let top = path
    while (top.includes('/') && !staying.has(top.slice(0, top.lastIndexOf('/'))))
      top = top.slice(0, top.lastIndexOf('/'))
    const group = groups.get(top) ?? { path: `/${top}`, size: 0, files: 0 }
    group.size += size
    if (type !== 'directory') group.files++
    groups.set(top, group)
  }
  return [...groups.values()].sort((a, b) => b.size - a.size || (a.path < b.path ? -1 : 1))
}

export async function proposeSmaller(parts: Parts, input: MinimizeInput): Promise<MinimizeProposal> {
  const selection = await choose(parts, input)
  const contents = selection.files.filter(({ type }) => type !== 'directory')
  const staying = contents.filter(({ path }) => selection.kept.has(path))
  const sum = (files: readonly Change[]): number => files.reduce((total, { size }) => total + size, 0)
  return {
    image: labelOf(input.image.summary),
    size: sum(contents),
    kept: sum(staying),
    keptFiles: staying.length,
    removedFiles: contents.length - staying.length,
    removed: removedFrom(selection).slice(0, shownAtMost),
  }
}

export async function makeSmaller(parts: Parts, input: MinimizeInput & { target: string }): Promise<Image> {
  const { native } = parts
  const { image, target } = input
  const { kept } = await choose(parts, input)
  const archive = pack(native.pack, native.addon.openLayers(image.layers), { only: [...kept] })
  const { document } = image.stored!
  return await makeImage(parts, {
    archive,
    below: { descriptors: [], diffIds: [] },
    document: { ...document, history: [] },
    history: (document.history ?? []).map((step) => ({ ...step, empty_layer: true })),
    settings: image.config,
    name: target,
    createdBy: `bulkhead image minimize: what a container of ${labelOf(image.summary)} opened`,
    message: '',
    author: '',
  })
}
