/** What this machine's kernel can do: read once, at the helper's start. */
import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'

export interface HostFacts {
  readonly kernel: string
  readonly timeNamespace: boolean
  /** Linux 6.15: overlayfs takes layers that are attached nowhere. */
  readonly detachedLayers: boolean
  /** Linux 6.3: a tmpfs can be id-mapped. */
  readonly idmappedTmpfs: boolean
  /** Open files that the helper may allow: its own hard limit, which a user namespace cannot raise. */
  readonly nofile: number
  /** Of /proc and /sys: those of the paths to hide or protect that this kernel has. */
  readonly has: (path: string) => boolean
  /** Directories of per-processor thermal counters, a side channel. */
  readonly thermalPaths: readonly string[]
}

function atLeast(kernel: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10))
  return a > major || (a === major && b >= minor)
}

function processors(): number {
  return (readFileSync('/proc/cpuinfo', 'utf8').match(/^processor/gm) ?? []).length
}

function hardNofile(): number {
  const match = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
  return match === null ? Number.MAX_SAFE_INTEGER : Number(match[1])
}

export function readHostFacts(): HostFacts {
  const kernel = release()
  const known = new Map<string, boolean>()
  return {
    kernel,
    timeNamespace: existsSync('/proc/self/ns/time'),
    detachedLayers: atLeast(kernel, 6, 15),
    idmappedTmpfs: atLeast(kernel, 6, 3),
    nofile: hardNofile(),
    has: (path) => {
      const answer = known.get(path) ?? existsSync(path)
      known.set(path, answer)
      return answer
    },
    thermalPaths: Array.from(
      { length: processors() },
      (_, n) => `/sys/devices/system/cpu/cpu${n}/thermal_throttle`,
    ).filter((path) => existsSync(path)),
  }
}
