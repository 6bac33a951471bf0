/** Fields that many requests have, as zod schemas. */
import * as z from 'zod'
import * as names from './names.ts'

/** A container by its id, a prefix of its id, or its name. */
export const containerReference = z.string().min(1).max(128)

const noNul = (text: string): boolean => !text.includes('\0')
export const text = (max: number) => z.string().max(max).refine(noNul, 'must not contain a NUL character')

export const absolutePath = text(4095).regex(/^\//, 'must be an absolute path')

export const containerName = z.string().max(128).regex(names.containerName, names.nameRule)

export const hostname = z
  .string()
  .max(64)
  .regex(/^[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$/, 'must be letters, digits, - and ., at most 64')

export const labels = z.record(z.string().max(255), text(4096)).default({})

/** By its number (signal(7)). */
export const signal = z.int().min(1).max(64)
