/** `npm run bench -- NAME`: measures side by side with peers. Peers that are not installed are installed from Debian. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const [name = 'start', ...more] = process.argv.slice(2)
const bench = join(root, `test/bench/${name}.bench.ts`)
if (!existsSync(bench)) {
  process.stderr.write(`no bench ${name}: see test/bench\n`)
  process.exit(2)
}
const peers = [
  ...['runc', 'bubblewrap', 'docker.io', 'gcc', 'libc6-dev', 'busybox-static'],
  ...['skopeo', 'umoci', 'docker-registry', 'mmdebstrap', 'python3', 'systemd'],
]
for (const command of [
  ['bash', 'scripts/setup.sh', ...peers],
  [process.execPath, 'scripts/build.ts'],
  [process.execPath, bench, ...more],
]) {
  const { status } = spawnSync(command[0]!, command.slice(1), { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
