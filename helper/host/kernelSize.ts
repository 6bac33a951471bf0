/** How large the running kernel is, and how long it took to begin. Bytes and microseconds. */
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs'
import { isErrno } from './errno.ts'

/** Its program and data, as they lie in memory (/proc/iomem, which root alone can read). */
function image(): number {
  const sizes = [...readFileSync('/proc/iomem', 'utf8').matchAll(/([0-9a-f]+)-([0-9a-f]+) : Kernel/g)].map(
    ([, first, last]) => Number.parseInt(last!, 16) - Number.parseInt(first!, 16) + 1,
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** What it has allocated for its own use (proc_meminfo(5)). */
function allocated(): number {
  const text = readFileSync('/proc/meminfo', 'utf8')
  return ['Slab', 'KernelStack', 'PageTables', 'Percpu', 'VmallocUsed']
    .map((name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024)
    .reduce((sum, size) => sum + size, 0)
}

export function kernelSize(): { image: number; allocated: number } {
  return { image: image(), allocated: allocated() }
}

/** From the kernel's first line to its first process, by its own log (/dev/kmsg); null where that has been overwritten. */
export function bootTime(): number | null {
  let fd: number
  try {
    fd = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    return null
  }
  const record = Buffer.alloc(8192)
  try {
    for (;;) {
      // A record a read: `6,339,5140900,-;Run /sbin/init as init process`.
      const text = record.toString('utf8', 0, readSync(fd, record))
      const [, time, message] = /^\d+,\d+,(\d+)[^;]*;(.*)/.exec(text) ?? []
      if (message?.startsWith('Run ') === true && message.includes('as init process')) return Number(time)
    }
  } catch (error) {
    if (!isErrno(error, 'EAGAIN', 'EPIPE')) throw error
    return null
  } finally {
    closeSync(fd)
  }
}
