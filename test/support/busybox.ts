/** The smallest root file system that is of use: Debian's static busybox with its applets. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const busybox = '/bin/busybox'
let made: { directory: string; archive: string } | undefined

function applets(): string[] {
  return execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n')
}

/** Fills a folder with the root. */
export function makeBusyboxRoot(directory: string): void {
  for (const name of ['bin', 'etc', 'tmp', 'root', 'dev', 'proc', 'sys'])
    mkdirSync(join(directory, name), { recursive: true })
  copyFileSync(busybox, join(directory, 'bin/busybox'))
  for (const applet of applets())
    if (!existsSync(join(directory, 'bin', applet))) symlinkSync('busybox', join(directory, 'bin', applet))
  writeFileSync(
    join(directory, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000:Alice:/home/alice:/bin/sh\n',
  )
  writeFileSync(join(directory, 'etc/group'), 'root:x:0:\nalice:x:1000:\nteam:x:2000:alice\nops:x:3000:alice,bob\n')
}

function make(): { directory: string; archive: string } {
  const top = mkdtempSync('/tmp/bulkhead-busybox-')
  const directory = join(top, 'root')
  makeBusyboxRoot(directory)
  const archive = join(top, 'busybox.tar')
  execFileSync('tar', ['-C', directory, '-cf', archive, '.'])
  process.once('exit', () => execFileSync('rm', ['-rf', top]))
  return { directory, archive }
}

/** Unpacked; for peers. Not to be written to. */
export function busyboxRoot(): string {
  made ??= make()
  return made.directory
}

export function busyboxArchive(): string {
  made ??= make()
  return made.archive
}
