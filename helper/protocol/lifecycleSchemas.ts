/** How a container lives on: restarts, health, limits that change, what its processes use. */
import * as z from 'zod'
import { text } from './fields.ts'

export const restartPolicy = z.strictObject({
  name: z.enum(['no', 'on-failure', 'always', 'unless-stopped']).default('no'),
  /** Of `on-failure`; 0 for no limit. */
  maximumRetryCount: z.int().min(0).max(1_000_000).default(0),
})
export type RestartPolicy = z.infer<typeof restartPolicy>

const milliseconds = z.int().min(1).max(86_400_000)

/** What is left out is the image's. Times are milliseconds. */
export const healthCheck = z.strictObject({
  /** `CMD` and arguments, `CMD-SHELL` and a line for the shell, or `NONE`. */
  test: z
    .array(text(131_072))
    .max(4096)
    .refine(
      ([kind]) => kind === undefined || ['NONE', 'CMD', 'CMD-SHELL'].includes(kind),
      'must begin with CMD, CMD-SHELL or NONE',
    )
    .default([]),
  interval: milliseconds.optional(),
  timeout: milliseconds.optional(),
  startPeriod: milliseconds.optional(),
  startInterval: milliseconds.optional(),
  retries: z.int().min(1).max(1_000_000).optional(),
})
export type HealthCheck = z.infer<typeof healthCheck>

export const healthStatus = z.enum(['starting', 'healthy', 'unhealthy'])
export type HealthStatus = z.infer<typeof healthStatus>

/** The last checks, newest last. */
export const health = z.object({
  status: healthStatus,
  failingStreak: z.number(),
  log: z.array(z.object({ start: z.number(), end: z.number(), exitCode: z.number(), output: z.string() })),
})
export type Health = z.infer<typeof health>

/** A process in a container. */
export const containerProcess = z.object({
  /** As the host sees it, and as the container does. */
  pid: z.number(),
  containerPid: z.number(),
  /** As the host sees it. */
  parent: z.number(),
  /** As the container sees it. */
  uid: z.number(),
  /** One letter: R runs, S sleeps and so on (proc(5)). */
  state: z.string(),
  command: z.string(),
  /** Milliseconds of processor time so far. */
  cpu: z.number(),
  /** Bytes resident. */
  memory: z.number(),
  startedAt: z.number(),
  terminal: z.string(),
})
export type ContainerProcess = z.infer<typeof containerProcess>

/** What a container uses: counters since its start, but for memory and pids. Bytes and nanoseconds. */
export const containerStats = z.object({
  id: z.string(),
  name: z.string(),
  /** Milliseconds since 1970. */
  time: z.number(),
  /** Nanoseconds of processor time. */
  cpu: z.number(),
  /** Processors that it may use. */
  processors: z.number(),
  /** Without the page cache that can be dropped at once. */
  memory: z.number(),
  /** Its limit, or the machine's memory. */
  memoryLimit: z.number(),
  pids: z.number(),
  received: z.number(),
  sent: z.number(),
  read: z.number(),
  written: z.number(),
})
export type ContainerStats = z.infer<typeof containerStats>
