#include "tree.h"

#include <archive.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace tree {
namespace {

struct Directory {
  char *path;
  mode_t mode;
  timespec times[2];
};

int root = -1;
Directory *directories;
size_t directory_count, directory_room;
char message[PATH_MAX + 512];

__attribute__((format(printf, 1, 2))) const char *problem(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return message;
}

const char *failed(const char *path) { return problem("%s: %s", path, strerror(errno)); }

// Links are followed, but never past the root; magic links not at all (openat2(2)).
int resolve(const char *path, int flags) {
  open_how how{static_cast<uint64_t>(flags | O_CLOEXEC), 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  return static_cast<int>(syscall(SYS_openat2, root, *path == '\0' ? "." : path, &how, sizeof how));
}

// "./a//b/" -> "a/b". "" is the root itself. An entry that climbs is an attack or a mistake: said, not repaired.
const char *normalise(const char *path, char *out) {
  size_t length = 0;
  const char *original = path;
  while (*path != '\0') {
    while (*path == '/') path++;
    size_t part = strcspn(path, "/");
    if (part == 2 && memcmp(path, "..", 2) == 0) return problem("entry %s climbs out of the archive with ..", original);
    if (part > 0 && !(part == 1 && *path == '.')) {
      if (length + part + 2 > PATH_MAX) return problem("entry %.100s...: the name is longer than %d bytes", original, PATH_MAX);
      if (length > 0) out[length++] = '/';
      memcpy(out + length, path, part);
      length += part;
    }
    path += part;
  }
  out[length] = '\0';
  return nullptr;
}

// The directory that holds `path`, made if missing; *name is its last component.
const char *open_parent(char *path, const char **name, int *parent) {
  char *slash = strrchr(path, '/');
  *name = slash == nullptr ? path : slash + 1;
  if (slash != nullptr) *slash = '\0';
  const char *directory = slash == nullptr ? "" : path;
  *parent = resolve(directory, O_PATH | O_DIRECTORY);
  if (*parent < 0 && errno == ENOENT) {
    // An archive may leave out directories: make them one by one, each below a descriptor.
    char above[PATH_MAX];
    snprintf(above, sizeof above, "%s", directory);
    const char *last;
    int fd;
    const char *error = open_parent(above, &last, &fd);
    if (error == nullptr && mkdirat(fd, last, 0755) != 0) error = failed(directory);
    if (error == nullptr) *parent = openat(fd, last, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    close(fd);
    if (error != nullptr) return error;
  }
  const char *error = *parent < 0 ? failed(directory) : nullptr;
  if (slash != nullptr) *slash = '/';
  return error;
}

bool is_container_device(const char *path, dev_t device) {
  static const struct {
    const char *path;
    unsigned major_number, minor_number;
  } kUsual[] = {{"dev/null", 1, 3},   {"dev/zero", 1, 5}, {"dev/full", 1, 7},    {"dev/random", 1, 8},
                {"dev/urandom", 1, 9}, {"dev/tty", 5, 0},  {"dev/console", 5, 1}, {"dev/ptmx", 5, 2}};
  for (const auto &usual : kUsual)
    if (strcmp(usual.path, path) == 0 && device == makedev(usual.major_number, usual.minor_number)) return true;
  return false;
}

const char *remember_directory(const char *path, archive_entry *entry) {
  if (directory_count == directory_room) {
    directory_room = directory_room == 0 ? 1024 : directory_room * 2;
    auto *grown = static_cast<Directory *>(realloc(directories, directory_room * sizeof(Directory)));
    if (grown == nullptr) return problem("no memory for %zu directories", directory_room);
    directories = grown;
  }
  Directory &directory = directories[directory_count++];
  directory.path = strdup(path);
  directory.mode = archive_entry_perm(entry);
  directory.times[0] = directory.times[1] = {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
  return nullptr;
}

const char *set_xattrs(int fd, archive_entry *entry) {
  const char *name;
  const void *value;
  size_t size;
  archive_entry_xattr_reset(entry);
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
    // overlayfs would take these as whiteouts and redirects: an image must not speak to it.
    if (strncmp(name, "trusted.", 8) == 0) continue;
    if (fsetxattr(fd, name, value, size, 0) != 0 && errno != EOPNOTSUPP)
      return problem("%s: extended attribute %s: %s", archive_entry_pathname(entry), name, strerror(errno));
  }
  return nullptr;
}

const char *make_hard_link(const char *path, const char *target, int parent, const char *name) {
  char clean[PATH_MAX];
  if (target[0] == '/') return problem("entry %s is a hard link to the absolute path %s", path, target);
  if (const char *error = normalise(target, clean)) return error;
  const char *target_name;
  int target_parent;
  char *slash = strrchr(clean, '/');
  target_name = slash == nullptr ? clean : slash + 1;
  if (slash != nullptr) *slash = '\0';
  target_parent = resolve(slash == nullptr ? "" : clean, O_PATH | O_DIRECTORY);
  if (target_parent < 0) return problem("entry %s is a hard link to %s: %s", path, target, strerror(errno));
  // Without AT_SYMLINK_FOLLOW: a link to a link stays one.
  int result = linkat(target_parent, target_name, parent, name, 0);
  int error = errno;
  close(target_parent);
  return result == 0 ? nullptr : problem("entry %s is a hard link to %s: %s", path, target, strerror(error));
}

const char *make_node(archive_entry *entry, const char *path, int parent, const char *name, int *content) {
  uid_t uid = static_cast<uid_t>(archive_entry_uid(entry));
  gid_t gid = static_cast<gid_t>(archive_entry_gid(entry));
  timespec times[2];
  times[0] = times[1] = {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      *content = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
      return *content < 0 ? failed(path) : nullptr;
    case AE_IFLNK: {
      if (symlinkat(archive_entry_symlink(entry), parent, name) != 0) return failed(path);
      if (fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0) return failed(path);
      return utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) == 0 ? nullptr : failed(path);
    }
    case AE_IFIFO:
      if (mkfifoat(parent, name, 0600) != 0) return failed(path);
      if (fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0) return failed(path);
      if (fchmodat(parent, name, archive_entry_perm(entry), 0) != 0) return failed(path);
      return utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) == 0 ? nullptr : failed(path);
    case AE_IFCHR:
    case AE_IFBLK:
      // Those that every container gets anyway are left out; any other would be a way to the host's hardware.
      if (archive_entry_filetype(entry) == AE_IFCHR && is_container_device(path, archive_entry_rdev(entry))) return nullptr;
      return problem("entry %s is a device node (%u:%u), which an image must not bring", path,
                     major(archive_entry_rdev(entry)), minor(archive_entry_rdev(entry)));
    case AE_IFSOCK:
      return nullptr;  // means nothing without its process
    default:
      return problem("entry %s is of an unknown type", path);
  }
}

const char *make_directory(archive_entry *entry, const char *path, int parent, const char *name) {
  struct stat status;
  bool exists = fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (exists && !S_ISDIR(status.st_mode)) {
    if (unlinkat(parent, name, 0) != 0) return failed(path);
    exists = false;
  }
  if (!exists && mkdirat(parent, name, 0700) != 0) return failed(path);
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return failed(path);
  const char *error = nullptr;
  if (fchown(fd, static_cast<uid_t>(archive_entry_uid(entry)), static_cast<gid_t>(archive_entry_gid(entry))) != 0)
    error = failed(path);
  if (error == nullptr) error = set_xattrs(fd, entry);
  close(fd);
  return error == nullptr ? remember_directory(path, entry) : error;
}

const char *make_root(archive_entry *entry) {
  if (archive_entry_filetype(entry) != AE_IFDIR) return problem("entry %s would replace the root", archive_entry_pathname(entry));
  if (fchownat(root, "", static_cast<uid_t>(archive_entry_uid(entry)), static_cast<gid_t>(archive_entry_gid(entry)),
               AT_EMPTY_PATH) != 0)
    return failed("the root");
  return remember_directory("", entry);
}

}  // namespace

