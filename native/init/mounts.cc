// Mounts of the container, each made detached and moved to a descriptor inside the root.
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <termios.h>

#include "channel.h"
#include "container.h"
#include "paths.h"
#include "syscalls.h"

using paths::Links;

namespace {

constexpr uint64_t kReadOnly = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

Outcome new_mount(const char *type, uint64_t attributes, plan::Strings options, Fd *out) {
  Fd context(sys::fsopen(type));
  if (!context.valid()) return FAIL("%s", type);
  plan::Reader reader = options.reader();
  for (uint32_t i = 0; i < options.count; i++) {
    const char *option = reader.string();
    const char *equals = strchr(option, '=');
    char key[64];
    size_t length = equals == nullptr ? strlen(option) : static_cast<size_t>(equals - option);
    if (length >= sizeof key) return fail_with(EINVAL, "option %.80s", option);
    memcpy(key, option, length);
    key[length] = '\0';
    int result = equals == nullptr ? sys::fsconfig(context.get(), FSCONFIG_SET_FLAG, key, nullptr)
                                   : sys::fsconfig(context.get(), FSCONFIG_SET_STRING, key, equals + 1);
    if (result != 0) return FAIL("%s option %s", type, option);
  }
  if (sys::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr) != 0) return FAIL("%s", type);
  out->reset(sys::fsmount(context.get(), static_cast<unsigned>(attributes)));
  return out->valid() ? ok() : FAIL("%s", type);
}

Outcome clone_mount(int fd, const char *path, unsigned flags, Fd *out) {
  out->reset(sys::open_tree(fd, path, flags));
  return out->valid() ? ok() : FAIL("%s", path);
}

Outcome move_to(int mount, int target, const char *path) {
  return sys::move_mount(mount, target) == 0 ? ok() : FAIL("on %s", path);
}

Outcome set_attributes(int mount, unsigned flags, uint64_t attributes, const char *path) {
  mount_attr attr{};
  attr.attr_set = attributes;
  return sys::mount_setattr(mount, flags, attr) == 0 ? ok() : FAIL("%s", path);
}

// A mount of the user's never covers the root or a kernel file system, wherever links of the image lead (CVE-2019-16884).
Outcome require_own_place(const Container &container, int target, const char *path) {
  struct statfs system;
  struct stat root, place;
  if (fstatfs(target, &system) != 0 || fstat(container.root.get(), &root) != 0 || fstat(target, &place) != 0)
    return FAIL("%s", path);
  switch (static_cast<unsigned long>(system.f_type)) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
      return fail_with(EPERM, "%s is on a kernel file system", path);
    default:
      break;
  }
  if (root.st_dev == place.st_dev && root.st_ino == place.st_ino) return fail_with(EPERM, "%s is the root", path);
  return ok();
}

}  // namespace

Outcome make_mounts_private() {
  Fd root(open("/", O_PATH | O_CLOEXEC));
  mount_attr attr{};
  attr.propagation = MS_PRIVATE;
  return sys::mount_setattr(root.get(), AT_RECURSIVE, attr) == 0 ? ok() : FAIL("/");
}

// The overlay is moved on the host's "/" in this mount namespace. Nothing looks up a path through it (a process's
// root directory is not looked up again), so it needs no directory of the host. Under it lies a small tmpfs, `aside`,
// for generated files and masks; it goes away with the host's tree at pivot_root.
Outcome attach_root(Container &container) {
  Fd slash(open("/", O_PATH | O_CLOEXEC));
  TRY(new_mount("tmpfs", 0, plan::Strings{}, &container.aside));
  TRY(move_to(container.aside.get(), slash.get(), "/"));
  if (mkdirat(container.aside.get(), "empty", 0555) != 0) return FAIL("directory for masks");
  container.null.reset(open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!container.null.valid()) return FAIL("/dev/null");
  TRY(paths::require_device(container.null.get(), "/dev/null", 1, 3));
  TRY(channel::expect(container.watcher, channel::kRoot, &container.root));
  return move_to(container.root.get(), slash.get(), "/");
}

Outcome mount_file_system(Container &container, const plan::Mount &mount) {
  Fd target, made;
  TRY(paths::ensure_directory(container.root.get(), mount.target, Links::kRefuse, &target));
  TRY(new_mount(mount.type, mount.attributes, mount.options, &made));
  return move_to(made.get(), target.get(), mount.target);
}

