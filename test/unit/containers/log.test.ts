import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseRecord, readLog } from '../../../helper/containers/log.ts'

const at = '2026-01-31T12:00:00.000000000Z'

async function read(directory: string, tail = -1, follow?: AbortSignal): Promise<string> {
  const parts: Buffer[] = []
  for await (const records of readLog(directory, { tail, follow })) parts.push(...records.map(({ bytes }) => bytes))
  return Buffer.concat(parts).toString('latin1')
}

describe('a container’s log', () => {
  let directory: string
  beforeEach(() => (directory = mkdtempSync('/tmp/bulkhead-log-')))
  afterEach(() => rmSync(directory, { recursive: true }))

  it('keeps bytes as they are, NUL and all, and joins lines that were written in parts', async () => {
    writeFileSync(
      join(directory, 'log'),
      Buffer.from(`${at} stdout P a\0\xff\n${at} stdout F b\n${at} stderr F c\n`, 'latin1'),
    )
    assert.equal(await read(directory), 'a\0\xffb\nc\n')
  })

  it('leaves out a torn record at any place, and goes on after it', async () => {
    const whole = `${at} stdout F lost\n`
    for (let cut = 1; cut < whole.length - 6; cut++) {
      writeFileSync(join(directory, 'log'), `${at} stdout F one\n${whole.slice(0, cut)}\n${at} stdout F two\n`)
      const text = await read(directory)
      assert.ok(text.startsWith('one\n') && text.endsWith('two\n'), `cut at ${cut}: ${text}`)
      assert.ok(!text.includes('lost'), `cut at ${cut}: ${text}`)
    }
    assert.equal(parseRecord(Buffer.from('\0\0\0\0'), 0, 4), undefined)
  })

  it('reads rotated files oldest first, and the last lines alone', async () => {
    writeFileSync(join(directory, 'log.2'), `${at} stdout F 1\n`)
    writeFileSync(join(directory, 'log.1'), `${at} stdout F 2\n${at} stdout F 3\n`)
    writeFileSync(join(directory, 'log'), `${at} stdout F 4\n${at} stdout P 5`.concat('\n'))
    assert.equal(await read(directory), '1\n2\n3\n4\n5')
    assert.equal(await read(directory, 0), '')
    assert.equal(await read(directory, 2), '4\n5')
    assert.equal(await read(directory, 3), '3\n4\n5')
  })

  it('follows a log that does not exist yet, and through a rotation', async () => {
    const end = new AbortController()
    const text = read(directory, -1, end.signal)
    const log = join(directory, 'log')
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50))
    await pause()
    writeFileSync(log, `${at} stdout F 1\n`)
    await pause()
    appendFileSync(log, `${at} stdout F 2\n`)
    renameSync(log, join(directory, 'log.1'))
    writeFileSync(log, `${at} stdout F 3\n`)
    await pause()
    appendFileSync(log, `${at} stdout F 4\n`)
    end.abort()
    assert.equal(await text, '1\n2\n3\n4\n')
  })
})
