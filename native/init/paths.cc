#include "paths.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "syscalls.h"

namespace paths {
namespace {

uint64_t resolve_flags(Links links) {
  uint64_t flags = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return links == Links::kRefuse ? flags | RESOLVE_NO_SYMLINKS : flags;
}

Outcome explain(int error, const char *path) {
  if (error == ELOOP) return fail_with(error, "%s (a symbolic link is refused here)", path);
  return fail_with(error, "%s", path);
}

// Splits off the last component; "" as parent for a path with one component.
Outcome split(const char *path, char *parent, const char **name) {
  size_t length = strlen(path);
  if (length >= PATH_MAX) return fail_with(ENAMETOOLONG, "%.200s", path);
  const char *slash = strrchr(path, '/');
  *name = slash == nullptr ? path : slash + 1;
  size_t parent_length = slash == nullptr ? 0 : static_cast<size_t>(slash - path);
  memcpy(parent, path, parent_length);
  parent[parent_length] = '\0';
  if (**name == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0) return fail_with(EINVAL, "%.200s", path);
  return ok();
}

}  // namespace

Outcome open_inside(int root, const char *path, Links links, Fd *out) {
  while (*path == '/') path++;
  int fd = sys::openat2(root, *path == '\0' ? "." : path, O_PATH, 0, resolve_flags(links));
  if (fd < 0) return explain(errno, path);
  out->reset(fd);
  return ok();
}

Outcome ensure_directory(int root, const char *path, Links links, Fd *out) {
  Outcome found = open_inside(root, path, links, out);
  if (found.failed && found.error != ENOENT) return found;
  if (found.failed) {
    char parent[PATH_MAX];
    const char *name;
    TRY(split(path, parent, &name));
    Fd directory;
    TRY(ensure_directory(root, parent, links, &directory));
    // A dangling link is ENOENT above and EEXIST here: refused, not followed.
    if (mkdirat(directory.get(), name, 0755) != 0)
      return errno == EEXIST ? fail_with(EEXIST, "%s (a symbolic link that leads nowhere)", path) : FAIL("%s", path);
    out->reset(openat(directory.get(), name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!out->valid()) return FAIL("%s", path);
  }
  struct stat status;
  if (fstat(out->get(), &status) != 0) return FAIL("%s", path);
  if (!S_ISDIR(status.st_mode)) return fail_with(ENOTDIR, "%s", path);
  return ok();
}

Outcome ensure_file(int root, const char *path, Fd *out) {
  Outcome found = open_inside(root, path, Links::kInRoot, out);
  if (!found.failed || found.error != ENOENT) return found;
  char parent[PATH_MAX];
  const char *name;
  TRY(split(path, parent, &name));
  Fd directory;
  TRY(ensure_directory(root, parent, Links::kInRoot, &directory));
  // A link that leads nowhere (resolv.conf often does) makes way for a file: in the container's own copy alone.
  struct stat status;
  if (fstatat(directory.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode) &&
      unlinkat(directory.get(), name, 0) != 0)
    return FAIL("%s", path);
  Fd file(openat(directory.get(), name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0644));
  if (!file.valid()) return FAIL("%s", path);
  out->reset(openat(directory.get(), name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  return out->valid() ? ok() : FAIL("%s", path);
}

Outcome require_device(int fd, const char *path, unsigned device_major, unsigned device_minor) {
  struct stat status;
  if (fstat(fd, &status) != 0) return FAIL("%s", path);
  if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(device_major, device_minor))
    return fail_with(ENODEV, "%s is not the character device %u:%u", path, device_major, device_minor);
  return ok();
}

}  // namespace paths