void open(int directory) { root = directory; }

const char *make(archive_entry *entry, int *content) {
  *content = -1;
  const char *raw = archive_entry_pathname(entry);
  char path[PATH_MAX];
  if (raw == nullptr) return problem("an entry has no name, or one that is not text");
  if (const char *error = normalise(raw, path)) return error;
  if (path[0] == '\0') return make_root(entry);

  const char *name;
  int parent;
  if (const char *error = open_parent(path, &name, &parent)) return error;
  const char *error;
  if (archive_entry_filetype(entry) == AE_IFDIR && archive_entry_hardlink(entry) == nullptr) {
    error = make_directory(entry, path, parent, name);
  } else {
    // A later entry of the same name replaces the earlier one; what a link leads to stays.
    if (unlinkat(parent, name, 0) != 0 && errno == EISDIR) unlinkat(parent, name, AT_REMOVEDIR);
    const char *target = archive_entry_hardlink(entry);
    error = target != nullptr ? make_hard_link(path, target, parent, name) : make_node(entry, path, parent, name, content);
  }
  close(parent);
  return error;
}

const char *finish_file(archive_entry *entry, int content) {
  const char *path = archive_entry_pathname(entry);
  timespec times[2];
  times[0] = times[1] = {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
  // A hole at the end has no block to write.
  if (archive_entry_size_is_set(entry) && ftruncate(content, archive_entry_size(entry)) != 0) return failed(path);
  // Owner first: a change of owner clears set-user-id bits and capabilities.
  if (fchown(content, static_cast<uid_t>(archive_entry_uid(entry)), static_cast<gid_t>(archive_entry_gid(entry))) != 0)
    return failed(path);
  if (fchmod(content, archive_entry_perm(entry)) != 0) return failed(path);
  if (const char *error = set_xattrs(content, entry)) return error;
  return futimens(content, times) == 0 ? nullptr : failed(path);
}

const char *finish_directories() {
  for (size_t i = directory_count; i-- > 0;) {
    const Directory &directory = directories[i];
    int fd = resolve(directory.path, O_RDONLY | O_DIRECTORY);
    // Replaced by something else later in the archive: then that entry's mode counts.
    if (fd < 0) continue;
    bool failed_here = fchmod(fd, directory.mode) != 0 || futimens(fd, directory.times) != 0;
    close(fd);
    if (failed_here) return failed(directory.path);
  }
  return nullptr;
}

}  // namespace tree
