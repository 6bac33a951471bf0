/** Measuring: medians, since machines are noisy; ratios, since they are not alike. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** What is measured beside others: milliseconds of one start. */
export interface Measured {
  readonly name: string
  start(): Promise<number> | number
}

export interface Blocks {
  readonly turns: number
  readonly startsInBlock: number
  readonly warmUp: number
  /** Milliseconds before a block. */
  readonly rest: number
}

/** Milliseconds between starts: the figure is that of one start, not of the queue of clean-ups before it. */
const pause = 60

/** Milliseconds of every start, by name. In blocks, since what one engine cleans up in the background (runc's cgroups, for
 * half a second) slows the next one down, whichever that is; and in turns, since the machine's own speed changes with time. */
export async function inTurns(
  all: readonly Measured[],
  { turns, startsInBlock, warmUp, rest }: Blocks,
): Promise<Map<string, number[]>> {
  const times = new Map(all.map(({ name }) => [name, [] as number[]]))
  for (let turn = 0; turn < turns; turn++)
    for (const one of all) {
      await sleep(rest)
      for (let n = -warmUp; n < startsInBlock; n++) {
        const took = await one.start()
        if (n >= 0) times.get(one.name)!.push(took)
        await sleep(pause)
      }
    }
  return times
}

/** What the kernel counts of a process's memory (proc(5)): megabytes, those fields that `pattern` finds summed. */
export function memoryOf(pid: number, file: 'status' | 'smaps_rollup', pattern: RegExp): number {
  const fields = readFileSync(`/proc/${pid}/${file}`, 'utf8').matchAll(pattern)
  return [...fields].reduce((sum, [, kilobytes]) => sum + Number(kilobytes), 0) / 1024
}

/** Megabytes that the watcher of a container's first process shares with nobody. */
export function watcherMemory(pid: number): number {
  const watcher = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
  return memoryOf(watcher, 'smaps_rollup', /Private_(?:Clean|Dirty):\s+(\d+)/g)
}

export interface Line {
  readonly what: string
  readonly value: string
  readonly target?: string
  readonly met?: boolean
}

export function report(title: string, lines: readonly Line[]): void {
  const widest = Math.max(...lines.map(({ what }) => what.length))
  process.stdout.write(`\n${title}\n`)
  for (const { what, value, target, met } of lines) {
    const verdict = target === undefined ? '' : `   (${met === true ? 'met' : 'MISSED'}: ${target})`
    process.stdout.write(`  ${what.padEnd(widest)}   ${value}${verdict}\n`)
  }
}
