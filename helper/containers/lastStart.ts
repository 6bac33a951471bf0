/** How a container's last start went: decoded when somebody asks for it, or when it is kept on disk. */
import { describe } from '../plan/describe.ts'
import { operations, type Operation } from '../plan/operations.ts'
import type { TraceStep } from '../protocol/schemas.ts'
import type { StepRecord } from './frames.ts'
import type { StartRecord } from './record.ts'

const placeOf = new Map(operations.map(({ name, by }) => [name, by]))

function traceSteps(plan: readonly Operation[], records: readonly StepRecord[]): TraceStep[] {
  return records.flatMap(({ operation, start, end }) => {
    const step = plan[operation]
    if (step === undefined) return []
    const name = step.operation
    return [{ operation: name, by: placeOf.get(name)!, detail: describe(step), start: start / 1000, end: end / 1000 }]
  })
}

export class LastStart {
  #record: StartRecord | undefined
  #make: (() => StartRecord) | undefined

  /** `records`: nanoseconds, as the watcher took them; `helper`: microseconds before it began. */
  set(
    startedAt: number,
    {
      plan,
      records,
      helper,
    }: { plan: readonly Operation[]; records: () => readonly StepRecord[]; helper: StartRecord['helper'] },
  ): void {
    this.#make = () => ({ startedAt, helper, steps: traceSteps(plan, records()) })
  }

  /** As it was kept by an earlier helper. */
  restore(record: StartRecord | undefined): void {
    this.#record = record
  }

  /** Undefined for a container that was never started. */
  get record(): StartRecord | undefined {
    if (this.#make !== undefined) this.#record = this.#make()
    this.#make = undefined
    return this.#record
  }
}
