/** The flags of limits and of the restart policy, which `run`, `create` and `update` have in common. */
import { InvalidArgumentError, type Command } from 'commander'
import type { RestartPolicy } from '../protocol/lifecycleSchemas.ts'
import type { Resources } from '../protocol/schemas.ts'
import { parseRestart } from '../protocol/text.ts'
import { bytes, bytesOrUnlimited, decimal, defined, integer } from './units.ts'

export interface LimitFlags {
  memory?: number
  memorySwap?: number
  memoryHigh?: number
  cpus?: number
  cpuShares?: number
  cpusetCpus?: string
  pidsLimit?: number
  blkioWeight?: number
  restart?: RestartPolicy
}

function restartPolicy(text: string): RestartPolicy {
  const policy = parseRestart(text)
  if (policy === undefined)
    throw new InvalidArgumentError('It must be no, always, unless-stopped or on-failure[:TIMES].')
  return policy
}

export function limitsOf(flags: LimitFlags): Resources {
  const { memory, memorySwap, memoryHigh, cpus, cpuShares, cpusetCpus, pidsLimit, blkioWeight } = flags
  return defined({ memory, memorySwap, memoryHigh, cpus, cpuShares, cpusetCpus, pidsLimit, blkioWeight })
}

/** Adds the flags to a command. */
export function withLimitFlags(command: Command): Command {
  return command
    .option('-m, --memory <bytes>', 'limit of memory, such as 512m', bytes)
    .option('--memory-swap <bytes>', 'limit of memory and swap together; -1 for no limit of swap', bytesOrUnlimited)
    .option('--memory-high <bytes>', 'where the kernel begins to reclaim', bytes)
    .option('--cpus <number>', 'limit of processor time, such as 1.5', decimal)
    .option('-c, --cpu-shares <number>', 'share of processor time under contention', integer)
    .option('--cpuset-cpus <list>', 'processors it may use, such as 0-2,4')
    .option('--pids-limit <number>', 'processes at most; -1 for no limit', integer)
    .option('--blkio-weight <number>', 'share of disk time under contention, 10 to 1000', integer)
    .option('--restart <policy>', 'no, on-failure[:times], always, unless-stopped', restartPolicy)
}
