/** Cgroups of the whole machine: the tree, who owns a part of it, its limits. */
import * as z from 'zod'
import { text } from './fields.ts'
import { limitNames, ownerKinds } from './kernelWords.ts'
import { cgroupPath } from './usageSchemas.ts'

/** Whom a cgroup, and so its processes, belong to. */
export const owner = z.object({
  kind: z.enum(ownerKinds),
  /** As its engine calls it, where that can be read; otherwise its id. */
  name: z.string(),
  /** Of a container. */
  id: z.string().optional(),
})
export type Owner = z.infer<typeof owner>

export const cgroup = z.object({
  path: z.string(),
  name: z.string(),
  /** Of the hierarchies that have it (v1), or those that it has (v2). */
  controllers: z.array(z.string()),
  hasChildren: z.boolean(),
  /** In it itself, those of its children not among them. */
  processes: z.number(),
  /** Nothing runs in it or below. */
  idle: z.boolean(),
  frozen: z.boolean(),
  owner: owner.nullable(),
})
export type Cgroup = z.infer<typeof cgroup>

export const cgroupList = z.object({
  cgroups: z.array(cgroup),
  /** How many there are, at whatever offset. */
  total: z.number(),
})

const limitName = z.enum(limitNames)

export const cgroupProcess = z.object({
  pid: z.number(),
  command: z.string(),
  uid: z.number(),
  /** Bytes resident. */
  memory: z.number(),
})
export type CgroupProcess = z.infer<typeof cgroupProcess>

export const cgroupDetails = cgroup.extend({
  /** As the kernel has them: `max` for none. Those alone that it offers here. */
  limits: z.partialRecord(limitName, z.string()),
  processList: z.array(cgroupProcess),
  /** Bytes read and written so far, by device. */
  devices: z.array(z.object({ device: z.string(), read: z.number(), written: z.number() })),
})
export type CgroupDetails = z.infer<typeof cgroupDetails>

export const setLimit = z.strictObject({
  path: cgroupPath,
  limit: limitName,
  /** `max` for none; bytes, processors such as 1.5, processes, a weight, or processors by number such as 0-2. */
  value: text(64),
})

/** For it to be undone. */
export const limitChange = z.object({ before: z.string(), now: z.string() })

/** To the connection that follows it. */
export const cgroupsChanged = z.object({
  path: z.string(),
  added: z.array(z.string()),
  removed: z.array(z.string()),
})
export type CgroupsChanged = z.infer<typeof cgroupsChanged>
