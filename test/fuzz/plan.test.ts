import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodePlan } from '../../helper/plan/encode.ts'

const seconds = Number(process.env['BULKHEAD_FUZZ_SECONDS'] ?? 10)

describe('the reader of plans', function () {
  this.timeout((seconds + 60) * 1000)
  let directory: string
  before(() => (directory = mkdtempSync('/tmp/bulkhead-fuzz-')))
  after(() => rmSync(directory, { recursive: true }))

  it(`stays inside its bytes through ${seconds} s of fuzzing with sanitizers`, () => {
    const fuzzer = join(directory, 'fuzzer')
    execFileSync('clang++', [
      '-std=c++17',
      '-O1',
      '-g',
      '-fsanitize=fuzzer,address,undefined',
      '-fno-sanitize-recover=all',
      '-o',
      fuzzer,
      join(import.meta.dirname, 'plan.cc'),
    ])
    const corpus = join(directory, 'corpus')
    mkdirSync(corpus)
    const seed = encodePlan([{ operation: 'exec', arguments: ['a', 'b'], environment: ['C=d'] }])
    writeFileSync(join(corpus, 'whole'), seed)
    writeFileSync(join(corpus, 'operation'), seed.subarray(18))
    const result = spawnSync(fuzzer, [`-max_total_time=${seconds}`, '-max_len=4096', '-print_final_stats=1', corpus], {
      encoding: 'utf8',
      cwd: directory,
    })
    assert.equal(result.status, 0, result.stderr.slice(-4000))
    const runs = Number(/number_of_executed_units:\s*(\d+)/.exec(result.stderr)?.[1])
    assert.ok(runs > 10_000, `${runs} inputs`)
  })
})
