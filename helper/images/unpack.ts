/** The other end of native/unpack: a process that reads one archive into one folder. */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, constants as flags, openSync } from 'node:fs'
import { constants } from 'node:os'
import type { Writable } from 'node:stream'
import * as z from 'zod'
import { limits } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'

const unpackedSchema = z.object({
  entries: z.number(),
  bytes: z.number(),
  diffId: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  compression: z.enum(['none', 'gzip', 'zstd']),
})
/** `diffId`: digest of the archive as it is when it is not compressed. */
export type Unpacked = z.infer<typeof unpackedSchema>

export interface UnpackOptions {
  /** Names that begin with `.wh.` are whiteouts; an empty archive is an empty layer. */
  readonly isLayer: boolean
  /** Added to every owner. */
  readonly shift?: number
  /** Everything belongs to root. */
  readonly squashOwners?: boolean
  /** A directory inside of the given one, to unpack into; links on the way are followed inside. */
  readonly into?: string
}

export class Unpacker {
  /** The archive's bytes, when no file was given. */
  readonly input: Writable | undefined
  /** @throws BulkheadError ArchiveInvalid, DiskFull */
  readonly done: Promise<Unpacked>
  readonly #child: ChildProcess

  /** `directory`: a path, or a descriptor, which stays the caller's. `file`: descriptor of the archive. */
  constructor(executable: string, directory: string | number, options: UnpackOptions, file?: number) {
    const target = typeof directory === 'number' ? directory : openSync(directory, flags.O_RDONLY | flags.O_DIRECTORY)
    const args = [
      ...(options.isLayer ? ['--layer'] : []),
      ...(options.shift === undefined ? [] : ['--shift', String(options.shift)]),
      ...(options.squashOwners === true ? ['--squash-owners'] : []),
      ...(options.into === undefined ? [] : ['--into', options.into]),
      ...['--entries', String(limits.archive.entries), '--bytes', String(limits.archive.bytes)],
    ]
    const child = spawn(executable, args, { stdio: [file ?? 'pipe', 'pipe', 'pipe', target], env: {} })
    if (typeof directory === 'string') closeSync(target)
    this.#child = child
    this.input = child.stdin ?? undefined
    this.input?.on('error', () => undefined) // what is wrong is said by `done`
    this.done = this.#result(child)
    this.done.catch(() => undefined)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #result(child: ChildProcess): Promise<Unpacked> {
    let output = ''
    let problem = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (problem += text))
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        if (code === 0) return resolve(unpackedSchema.parse(JSON.parse(output)))
        const [why = '', hint] = problem.trim().split('\n')
        if (code === constants.errno.ENOSPC)
          return reject(
            new BulkheadError('DiskFull', `the disk is full: ${why}`, { hint: 'Free space below the state folder.' }),
          )
        const message = why || `the reader of archives ended with ${signal ?? `code ${code}`}`
        reject(new BulkheadError('ArchiveInvalid', message, hint === undefined ? {} : { hint }))
      })
    })
  }
}
