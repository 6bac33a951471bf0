/** Writes a plan as the watcher reads it: the format is told in native/plan/reader.h. */
import { operations, planVersion, type FieldType, type Operation } from './operations.ts'

const codes = new Map(operations.map((operation, code) => [operation.name, { code, fields: operation.fields }]))

/** One buffer that grows; a plan is encoded at every start, so no piece is an object of its own. */
class Writer {
  #buffer = Buffer.allocUnsafe(32 * 1024)
  #size = 0

  u16(value: number): void {
    this.#size = this.#room(2).writeUInt16LE(value, this.#size)
  }

  u32(value: number): void {
    this.#size = this.#room(4).writeUInt32LE(value, this.#size)
  }

  u64(value: bigint): void {
    this.#size = this.#room(8).writeBigUInt64LE(value, this.#size)
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.byteLength).set(bytes, this.#size)
    this.#size += bytes.byteLength
  }

  bytes(value: Uint8Array): void {
    this.u32(value.byteLength)
    this.raw(value)
    this.#size = this.#room(1).writeUInt8(0, this.#size)
  }

  string(value: string): void {
    if (value.includes('\0')) throw new RangeError('a string of a plan must not contain NUL')
    const length = Buffer.byteLength(value)
    this.u32(length)
    const buffer = this.#room(length + 1)
    buffer.write(value, this.#size)
    this.#size = buffer.writeUInt8(0, this.#size + length)
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

  /** Writes what `write` writes, and its length before it. */
  lengthPrefixed(write: () => void): void {
    const at = this.#size
    this.u32(0)
    write()
    this.#buffer.writeUInt32LE(this.#size - at - 4, at)
  }

  result(): Buffer {
    return this.#buffer.subarray(0, this.#size)
  }

  #room(size: number): Buffer {
    if (this.#size + size > this.#buffer.byteLength) {
      const grown = Buffer.allocUnsafe(Math.max(this.#buffer.byteLength * 2, this.#size + size))
      grown.set(this.#buffer.subarray(0, this.#size))
      this.#buffer = grown
    }
    return this.#buffer
  }
}

/** @throws RangeError for a NUL inside a string or a number out of range. */
export function encodePlan(plan: readonly Operation[]): Buffer {
  const writer = new Writer()
  writer.raw(Buffer.from('BHPLAN'))
  writer.u16(planVersion)
  writer.u32(plan.length)
  for (const operation of plan) {
    const { code, fields } = codes.get(operation.operation)!
    const values = operation as unknown as Record<string, unknown>
    writer.u16(code)
    writer.lengthPrefixed(() => {
      for (const [name, type] of fields) writer.field(type, values[name])
    })
  }
  return writer.result()
}
