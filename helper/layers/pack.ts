/** The other end of native/pack: a process that writes a directory as a tar archive. */
import { spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import { Transform, type Readable } from 'node:stream'
import { BulkheadError } from '../protocol/errors.ts'

export interface PackOptions {
  /** overlayfs's marks for removed files become those of the OCI. */
  readonly isLayer?: boolean
  /** Host ids of the container's user namespace, written as 0 and up. */
  readonly shift?: { readonly first: number; readonly count: number } | undefined
  /** This file or folder alone, under its own name. */
  readonly path?: string
  /** These paths alone, without a leading slash, and the directories above them. */
  readonly only?: readonly string[]
}

/** The archive's bytes; it fails when the directory cannot be read to its end. Takes the descriptor `root`. */
export function pack(executable: string, root: number, options: PackOptions): Readable {
  const args = [
    ...(options.isLayer === true ? ['--layer'] : []),
    ...(options.shift === undefined ? [] : ['--shift', `${options.shift.first}:${options.shift.count}`]),
    ...(options.path === undefined ? [] : ['--path', options.path]),
    ...(options.only === undefined ? [] : ['--only']),
  ]
  const child = spawn(executable, args, { stdio: ['pipe', 'pipe', 'pipe', root], env: {} })
  closeSync(root)
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(options.only?.map((path) => `${path}\0`).join('') ?? '')
  let problem = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (problem += text))
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve() : reject(explain(problem.trim()))))
  })
  ended.catch(() => undefined)
  // Its last byte is passed on when the process says that it was the last.
  const archive = new Transform({
    highWaterMark: 1 << 18,
    transform: (chunk, _encoding, done) => done(null, chunk),
    flush: (done) => void ended.then(() => done(), done),
  })
  archive.on('close', () => child.kill())
  child.stdout?.pipe(archive)
  return archive
}

function explain(problem: string): BulkheadError {
  if (/No such file|Not a directory/.test(problem))
    return new BulkheadError('PathNotFound', problem, {
      hint: 'Look at the path: it is one inside the container or image.',
    })
  return new BulkheadError('Internal', problem === '' ? 'the archive was not written to its end' : problem)
}
