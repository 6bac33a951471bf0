/** Writes a plan as the watcher reads it: the format is told in native/plan/reader.h. */
import { operations, planVersion, type FieldType, type Operation } from './operations.ts'

const codes = new Map(operations.map((operation, code) => [operation.name, { code, fields: operation.fields }]))

class Writer {
  readonly #parts: Buffer[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  add(part: Buffer): void {
    this.#parts.push(part)
    this.#size += part.byteLength
  }

  u16(value: number): void {
    const part = Buffer.allocUnsafe(2)
    part.writeUInt16LE(value)
    this.add(part)
  }

  u32(value: number): void {
    const part = Buffer.allocUnsafe(4)
    part.writeUInt32LE(value)
    this.add(part)
  }

  u64(value: bigint): void {
    const part = Buffer.allocUnsafe(8)
    part.writeBigUInt64LE(value)
    this.add(part)
  }

  bytes(value: Uint8Array): void {
    this.u32(value.byteLength)
    this.add(Buffer.from(value.buffer, value.byteOffset, value.byteLength))
    this.add(Buffer.alloc(1))
  }

  string(value: string): void {
    if (value.includes('\0')) throw new RangeError('a string of a plan must not contain NUL')
    this.bytes(Buffer.from(value, 'utf8'))
  }

  field(type: FieldType, value: unknown): void {
    switch (type) {
      case 'u32':
        return this.u32(value as number)
      case 'u64':
        return this.u64(value as bigint)
      case 'string':
        return this.string(value as string)
      case 'bytes':
        return this.bytes(value as Uint8Array)
      case 'strings': {
        const strings = value as readonly string[]
        this.u32(strings.length)
        for (const string of strings) this.string(string)
      }
    }
  }

  concat(): Buffer {
    return Buffer.concat(this.#parts, this.#size)
  }
}

/** @throws RangeError for a NUL inside a string or a number out of range. */
export function encodePlan(plan: readonly Operation[]): Buffer {
  const whole = new Writer()
  whole.add(Buffer.from('BHPLAN'))
  whole.u16(planVersion)
  whole.u32(plan.length)
  for (const operation of plan) {
    const { code, fields } = codes.get(operation.operation)!
    const body = new Writer()
    const values = operation as unknown as Record<string, unknown>
    for (const [name, type] of fields) body.field(type, values[name])
    whole.u16(code)
    whole.u32(body.size)
    whole.add(body.concat())
  }
  return whole.concat()
}