Outcome bind_directory(Container &container, const plan::Bind &bind) {
  Fd target, tree;
  TRY(paths::ensure_directory(container.root.get(), bind.target, Links::kRefuse, &target));
  TRY(clone_mount(AT_FDCWD, bind.source, AT_RECURSIVE, &tree));
  TRY(set_attributes(tree.get(), AT_RECURSIVE, bind.attributes, bind.source));
  return move_to(tree.get(), target.get(), bind.target);
}

Outcome attach_mount(Container &container, const plan::AttachMount &mount) {
  Fd tree, target;
  TRY(channel::expect(container.watcher, channel::kMount, &tree));
  struct stat status;
  if (fstat(tree.get(), &status) != 0) return FAIL("%s", mount.target);
  if (S_ISDIR(status.st_mode)) TRY(paths::ensure_directory(container.root.get(), mount.target, Links::kInRoot, &target));
  else TRY(paths::ensure_file(container.root.get(), mount.target, &target));
  TRY(require_own_place(container, target.get(), mount.target));
  return move_to(tree.get(), target.get(), mount.target);
}

Outcome mount_tmpfs(Container &container, const plan::MountTmpfs &mount) {
  Fd target, made;
  TRY(paths::ensure_directory(container.root.get(), mount.target, Links::kInRoot, &target));
  TRY(require_own_place(container, target.get(), mount.target));
  TRY(new_mount("tmpfs", mount.attributes, mount.options, &made));
  return move_to(made.get(), target.get(), mount.target);
}

Outcome set_sysctl(Container &container, const plan::SetSysctl &sysctl) {
  char path[256];
  if (snprintf(path, sizeof path, "proc/sys/%s", sysctl.path) >= static_cast<int>(sizeof path))
    return fail_with(ENAMETOOLONG, "%s", sysctl.path);
  Fd file(sys::openat2(container.root.get(), path, O_WRONLY, 0,
                       RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS));
  if (!file.valid()) return FAIL("%s", sysctl.path);
  size_t length = strlen(sysctl.value);
  return write(file.get(), sysctl.value, length) == static_cast<ssize_t>(length) ? ok()
                                                                                 : FAIL("%s = %s", sysctl.path, sysctl.value);
}

