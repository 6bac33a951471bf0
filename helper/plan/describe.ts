/** An operation's object in a few words, for the start trace. */
import { capabilities, cloneFlags, rlimits } from './kernel.ts'
import type { Operation } from './operations.ts'

const rlimitNames = new Map(Object.entries(rlimits).map(([name, number]) => [number, name]))

function namespaceNames(flags: bigint): string {
  return Object.entries(cloneFlags)
    .filter(([, flag]) => (flags & flag) !== 0n)
    .map(([name]) => name)
    .join(', ')
}

function capabilityNames(mask: bigint): string {
  return capabilities.filter((_name, number) => ((mask >> BigInt(number)) & 1n) !== 0n).join(', ')
}

export function describe(operation: Operation): string {
  switch (operation.operation) {
    case 'create cgroup':
    case 'use cgroup':
    case 'add layer':
      return operation.directory
    case 'set cgroup limit':
      return `${operation.file} = ${operation.value.trim()}`
    case 'new mount namespace for layers':
      return operation.scratch
    case 'new namespaces':
    case 'join namespaces':
      return namespaceNames(operation.flags)
    case 'map ids':
      return operation.uids === '' ? 'the host’s own ids' : `uid ${operation.uids.trim().replaceAll('\n', ', ')}`
    case 'join container':
      return `process ${operation.pid}`
    case 'mount overlay':
      return operation.upper
    case 'set hostname':
      return operation.hostname
    case 'mount':
      return `${operation.type} on ${operation.target}`
    case 'bind':
      return `${operation.source} on ${operation.target}`
    case 'bind device':
      return `/dev/${operation.name}`
    case 'join network':
      return `of process ${operation.pid}`
    case 'open source':
      return operation.source
    case 'attach mount':
      return operation.target
    case 'mount tmpfs':
      return operation.target
    case 'connect network':
      return `${operation.name} to ${operation.bridge}`
    case 'configure link':
      return `${operation.name} ${operation.addresses.join(', ')}`
    case 'set sysctl':
      return `${operation.path.replaceAll('/', '.')} = ${operation.value}`
    case 'symlink':
      return `${operation.directory}/${operation.name} → ${operation.content}`
    case 'bind file':
      return operation.target
    case 'mask path':
    case 'make path read-only':
    case 'set working directory':
      return operation.path
    case 'open terminal':
      return `${operation.columns} × ${operation.rows}`
    case 'set rlimit':
      return `${rlimitNames.get(operation.resource) ?? operation.resource} ${operation.soft} (hard ${operation.hard})`
    case 'set user':
      return operation.user === '' ? 'root' : operation.user
    case 'set capabilities':
      return capabilityNames(operation.effective)
    case 'limit capabilities':
      return capabilityNames(operation.bounding)
    case 'install seccomp filter':
      return `${operation.program.byteLength / 8} instructions`
    case 'exec':
      return operation.arguments.join(' ')
    case 'set root attributes':
      return 'read-only'
    case 'watch':
    case 'enter cgroup':
    case 'record opens':
    case 'new cgroup namespace':
    case 'become root of user namespace':
    case 'set loopback up':
    case 'make mounts private':
    case 'attach root':
    case 'pivot root':
    case 'set no_new_privs':
    case 'start init':
      return ''
  }
}
