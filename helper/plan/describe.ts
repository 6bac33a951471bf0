/** An operation's object in a few words, for the start trace. */
import type { Operation } from './operations.ts'

export function describe(operation: Operation): string {
  switch (operation.operation) {
    case 'create cgroup':
    case 'add layer':
      return operation.directory
    case 'set cgroup limit':
      return `${operation.file} = ${operation.value.trim()}`
    case 'new mount namespace for layers':
      return operation.scratch
    case 'new namespaces':
      return `flags 0x${operation.flags.toString(16)}`
    case 'map ids':
      return operation.uids === '' ? 'the host’s own ids' : `uid ${operation.uids.trim().replaceAll('\n', ', ')}`
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
      return `resource ${operation.resource}: ${operation.soft}`
    case 'set user':
      return operation.user === '' ? 'root' : operation.user
    case 'set capabilities':
      return `0x${operation.effective.toString(16)}`
    case 'limit capabilities':
      return `0x${operation.bounding.toString(16)}`
    case 'install seccomp filter':
      return `${operation.program.byteLength / 8} instructions`
    case 'exec':
      return operation.arguments.join(' ')
    case 'set root attributes':
      return 'read-only'
    case 'watch':
    case 'enter cgroup':
    case 'new cgroup namespace':
    case 'become root of user namespace':
    case 'set loopback up':
    case 'make mounts private':
    case 'attach root':
    case 'pivot root':
    case 'set no_new_privs':
      return ''
  }
}
