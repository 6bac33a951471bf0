/** `npm run build`: native parts (when their sources changed), the helper's bundle and the extension's, into dist/. */
import { build, type BuildOptions, type Plugin } from 'esbuild'
import { copyFileSync, existsSync, globSync, mkdirSync, rmSync, statSync, chmodSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run } from './cache.ts'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')
const release = join(root, 'native/build/Release')
const binaries = ['bulkhead.node', 'bulkhead-init', 'bulkhead-unpack', 'bulkhead-pack', 'bulkhead-privacy']

function buildNative(): void {
  const sources = globSync('native/{*.gyp,*.h,{addon,init,netlink,pack,plan,privacy,unpack}/*.{cc,h}}', { cwd: root })
  const newest = Math.max(...sources.map((source) => statSync(join(root, source)).mtimeMs))
  const built = binaries.map((name) => join(release, name))
  if (!built.every((path) => existsSync(path) && statSync(path).mtimeMs >= newest)) {
    const headers = dirname(dirname(process.execPath)) // the headers of the Node that runs this
    const env = { ...process.env, JOBS: '2', PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` }
    run(
      process.execPath,
      [join(root, 'node_modules/node-gyp/bin/node-gyp.js'), 'rebuild', '-C', 'native', `--nodedir=${headers}`],
      {
        cwd: root,
        env,
      },
    )
  }
  const target = join(dist, 'native', `linux-${process.arch}`)
  mkdirSync(target, { recursive: true })
  for (const name of binaries) {
    // Removed first: one that runs cannot be written to.
    rmSync(join(target, name), { force: true })
    copyFileSync(join(release, name), join(target, name))
  }
}

const shared: BuildOptions = {
  bundle: true,
  platform: 'node',
  minify: true,
  keepNames: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  logLevel: 'warning',
  absWorkingDir: root,
  // Optional speed-ups of ws that are not installed.
  external: ['vscode', 'bufferutil', 'utf-8-validate'],
}

/** What reads and writes tar archives, a seventh of all, is loaded when somebody copies files. */
const separately: Plugin = {
  name: 'separately',
  setup: ({ onResolve }) => {
    onResolve({ filter: /client\/copy\.ts$/ }, () => ({ path: './copy.cjs', external: true }))
  },
}

// CommonJS both, hence .cjs beside a manifest that says ESM. The editor loads it faster; and an ESM import of node:http
// touches all its exports, the browser's WebSocket among them, which costs the idle helper 14 MB.
async function bundle(): Promise<void> {
  const format = 'cjs'
  await build({
    ...shared,
    entryPoints: ['helper/cli/main.ts'],
    outfile: 'dist/bulkhead.cjs',
    format,
    target: 'node22',
    define: { 'import.meta.dirname': '__dirname', 'import.meta.url': '__filename' },
    banner: { js: '#!/usr/bin/env node' },
  })
  chmodSync(join(dist, 'bulkhead.cjs'), 0o755)
  if (existsSync(join(root, 'extension/main.ts')))
    await build({
      ...shared,
      entryPoints: ['extension/main.ts'],
      outfile: 'dist/extension.cjs',
      format,
      target: 'node22',
      // Names of functions are for nobody to read, and a twentieth of its size.
      keepNames: false,
      plugins: [separately],
    })
  await build({ ...shared, entryPoints: ['helper/client/copy.ts'], outfile: 'dist/copy.cjs', format, target: 'node22' })
  await build({
    ...shared,
    entryPoints: ['extension/webview/usagePage.ts'],
    outfile: 'dist/usage.js',
    platform: 'browser',
    format: 'iife',
    target: 'chrome130',
    keepNames: false,
  })
}

buildNative()
await bundle()