Outcome bind_device(Container &container, const plan::BindDevice &device) {
  Fd host_dev(open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC));
  Fd node(openat(host_dev.get(), device.name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!node.valid()) return FAIL("/dev/%s", device.name);
  TRY(paths::require_device(node.get(), device.name, device.device_major, device.device_minor));
  Fd directory, tree;
  TRY(paths::open_inside(container.root.get(), "/dev", Links::kRefuse, &directory));
  Fd file(openat(directory.get(), device.name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!file.valid()) return FAIL("/dev/%s", device.name);
  TRY(clone_mount(node.get(), "", AT_EMPTY_PATH, &tree));
  return move_to(tree.get(), file.get(), device.name);
}

Outcome make_symlink(Container &container, const plan::Symlink &symlink) {
  Fd directory;
  TRY(paths::open_inside(container.root.get(), symlink.directory, Links::kRefuse, &directory));
  return symlinkat(symlink.content, directory.get(), symlink.name) == 0 ? ok()
                                                                        : FAIL("%s/%s", symlink.directory, symlink.name);
}

Outcome bind_file(Container &container, const plan::BindFile &file) {
  Fd target, tree;
  TRY(paths::ensure_file(container.root.get(), file.target, &target));
  const char *slash = strrchr(file.target, '/');
  const char *name = slash == nullptr ? file.target : slash + 1;
  Fd made(openat(container.aside.get(), name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, file.mode));
  if (!made.valid()) return FAIL("%s", file.target);
  if (write(made.get(), file.content.data, file.content.size) != static_cast<ssize_t>(file.content.size))
    return FAIL("%s", file.target);
  TRY(clone_mount(container.aside.get(), name, 0, &tree));
  return move_to(tree.get(), target.get(), file.target);
}

Outcome mask_path(Container &container, const char *path) {
  Fd target, cover;
  Outcome found = paths::open_inside(container.root.get(), path, Links::kRefuse, &target);
  if (found.failed) return found.error == ENOENT ? ok() : found;  // not every kernel has every path
  struct stat status;
  if (fstat(target.get(), &status) != 0) return FAIL("%s", path);
  if (!S_ISDIR(status.st_mode)) {
    TRY(clone_mount(container.null.get(), "", AT_EMPTY_PATH, &cover));
    return move_to(cover.get(), target.get(), path);
  }
  if (container.masked.valid()) {
    TRY(clone_mount(container.masked.get(), "", AT_EMPTY_PATH, &cover));
    return move_to(cover.get(), target.get(), path);
  }
  TRY(clone_mount(container.aside.get(), "empty", 0, &container.masked));
  TRY(set_attributes(container.masked.get(), 0, kReadOnly, path));
  return move_to(container.masked.get(), target.get(), path);
}

Outcome make_path_read_only(Container &container, const char *path) {
  Fd target, tree;
  Outcome found = paths::open_inside(container.root.get(), path, Links::kRefuse, &target);
  if (found.failed) return found.error == ENOENT ? ok() : found;
  TRY(clone_mount(target.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &tree));
  TRY(set_attributes(tree.get(), AT_RECURSIVE, kReadOnly, path));
  return move_to(tree.get(), target.get(), path);
}

// The terminal of the container's first process is its console.
Outcome bind_console(Container &container, const Fd &peer) {
  Fd directory, tree;
  TRY(paths::open_inside(container.root.get(), "/dev", Links::kRefuse, &directory));
  Fd console(openat(directory.get(), "console", O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!console.valid()) return FAIL("/dev/console");
  TRY(clone_mount(peer.get(), "", AT_EMPTY_PATH, &tree));
  return move_to(tree.get(), console.get(), "/dev/console");
}

Outcome open_terminal(Container &container, const plan::OpenTerminal &terminal) {
  Fd master(sys::openat2(container.root.get(), "dev/pts/ptmx", O_RDWR | O_NOCTTY, 0,
                         RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS));
  if (!master.valid()) return FAIL("/dev/pts/ptmx");
  int unlocked = 0;
  if (ioctl(master.get(), TIOCSPTLCK, &unlocked) != 0) return FAIL("unlock the pty");
  // By TIOCGPTPEER, not by the name /dev/pts/N, which a link could redirect (CVE-2025-52565).
  Fd peer(ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!peer.valid()) return FAIL("the pty's peer");
  winsize size{static_cast<unsigned short>(terminal.rows), static_cast<unsigned short>(terminal.columns), 0, 0};
  if (ioctl(master.get(), TIOCSWINSZ, &size) != 0) return FAIL("window size");

  if (container.joined < 0) TRY(bind_console(container, peer));
  TRY(channel::send(container.watcher, channel::kTerminal, master.get()));
  if (ioctl(peer.get(), TIOCSCTTY, 0) != 0) return FAIL("controlling terminal");
  int fd = peer.release();
  for (int &standard : container.stdio) standard = fd;
  return ok();
}

// Whether the parent of the root is the root: nothing else is mounted there that ".." could lead to.
bool is_own_parent() {
  struct statx root, parent;
  constexpr unsigned kWanted = STATX_INO | STATX_MNT_ID;
  return statx(AT_FDCWD, "/", 0, kWanted, &root) == 0 && statx(AT_FDCWD, "/..", 0, kWanted, &parent) == 0 &&
         root.stx_ino == parent.stx_ino && root.stx_mnt_id == parent.stx_mnt_id;
}

Outcome pivot_root(Container &container) {
  if (fchdir(container.root.get()) != 0) return FAIL("the new root");
  if (sys::pivot_root(".", ".") != 0) return FAIL("the new root");
  // Stacked on the new root are now the host's tree and, on that, `aside`: "." is the uppermost (pivot_root(2)). Both go,
  // and then it is looked at: an old root that stays is a way out.
  if (umount2(".", MNT_DETACH) != 0) return FAIL("what is aside");
  if (umount2(".", MNT_DETACH) != 0) return FAIL("the old root");
  if (chdir("/") != 0) return FAIL("/");
  return is_own_parent() ? ok() : fail_with(EXDEV, "the old root is still there");
}

Outcome set_root_attributes(uint64_t attributes) {
  Fd root(open("/", O_PATH | O_CLOEXEC));
  return set_attributes(root.get(), 0, attributes, "/");
}
