/** An archive of one image, as docker save would write it, of layers that a test has made. */
import { createHash } from 'node:crypto'
import { tarEnd, tarEntry } from './tar.ts'
import type { TestHelper } from './helper.ts'

/** `claimed`: layers that its configuration names instead. */
export function imageArchive(name: string, layers: readonly Buffer[], claimed = layers): Buffer {
  const diffIds = claimed.map((layer) => `sha256:${createHash('sha256').update(layer).digest('hex')}`)
  const config = JSON.stringify({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: diffIds },
  })
  const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: layers.map((_, n) => `${n}/layer.tar`) }]
  return Buffer.concat([
    tarEntry({ name: 'config.json', content: config }),
    ...layers.map((layer, n) => tarEntry({ name: `${n}/layer.tar`, content: layer })),
    tarEntry({ name: 'manifest.json', content: JSON.stringify(manifest) }),
    tarEnd,
  ])
}

/** @throws Error with what the helper says */
export async function loadImage(helper: TestHelper, name: string, layers: readonly Buffer[]): Promise<void> {
  const { code, stderr } = await helper.cliWith({ input: imageArchive(name, layers) }, 'load', '-q')
  if (code !== 0) throw new Error(stderr)
}
