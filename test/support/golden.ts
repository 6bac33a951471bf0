/** Long texts compared with what is kept under test/golden. BULKHEAD_GOLDEN=write writes them anew. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const directory = join(import.meta.dirname, '../golden')

export function golden(name: string, text: string): void {
  const path = join(directory, `${name}.txt`)
  if (process.env['BULKHEAD_GOLDEN'] === 'write') {
    mkdirSync(directory, { recursive: true })
    writeFileSync(path, `${text}\n`)
  }
  assert.equal(
    `${text}\n`,
    readFileSync(path, 'utf8'),
    `differs from ${path}; BULKHEAD_GOLDEN=write npm test unit writes it anew`,
  )
}
