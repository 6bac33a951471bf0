// System calls that Debian 12's C library does not wrap, or wraps only in part. One line each.
#pragma once
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

namespace sys {

// clone3(2): returns as fork(2) does.
inline pid_t clone3(clone_args *args) { return static_cast<pid_t>(syscall(SYS_clone3, args, sizeof *args)); }

// openat2(2): `resolve` is a set of RESOLVE_* flags. O_CLOEXEC is always added.
inline int openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  open_how how{flags | O_CLOEXEC, mode, resolve};
  return static_cast<int>(syscall(SYS_openat2, dir, path, &how, sizeof how));
}

// The mount API of Linux 5.2 and later (fsopen(2), fsconfig(2), fsmount(2), move_mount(2), open_tree(2)).
inline int fsopen(const char *type) { return static_cast<int>(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)); }
inline int fsconfig(int fd, unsigned command, const char *key, const char *value) {
  return static_cast<int>(syscall(SYS_fsconfig, fd, command, key, value, 0));
}
inline int fsmount(int fd, unsigned attributes) {
  return static_cast<int>(syscall(SYS_fsmount, fd, FSMOUNT_CLOEXEC, attributes));
}
inline int open_tree(int dir, const char *path, unsigned flags) {
  return static_cast<int>(syscall(SYS_open_tree, dir, path, flags | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
}
// Moves the mount `from` on the directory or file `to`: both descriptors, no path.
inline int move_mount(int from, int to) {
  return static_cast<int>(
      syscall(SYS_move_mount, from, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}
// mount_setattr(2), Linux 5.12.
inline int mount_setattr(int fd, unsigned flags, mount_attr attr) {
  return static_cast<int>(syscall(SYS_mount_setattr, fd, "", flags | AT_EMPTY_PATH, &attr, sizeof attr));
}
inline int pivot_root(const char *to, const char *old) { return static_cast<int>(syscall(SYS_pivot_root, to, old)); }
inline int close_range(unsigned first, unsigned last, unsigned flags) {
  return static_cast<int>(syscall(SYS_close_range, first, last, flags));
}

}  // namespace sys
