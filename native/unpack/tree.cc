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

#include "deferred.h"

namespace tree {
namespace {

struct Directory {
  char *path;
  mode_t mode;
  timespec times[2];
};

int root = -1;
int requests = -1;
reader::Options options;
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

// Leaves errno as it is: it says whether the disk is full, or the name taken.
const char *failed(const char *path) {
  int error = errno;
  const char *said = problem("%s: %s", path, strerror(error));
  errno = error;
  return said;
}

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

// The directory of the last entry: archives keep a directory's entries together. By descriptor, so that it stays inside
// whatever an entry replaces meanwhile; forgotten when one does.
char known_path[PATH_MAX];
int known = -1;
bool forget_later;  // after the entry that is being made

void forget_parent() {
  if (known >= 0) close(known);
  known = -1;
}

const char *known_parent(char *path, const char **name, int *parent) {
  const char *slash = strrchr(path, '/');
  size_t length = slash == nullptr ? 0 : static_cast<size_t>(slash - path);
  *name = slash == nullptr ? path : slash + 1;
  if (forget_later) forget_parent();
  forget_later = false;
  if (known < 0 || strlen(known_path) != length || memcmp(known_path, path, length) != 0) {
    forget_parent();
    if (const char *error = open_parent(path, name, &known)) {
      known = -1;
      return error;
    }
    memcpy(known_path, path, length);
    known_path[length] = '\0';
  }
  *parent = known;
  return nullptr;
}

void remove_earlier(int parent, const char *name) {
  if (unlinkat(parent, name, 0) != 0 && errno == EISDIR) unlinkat(parent, name, AT_REMOVEDIR);
  forget_later = true;
}

uid_t owner(archive_entry *entry) {
  return options.shift + (options.keep_owners ? static_cast<uid_t>(archive_entry_uid(entry)) : 0);
}

gid_t group(archive_entry *entry) {
  return options.shift + (options.keep_owners ? static_cast<gid_t>(archive_entry_gid(entry)) : 0);
}

const char *defer(deferred::Kind kind, const char *path, archive_entry *entry) {
  static deferred::Request request;
  memset(&request, 0, sizeof request);
  request.kind = kind;
  if (entry != nullptr) {
    request.mode = archive_entry_filetype(entry) | archive_entry_perm(entry);
    request.uid = owner(entry);
    request.gid = group(entry);
    request.device = archive_entry_rdev(entry);
    request.seconds = archive_entry_mtime(entry);
    request.nanoseconds = archive_entry_mtime_nsec(entry);
  }
  snprintf(request.path, sizeof request.path, "%s", path);
  return write(requests, &request, sizeof request) == static_cast<ssize_t>(sizeof request) ? nullptr : failed(path);
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
  const char *said = result == 0 ? nullptr : problem("entry %s is a hard link to %s: %s", path, target, strerror(error));
  errno = error;
  return said;
}

const char *make_node(archive_entry *entry, const char *path, int parent, const char *name, int *content) {
  uid_t uid = owner(entry);
  gid_t gid = group(entry);
  timespec times[2];
  times[0] = times[1] = {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      // Set-id bits come last, with the owner.
      *content = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, archive_entry_perm(entry) & 0777);
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
      // overlayfs takes the device 0:0 for a whiteout: an image must not speak to it.
      if (archive_entry_rdev(entry) == 0) return problem("entry %s is the device node 0:0, which means a removed file", path);
      return defer(deferred::Kind::kDevice, path, entry);
    case AE_IFSOCK:
      return nullptr;  // means nothing without its process
    default:
      return problem("entry %s is of an unknown type", path);
  }
}

const char *make_other(archive_entry *entry, const char *path, int parent, const char *name, int *content) {
  const char *target = archive_entry_hardlink(entry);
  return target != nullptr ? make_hard_link(path, target, parent, name) : make_node(entry, path, parent, name, content);
}

const char *make_directory(archive_entry *entry, const char *path, int parent, const char *name) {
  struct stat status;
  if (mkdirat(parent, name, 0700) != 0) {
    if (errno != EEXIST || fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return failed(path);
    if (!S_ISDIR(status.st_mode)) {
      remove_earlier(parent, name);
      if (mkdirat(parent, name, 0700) != 0) return failed(path);
    }
    // A directory in the place of a removed one: what lower layers have there stays removed.
    if (S_ISCHR(status.st_mode) && status.st_rdev == 0)
      if (const char *error = defer(deferred::Kind::kOpaque, path, nullptr)) return error;
  }
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return failed(path);
  const char *error = nullptr;
  if (fchown(fd, owner(entry), group(entry)) != 0)
    error = failed(path);
  if (error == nullptr) error = set_xattrs(fd, entry);
  close(fd);
  return error == nullptr ? remember_directory(path, entry) : error;
}

constexpr char kWhiteout[] = ".wh.";
constexpr char kOpaque[] = ".wh..wh..opq";

// OCI image-spec, layer.md, "Whiteouts": they hide what lower layers have, never what this one has.
const char *make_whiteout(const char *path, int parent, const char *name) {
  size_t above = static_cast<size_t>(name - path);  // the directory's part of the path, with its slash
  char target[PATH_MAX];
  if (strcmp(name, kOpaque) == 0) {
    snprintf(target, sizeof target, "%.*s", static_cast<int>(above == 0 ? 0 : above - 1), path);
    return defer(deferred::Kind::kOpaque, target, nullptr);
  }
  const char *hidden = name + strlen(kWhiteout);
  // aufs kept its own books under this name; nobody else knows what to do with them.
  if (strncmp(hidden, kWhiteout, strlen(kWhiteout)) == 0) return nullptr;
  if (*hidden == '\0' || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
    return problem("entry %s is a whiteout of nothing", path);
  struct stat status;
  if (fstatat(parent, hidden, &status, AT_SYMLINK_NOFOLLOW) == 0) {
    if (!S_ISDIR(status.st_mode)) return nullptr;
    snprintf(target, sizeof target, "%.*s%s", static_cast<int>(above), path, hidden);
    return defer(deferred::Kind::kOpaque, target, nullptr);
  }
  return mknodat(parent, hidden, S_IFCHR, 0) == 0 ? nullptr : failed(path);  // whiteouts need no capability (Linux 5.8)
}

const char *make_root(archive_entry *entry) {
  if (archive_entry_filetype(entry) != AE_IFDIR) return problem("entry %s would replace the root", archive_entry_pathname(entry));
  if (fchownat(root, "", owner(entry), group(entry), AT_EMPTY_PATH) != 0) return failed("the root");
  return remember_directory("", entry);
}

}  // namespace

void open(int directory, int deferred, const reader::Options &how) {
  root = directory;
  requests = deferred;
  options = how;
}

const char *make(archive_entry *entry, int *content) {
  *content = -1;
  const char *raw = archive_entry_pathname(entry);
  char path[PATH_MAX];
  if (raw == nullptr) return problem("an entry has no name, or one that is not text");
  if (const char *error = normalise(raw, path)) return error;
  if (path[0] == '\0') return make_root(entry);

  const char *name;
  int parent;
  if (const char *error = known_parent(path, &name, &parent)) return error;
  if (options.is_layer && strncmp(name, kWhiteout, strlen(kWhiteout)) == 0) return make_whiteout(path, parent, name);
  if (archive_entry_filetype(entry) == AE_IFDIR && archive_entry_hardlink(entry) == nullptr)
    return make_directory(entry, path, parent, name);
  const char *error = make_other(entry, path, parent, name, content);
  if (error == nullptr || errno != EEXIST) return error;
  // A later entry of the same name replaces the earlier one; what a link leads to stays.
  remove_earlier(parent, name);
  return make_other(entry, path, parent, name, content);
}

const char *finish_file(archive_entry *entry, int content) {
  const char *path = archive_entry_pathname(entry);
  struct stat status;
  timespec times[2];
  times[0] = times[1] = {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
  if (fstat(content, &status) != 0) return failed(path);
  // A hole at the end has no block to write.
  bool has_size = !archive_entry_size_is_set(entry) || status.st_size == archive_entry_size(entry);
  if (!has_size && ftruncate(content, archive_entry_size(entry)) != 0) return failed(path);
  // Owner first: a change of owner clears set-user-id bits and capabilities. Most files are as they were made.
  bool has_owner = status.st_uid == owner(entry) && status.st_gid == group(entry);
  if (!has_owner && fchown(content, owner(entry), group(entry)) != 0) return failed(path);
  bool has_mode = has_owner && (status.st_mode & 07777) == (archive_entry_perm(entry) & 07777);
  if (!has_mode && fchmod(content, archive_entry_perm(entry)) != 0) return failed(path);
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
