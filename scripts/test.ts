/** `npm test [SUITE...]`: builds, runs every suite in a process of its own, and sums up in one line. */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Counts } from '../test/support/counts.ts'
import { leftovers } from '../test/support/leftovers.ts'

const root = join(import.meta.dirname, '..')
const mocha = join(root, 'node_modules/mocha/bin/mocha.js')

interface Suite {
  readonly name: string
  /** Arguments for Node. */
  readonly run: readonly string[]
  /** Why it cannot run here; undefined when it can. */
  readonly cannot?: () => string | undefined
}

function tests(pattern: string): string[] {
  return [mocha, ...globSync(pattern, { cwd: root }).toSorted()]
}

function needsRoot(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'needs root: it makes namespaces, mounts and cgroups'
}

const suites: readonly Suite[] = [
  { name: 'check', run: ['scripts/check.ts'] },
  { name: 'unit', run: tests('test/unit/**/*.test.ts') },
  { name: 'fuzz', run: tests('test/fuzz/*.test.ts') },
  { name: 'engine', run: tests('test/engine/*.test.ts'), cannot: needsRoot },
  { name: 'vscode', run: ['test/vscode/run.ts'], cannot: needsRoot },
  { name: 'browser', run: tests('test/browser/*.test.ts'), cannot: needsRoot },
  { name: 'vm', run: ['test/vm/run.ts'] },
  { name: 'clean', run: tests('test/clean/*.test.ts'), cannot: needsRoot },
]

const none: Counts = { passed: 0, failed: 0, skipped: 0, failures: [] }

/** A suite that ends badly without counting counts as one failure. */
function runSuite(suite: Suite, directory: string): Counts {
  const reason = suite.cannot?.()
  process.stdout.write(`\n── ${suite.name} ${'─'.repeat(70 - suite.name.length)}\n`)
  if (reason !== undefined) {
    process.stdout.write(`skipped: ${reason}\n`)
    return { ...none, skipped: 1 }
  }
  const file = join(directory, suite.name)
  const { status, signal } = spawnSync(process.execPath, suite.run, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, BULKHEAD_COUNTS: file, BULKHEAD_BEFORE: JSON.stringify(before) },
  })
  const counts = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Counts) : none
  if (status === 0 || counts.failed > 0) return counts
  return { ...counts, failed: 1, failures: [`the suite ended with ${signal ?? `exit status ${status}`}`] }
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !suites.some((suite) => suite.name === name))
if (unknown.length > 0) {
  process.stderr.write(`no suite ${unknown.join(', ')}; there are ${suites.map(({ name }) => name).join(', ')}\n`)
  process.exit(2)
}
const build = spawnSync(process.execPath, ['scripts/build.ts'], { cwd: root, stdio: 'inherit' })
if (build.status !== 0) {
  process.stdout.write('\nfailed in build\n\n0 passed, 1 failed\n')
  process.exit(1)
}
const before = leftovers()
const directory = mkdtempSync('/tmp/counts-')
const results = suites
  .filter(({ name }) => wanted.length === 0 || wanted.includes(name))
  .map((suite) => ({ name: suite.name, ...runSuite(suite, directory) }))
rmSync(directory, { recursive: true })
// Once more at the end, where they are found in a quarter of an hour's output.
for (const { name, failures } of results)
  for (const failure of failures) process.stdout.write(`\nfailed in ${name}: ${failure}\n`)
const sum = (key: 'passed' | 'failed' | 'skipped'): number => results.reduce((total, counts) => total + counts[key], 0)
const skipped = sum('skipped') === 0 ? '' : `, ${sum('skipped')} skipped`
process.stdout.write(`\n${sum('passed')} passed, ${sum('failed')} failed${skipped}\n`)
process.exit(sum('failed') === 0 ? 0 : 1)
