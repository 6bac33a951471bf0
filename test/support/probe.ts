/** A static program that tries, inside a container, what must not work, and says how each attempt ended. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const source = `
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>
static int first = 1;
static void say(const char *what, const char *how) {
  printf("%s\\"%s\\": \\"%s\\"", first ? "{" : ", ", what, how);
  first = 0;
}
static void tell(const char *what, long result) { say(what, result >= 0 ? "ok" : strerrorname_np(errno)); }
int main(void) {
  tell("socket AF_ALG", socket(38, SOCK_SEQPACKET, 0));
  tell("socket AF_VSOCK", socket(40, SOCK_STREAM, 0));
  tell("socket AF_INET", socket(AF_INET, SOCK_STREAM, 0));
  tell("unshare CLONE_NEWUSER", unshare(CLONE_NEWUSER));
  tell("clone3", syscall(SYS_clone3, NULL, 0));
  tell("keyctl", syscall(SYS_keyctl, 0, -3, 0));
  tell("bpf", syscall(SYS_bpf, 0, NULL, 0));
  tell("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0));
  tell("mknod of a disk", mknod("/disk", S_IFBLK | 0600, makedev(8, 0)));
  char byte = 'x';
  say("TIOCSTI", ioctl(0, TIOCSTI, &byte) == 0 ? "ok" : "refused");
  puts("}");
  return 0;
}
`

let made: { archive: string } | undefined

/** An archive with the program as /probe. */
export function buildProbe(): { archive: string } {
  if (made !== undefined) return made
  const directory = mkdtempSync('/tmp/bulkhead-probe-')
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  writeFileSync(join(directory, 'probe.c'), source)
  execFileSync('gcc', ['-static', '-O1', '-o', join(directory, 'probe'), join(directory, 'probe.c')])
  const archive = join(directory, 'probe.tar')
  execFileSync('tar', ['-C', directory, '-cf', archive, 'probe'])
  made = { archive }
  return made
}
