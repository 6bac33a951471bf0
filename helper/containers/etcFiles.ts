/** Files of /etc that are the container's own, whatever its image says: bound over the image's. */
import { readFileSync } from 'node:fs'
import { isErrno } from '../host/errno.ts'
import type { RunRequest } from '../protocol/schemas.ts'

function hostFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return ''
    throw error
  }
}

export function etcFiles(request: RunRequest, hostname: string): { target: string; content: string; mode: number }[] {
  const hosts = `127.0.0.1\tlocalhost ${hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n`
  const files = [
    { target: '/etc/hostname', content: `${hostname}\n`, mode: 0o644 },
    { target: '/etc/hosts', content: hosts, mode: 0o644 },
  ]
  // Without a network there is nobody to ask.
  if (request.network === 'host')
    files.push({ target: '/etc/resolv.conf', content: hostFile('/etc/resolv.conf'), mode: 0o644 })
  return files
}
