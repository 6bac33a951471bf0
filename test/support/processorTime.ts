import { readFileSync } from 'node:fs'

/** Milliseconds of processor time of a process so far (proc_pid_stat(5)); the kernel counts in hundredths of a second. */
export function processorTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}
