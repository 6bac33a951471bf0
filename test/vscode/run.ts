/** Runs the suite of this folder inside a real VS Code: one that can be had on this machine. */
import { build } from 'esbuild'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { countsIn, writeCounts, type Counts } from '../support/counts.ts'
import { root, TestHelper } from '../support/helper.ts'
import { RealRegistry } from '../support/registry.ts'
import { VsCodeWindow } from '../support/window.ts'

const suite = join(root, 'dist/test/vscode.cjs')

async function bundle(): Promise<void> {
  await build({
    entryPoints: [join(root, 'test/vscode/index.ts')],
    outfile: suite,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['vscode', 'mocha', 'bufferutil', 'utf-8-validate'],
    logLevel: 'warning',
  })
}

/** The helper is started again when the suite kills it. */
async function withHelper<T>(work: (helper: TestHelper) => Promise<T>): Promise<T> {
  const helper = await TestHelper.start({ network: 'host' })
  await helper.importBusybox()
  // What the suite pulls.
  const registry = await RealRegistry.start()
  const image = `${registry.host}/suite:1`
  for (const args of [
    ['tag', 'busybox', image],
    ['push', image],
    ['rmi', image],
  ])
    await helper.cli(...args)
  process.env['BULKHEAD_TEST_IMAGE'] = image
  let ended = false
  const revive = (async () => {
    while (!ended) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      if (!ended && helper.isGone) await helper.start()
    }
  })()
  try {
    return await work(helper)
  } finally {
    ended = true
    await revive
    await helper.stop()
    await registry.stop()
  }
}

/** Both hosts print the counts on the suite's console. */
function verdictIn(output: string): Counts {
  const counts = countsIn(output)
  if (counts === undefined) throw new Error(`the suite did not report:\n${output}`)
  return counts
}

async function inBrowser(helper: TestHelper): Promise<Counts> {
  let output = ''
  const verdict = Promise.withResolvers<void>()
  const window = await VsCodeWindow.open({
    socket: helper.socket,
    tests: suite,
    prepare: async (page) => {
      await page.exposeFunction('codeAutomationLog', (_type: string, args: unknown[]) => {
        const line = args.map(String).join(' ')
        output += `${line}\n`
        process.stdout.write(`${line}\n`)
      })
      await page.exposeFunction('codeAutomationExit', () => verdict.resolve())
    },
  })
  const timeout = setTimeout(() => verdict.reject(new Error(`no verdict within three minutes:\n${output}`)), 180_000)
  try {
    await verdict.promise
  } finally {
    clearTimeout(timeout)
    await window.screenshot('vscode-suite')
    await window.close()
  }
  return verdictIn(output)
}

async function onDesktop(helper: TestHelper, executable: string): Promise<Counts> {
  const { runTests } = await import('@vscode/test-electron')
  const written: string[] = []
  const write = process.stdout.write.bind(process.stdout)
  process.stdout.write = (text: string | Uint8Array) => {
    written.push(text.toString())
    return write(text)
  }
  try {
    await runTests({
      vscodeExecutablePath: executable,
      extensionDevelopmentPath: root,
      extensionTestsPath: suite,
      extensionTestsEnv: { BULKHEAD_HOST: `unix://${helper.socket}` },
      launchArgs: ['--no-sandbox', `--user-data-dir=${join(helper.directory, 'code')}`],
    })
  } catch {
    // Its counts say how many failed.
  } finally {
    process.stdout.write = write
  }
  return verdictIn(written.join(''))
}

await bundle()
const desktop = spawnSync('sh', ['-c', 'command -v code'], { encoding: 'utf8' }).stdout.trim()
const counts = await withHelper((helper) =>
  desktop === '' || process.env['DISPLAY'] === undefined ? inBrowser(helper) : onDesktop(helper, desktop),
)
writeCounts(counts)
process.exit(counts.failed === 0 ? 0 : 1)
