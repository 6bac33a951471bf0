/** What could remain of tests on a machine: processes, mounts, cgroups, links, firewall tables, folders, a line each. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const ourFolders = /\/(?:tmp|var\/tmp|dev\/shm)\/bulkhead-/

function processes(): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
        // A watcher names no folder; it is the tests' when its helper was. Those of a helper that runs are its own.
        const orphan = command === 'bulkhead-init' && /^PPid:\s+1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
        return orphan || ourFolders.test(command) ? [`process ${pid} ${command}`] : []
      } catch {
        return [] // ended meanwhile
      }
    })
}

function folders(): string[] {
  return ['/tmp', '/var/tmp', '/dev/shm'].flatMap((place) =>
    readdirSync(place)
      .filter((name) => name.startsWith('bulkhead-'))
      .map((name) => `folder ${place}/${name}`),
  )
}

export function leftovers(): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  const cgroups = execFileSync('find', ['/sys/fs/cgroup', '-type', 'd', '-name', 'bulkhead-*'], { encoding: 'utf8' })
  const tables = spawnSync('/usr/sbin/nft', ['list', 'tables'], { encoding: 'utf8' }).stdout ?? ''
  return [
    ...processes(),
    ...mounts.filter((line) => ourFolders.test(line)).map((line) => `mount ${line}`),
    ...cgroups
      .split('\n')
      .filter(Boolean)
      .map((path) => `cgroup ${path}`),
    ...readdirSync('/sys/class/net').map((name) => `link ${name}`),
    ...tables.split('\n').filter(Boolean),
    ...folders(),
  ]
}
