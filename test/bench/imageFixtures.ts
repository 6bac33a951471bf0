/** The images that the bench unpacks: a Debian root, and one of many layers and files. Made once a machine. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached } from '../../scripts/cache.ts'

export interface Fixture {
  readonly name: string
  /** Layers as tar.gz files, lowest first. */
  readonly layers: readonly string[]
  /** An archive of both kinds that bulkhead, docker and skopeo load. */
  readonly archive: string
  /** The same as an OCI image layout, for umoci. */
  readonly layout: string
}

/** About 100,000 files and 1 GB in 12 layers, half of it text that compresses; some files are replaced, some removed. */
const synthetic = `
import io, os, random, sys, tarfile
target, layers, files, size = sys.argv[1], 12, 8400, 10240
rng = random.Random(1)
text = (b'the quick brown fox jumps over the lazy dog %d\\n' * 300)
for layer in range(layers):
    with tarfile.open(f'{target}/{layer:02}.tar', 'w') as tar:
        for n in range(files):
            directory = f'layer{layer}/d{n // 100}'
            if n % 100 == 0:
                info = tarfile.TarInfo(directory); info.type = tarfile.DIRTYPE; info.mode = 0o755; tar.addfile(info)
            length = int(rng.triangular(500, size * 3, size // 2))
            content = rng.randbytes(length) if n % 2 else (text * (length // len(text) + 1))[:length]
            info = tarfile.TarInfo(f'{directory}/f{n}'); info.size = length; info.mtime = 1700000000
            tar.addfile(info, io.BytesIO(content))
        if layer > 0:
            for n in range(20):
                info = tarfile.TarInfo(f'layer{layer - 1}/d0/.wh.f{n}'); tar.addfile(info, io.BytesIO(b''))
`

function assemble(directory: string, name: string, layers: readonly string[]): Fixture {
  const layout = join(directory, 'layout')
  const archive = join(directory, 'image.tar')
  return { name, layers: layers.map((layer) => join(directory, layer)), archive, layout }
}

/** Writes image.tar from layers, and the layout from that. */
const makeArchive = `
import gzip, hashlib, json, os, sys, tarfile
directory, layers = sys.argv[1], sys.argv[2:]
diffs = []
for layer in layers:
    digest = hashlib.sha256()
    with gzip.open(f'{directory}/{layer}') as stream:
        while chunk := stream.read(1 << 20): digest.update(chunk)
    diffs.append('sha256:' + digest.hexdigest())
config = json.dumps({'architecture': 'amd64', 'os': 'linux', 'config': {'Cmd': ['/bin/sh']}, 'rootfs': {'type': 'layers', 'diff_ids': diffs}})
open(f'{directory}/config.json', 'w').write(config)
open(f'{directory}/manifest.json', 'w').write(json.dumps([{'Config': 'config.json', 'RepoTags': ['bench:1'], 'Layers': layers}]))
with tarfile.open(f'{directory}/image.tar', 'w') as tar:
    for name in ['config.json', *layers, 'manifest.json']: tar.add(f'{directory}/{name}', name)
`

function build(directory: string, layers: readonly string[]): void {
  const script = join(directory, 'archive.py')
  writeFileSync(script, makeArchive)
  execFileSync('python3', [script, directory, ...layers])
  execFileSync('skopeo', ['copy', '-q', `docker-archive:${directory}/image.tar`, `oci:${directory}/layout:bench`], {
    stdio: 'inherit',
  })
}

export function debianRoot(): Fixture {
  const directory = cached('bench-debian-root-1', (partial) => {
    execFileSync('mmdebstrap', ['--quiet', '--variant=important', 'bookworm', join(partial, 'root.tar')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    execFileSync('gzip', ['-6', join(partial, 'root.tar')])
    build(partial, ['root.tar.gz'])
  })
  return assemble(directory, 'Debian root', ['root.tar.gz'])
}

export function manyLayers(): Fixture {
  const names = Array.from({ length: 12 }, (_, n) => `${String(n).padStart(2, '0')}.tar.gz`)
  const directory = cached('bench-many-layers-1', (partial) => {
    writeFileSync(join(partial, 'make.py'), synthetic)
    execFileSync('python3', [join(partial, 'make.py'), partial])
    execFileSync('sh', ['-c', 'ls "$0"/*.tar | xargs -P 2 -n 1 gzip -6', partial])
    build(partial, names)
  })
  return assemble(directory, '12 layers, 100,000 files, 1 GB', names)
}
