#include "layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace layer {
namespace {

constexpr size_t kMaxWhole = 1024;
constexpr int kMaxDepth = 512;

int layer_root = -1;
int host_root = -1;
dev_t host_device;
const char *whole[kMaxWhole];
size_t whole_count;
size_t hidden_count;
char message[PATH_MAX + 256];

bool failed(const char *what, const char *path) {
  snprintf(message, sizeof message, "%s %s: %s", what, path, strerror(errno));
  return false;
}

bool is_whole(const char *path) {
  for (size_t i = 0; i < whole_count; i++)
    if (strcmp(whole[i], path) == 0) return true;
  return false;
}

// Strictly below a directory that is hidden whole: nothing to do there.
bool is_below_whole(const char *path) {
  for (size_t i = 0; i < whole_count; i++) {
    size_t length = strlen(whole[i]);
    if (strncmp(whole[i], path, length) == 0 && path[length] == '/') return true;
  }
  return false;
}

bool others_can_read(const struct stat &status) {
  if (S_ISLNK(status.st_mode)) return true;
  mode_t needed = S_ISDIR(status.st_mode) ? S_IROTH | S_IXOTH : S_IROTH;
  return (status.st_mode & needed) == needed;
}

// A path below a root, no link followed, no other mount entered: users of the host may move things meanwhile.
int resolve(int root, const char *path, int flags) {
  while (*path == '/') path++;
  open_how how{static_cast<uint64_t>(flags | O_CLOEXEC), 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
  return static_cast<int>(syscall(SYS_openat2, root, *path == '\0' ? "." : path, &how, sizeof how));
}

bool is_opaque(int directory, const char *name) {
  int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return false;
  char value = '\0';
  bool opaque = fgetxattr(fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
  close(fd);
  return opaque;
}

bool copy_attributes(int fd, const struct stat &host) {
  struct stat now;
  if (fstat(fd, &now) != 0) return false;
  if ((now.st_uid != host.st_uid || now.st_gid != host.st_gid) && fchown(fd, host.st_uid, host.st_gid) != 0) return false;
  if ((now.st_mode & 07777) != (host.st_mode & 07777) && fchmod(fd, host.st_mode & 07777) != 0) return false;
  timespec times[2] = {host.st_mtim, host.st_mtim};
  return futimens(fd, times) == 0;
}

// Removes what the layer has of this name, and whatever is below; absent is fine.
bool remove_all(int parent, const char *name) {
  struct stat status;
  if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT;
  if (!S_ISDIR(status.st_mode)) {
    hidden_count--;
    return unlinkat(parent, name, 0) == 0;
  }
  if (is_opaque(parent, name)) hidden_count--;
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return false;
  DIR *listing = fdopendir(fd);
  bool good = listing != nullptr;
  for (dirent *entry; good && (entry = readdir(listing)) != nullptr;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    good = remove_all(dirfd(listing), entry->d_name);
  }
  if (listing != nullptr) closedir(listing);
  return good && unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

// The layer's twin of a host directory, made with its owner, mode and time: overlayfs shows the uppermost's.
int mirror(const char *path) {
  int fd = resolve(layer_root, path, O_RDONLY | O_DIRECTORY);
  if (fd >= 0 || errno != ENOENT) return fd;
  char above[PATH_MAX];
  snprintf(above, sizeof above, "%s", path);
  char *slash = strrchr(above, '/');
  if (slash == nullptr) return -1;
  *slash = '\0';
  int parent = mirror(above);
  if (parent < 0) return -1;
  int host = resolve(host_root, path, O_PATH | O_DIRECTORY);
  struct stat status;
  bool good = host >= 0 && fstat(host, &status) == 0 && mkdirat(parent, slash + 1, 0700) == 0;
  if (good) fd = openat(parent, slash + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (good && (fd < 0 || !copy_attributes(fd, status))) good = false;
  int error = errno;
  if (host >= 0) close(host);
  close(parent);
  errno = error;
  return good ? fd : -1;
}

bool hide_file(const char *parent_path, const char *name) {
  int parent = mirror(parent_path);
  if (parent < 0) return errno == ENOENT || failed("mirror", parent_path);  // the host's directory is gone again
  struct stat status;
  bool done = fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(status.st_mode);
  if (!done) {
    done = remove_all(parent, name) && mknodat(parent, name, S_IFCHR | 0600, makedev(0, 0)) == 0;
    if (done) hidden_count++;
  }
  close(parent);
  return done || failed("whiteout in", parent_path);
}

bool hide_directory(const char *parent_path, const char *name, const struct stat &host) {
  int parent = mirror(parent_path);
  if (parent < 0) return errno == ENOENT || failed("mirror", parent_path);
  bool good = is_opaque(parent, name);
  if (!good) {
    good = remove_all(parent, name) && mkdirat(parent, name, 0700) == 0;
    int fd = good ? openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    good = fd >= 0 && fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) == 0 && copy_attributes(fd, host);
    if (fd >= 0) close(fd);
    if (good) hidden_count++;
  }
  close(parent);
  return good || failed("opaque directory in", parent_path);
}

// What the layer has of a path that others can read, or that is gone: nothing, but for a directory's own twin.
bool unhide(const char *parent_path, const char *name, bool is_directory) {
  int parent = resolve(layer_root, parent_path, O_RDONLY | O_DIRECTORY);
  if (parent < 0) return errno == ENOENT || failed("open", parent_path);
  struct stat status;
  bool exists = fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
  bool keep = exists && is_directory && S_ISDIR(status.st_mode) && !is_opaque(parent, name);
  bool good = !exists || keep || remove_all(parent, name);
  close(parent);
  return good || failed("remove from", parent_path);
}

bool visit(int host_parent, const char *parent_path, const char *name, int depth);

bool walk(int fd, const char *path, int depth) {
  DIR *listing = fdopendir(fd);
  if (listing == nullptr) {
    close(fd);
    return failed("list", path);
  }
  bool good = true;
  for (dirent *entry; good && (entry = readdir(listing)) != nullptr;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    // A link is never hidden: what it leads to is looked at by its own name.
    if (entry->d_type != DT_LNK) good = visit(dirfd(listing), path, entry->d_name, depth);
  }
  closedir(listing);
  return good;
}

// Re-applies the mode and owner to a twin that exists, for a directory whose attributes changed.
void refresh_twin(const char *path, const struct stat &host) {
  int fd = resolve(layer_root, path, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return;
  copy_attributes(fd, host);
  close(fd);
}

bool visit(int host_parent, const char *parent_path, const char *name, int depth) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/%s", parent_path, name) >= PATH_MAX || depth > kMaxDepth) {
    struct stat unused{};
    return hide_directory(parent_path, name, unused);
  }
  struct stat status;
  if (fstatat(host_parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
    return (errno == ENOENT || errno == ENOTDIR) ? unhide(parent_path, name, false) : failed("stat", path);
  bool is_directory = S_ISDIR(status.st_mode);
  bool other_mount = status.st_dev != host_device;
  if (is_directory && (other_mount || is_whole(path) || !others_can_read(status)))
    return hide_directory(parent_path, name, status);
  if (!is_directory && !others_can_read(status)) return hide_file(parent_path, name);
  if (!unhide(parent_path, name, is_directory)) return false;
  if (!is_directory) return true;
  refresh_twin(path, status);
  int fd = openat(host_parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME);
  if (fd < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || failed("open", path);
  return walk(fd, path, depth + 1);
}

}  // namespace

void open(int directory, char *const *hidden, size_t count) {
  layer_root = directory;
  host_root = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct stat status;
  if (fstat(host_root, &status) == 0) host_device = status.st_dev;
  for (size_t i = 0; i < count && whole_count < kMaxWhole; i++) whole[whole_count++] = hidden[i];
  copy_attributes(layer_root, status);
}

bool clear() {
  DIR *listing = fdopendir(fcntl(layer_root, F_DUPFD_CLOEXEC, 3));
  if (listing == nullptr) return failed("list", "the layer");
  bool good = true;
  for (dirent *entry; good && (entry = readdir(listing)) != nullptr;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    good = remove_all(layer_root, entry->d_name);
  }
  closedir(listing);
  hidden_count = 0;
  return good || failed("clear", "the layer");
}

void hide_whole(const char *path) {
  if (strcmp(path, "/") == 0 || is_whole(path) || whole_count == kMaxWhole) return;
  whole[whole_count++] = strdup(path);
}

bool update(const char *path) {
  if (is_below_whole(path)) return true;
  if (strcmp(path, "/") == 0 || *path == '\0') {
    int fd = resolve(host_root, "", O_RDONLY | O_DIRECTORY);
    return fd >= 0 ? walk(fd, "", 0) : failed("open", "/");
  }
  char parent_path[PATH_MAX];
  snprintf(parent_path, sizeof parent_path, "%s", path);
  char *slash = strrchr(parent_path, '/');
  *slash = '\0';
  // Below a directory that others cannot read, nothing shows anyway; a change of that directory is its own event.
  int twin = resolve(layer_root, parent_path, O_RDONLY | O_DIRECTORY);
  if (twin >= 0) {
    char value = '\0';
    bool opaque = fgetxattr(twin, "trusted.overlay.opaque", &value, 1) == 1;
    close(twin);
    if (opaque) return true;
  } else if (errno == ENOTDIR || errno == ELOOP) {
    return true;  // a parent is a whiteout
  }
  int parent = resolve(host_root, parent_path, O_RDONLY | O_DIRECTORY);
  if (parent < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EXDEV || failed("open", parent_path);
  bool good = visit(parent, parent_path, slash + 1, 0);
  close(parent);
  return good;
}

const char *problem() { return message; }

size_t hidden() { return hidden_count; }

}  // namespace layer
