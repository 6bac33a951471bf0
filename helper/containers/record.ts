/** What is kept of a container on disk, in its folder: written whole or not at all, read back with care. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import type { RuntimeSpec } from '../plan/runtimeSpec.ts'
import { endpoint, publishedPort } from '../protocol/networkSchemas.ts'
import { runRequest, traceStep } from '../protocol/schemas.ts'
import { caller, keptMount } from './mounts.ts'

export const recordSchema = z.object({
  id: z.string(),
  name: z.string(),
  image: z.string(),
  /** The image may have lost its name since. Empty for what earlier versions made. */
  imageId: z.string().default(''),
  /** Lower layers, uppermost first. */
  layers: z.array(z.string()),
  command: z.array(z.string()),
  createdAt: z.number(),
  /** Number of its range of host ids; null when it has the host's own. */
  idRange: z.number().nullable(),
  request: runRequest,
  /** Who made it. */
  caller: caller.default({ uid: 0, gid: 0, groups: [] }),
  mounts: z.array(keptMount).default([]),
  /** Of the request or else of the image: signal number, and times in milliseconds. */
  stopSignal: z.number().default(15),
  health: z
    .object({
      test: z.array(z.string()),
      ...{ interval: z.number(), timeout: z.number(), startPeriod: z.number(), startInterval: z.number() },
      retries: z.number(),
    })
    .nullable()
    .default(null),
  /** It was made without being started: an earlier helper is not in the middle of anything. */
  isCreated: z.boolean().default(false),
  /** Somebody stopped it: `unless-stopped` does not start it again. */
  isStopped: z.boolean().default(false),
})
export type HealthSettings = NonNullable<z.infer<typeof recordSchema>['health']>
export type ContainerRecord = z.infer<typeof recordSchema>

/** Of the last start. */
export const startSchema = z.object({
  startedAt: z.number(),
  helper: z.object({ prepare: z.number(), spawn: z.number() }),
  steps: z.array(traceStep),
})
export type StartRecord = z.infer<typeof startSchema>

/** While it runs. */
export const attachmentSchema = z.object({ endpoints: z.array(endpoint), ports: z.array(publishedPort) })

/** The watcher writes it: native/init/watch.cc. */
export const exitSchema = z.object({
  exitCode: z.number(),
  signal: z.number(),
  oomKilled: z.boolean(),
  finishedAt: z.number(),
})
export type ExitRecord = z.infer<typeof exitSchema>

/** Of one whose watcher was killed, and took it with it. */
export function lostExit(): ExitRecord {
  return { exitCode: 137, signal: 9, oomKilled: false, finishedAt: Date.now() }
}

export class ContainerFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  get upper(): string {
    return join(this.path, 'upper')
  }
  get work(): string {
    return join(this.path, 'work')
  }

  /** Makes the folder; only root may look inside. */
  create(): void {
    mkdirSync(this.path, { mode: 0o700 })
    mkdirSync(this.upper, { mode: 0o755 })
    mkdirSync(this.work, { mode: 0o700 })
  }

  readRecord(): ContainerRecord | undefined {
    return this.#read('container.json', recordSchema)
  }
  writeRecord(record: ContainerRecord): void {
    this.#write('container.json', record)
  }
  readStart(): StartRecord | undefined {
    return this.#read('start.json', startSchema)
  }
  writeStart(start: StartRecord): void {
    this.#write('start.json', start)
  }
  readExit(): ExitRecord | undefined {
    return this.#read('exit.json', exitSchema)
  }
  writeExit(exit: ExitRecord): void {
    this.#write('exit.json', exit)
  }
  readAttachment(): z.infer<typeof attachmentSchema> | undefined {
    return this.#read('network.json', attachmentSchema)
  }
  writeAttachment(attachment: object): void {
    this.#write('network.json', attachment)
  }
  writeSpec(spec: RuntimeSpec): void {
    this.#write('config.json', spec)
  }
  /** Root's own file, as it was written: not checked again. Undefined when it is not there. */
  readSpec(): RuntimeSpec | undefined {
    const path = join(this.path, 'config.json')
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as RuntimeSpec) : undefined
  }

  // No fsync: a machine that goes down takes the container with it, and a start must not wait for a disk.
  #write(name: string, value: unknown): void {
    const path = join(this.path, name)
    writeFileSync(`${path}.partial`, JSON.stringify(value), { mode: 0o600 })
    renameSync(`${path}.partial`, path)
  }

  /** Undefined when it is not there, or torn. */
  #read<T>(name: string, schema: z.ZodType<T>): T | undefined {
    const path = join(this.path, name)
    if (!existsSync(path)) return undefined
    try {
      return schema.parse(JSON.parse(readFileSync(path, 'utf8')))
    } catch {
      return undefined
    }
  }
}
