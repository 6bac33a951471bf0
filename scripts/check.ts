/** `npm run check`: types, lint, format. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { writeCounts } from '../test/support/counts.ts'

const root = join(import.meta.dirname, '..')
const checks = {
  types: ['node_modules/typescript/bin/tsc', '-p', '.'],
  // The page of a panel runs in a browser.
  'types of the webview': ['node_modules/typescript/bin/tsc', '-p', 'extension/webview'],
  lint: ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0'],
  format: ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'],
}

const failures: string[] = []
for (const [name, args] of Object.entries(checks)) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
  process.stdout.write(`  ${status === 0 ? '✔' : '✖'} ${name}\n`)
  if (status !== 0) failures.push(name)
}
writeCounts({
  passed: Object.keys(checks).length - failures.length,
  failed: failures.length,
  skipped: 0,
  failures,
})
process.exit(failures.length === 0 ? 0 : 1)
