#include "deferred.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace deferred {
namespace {

char message[PATH_MAX + 128];

const char *failed(const char *what, const char *path) {
  snprintf(message, sizeof message, "%s: %s: %s", path, what, strerror(errno));
  return message;
}

int resolve(int root, const char *path, int flags) {
  open_how how{static_cast<uint64_t>(flags | O_CLOEXEC), 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  return static_cast<int>(syscall(SYS_openat2, root, *path == '\0' ? "." : path, &how, sizeof how));
}

const char *make_opaque(int root, const Request &request) {
  int fd = resolve(root, request.path, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return failed("opaque directory", request.path);
  bool done = fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) == 0;
  const char *problem = done ? nullptr : failed("opaque directory", request.path);
  close(fd);
  return problem;
}

const char *make_device(int root, Request &request) {
  char *slash = strrchr(request.path, '/');
  const char *name = slash == nullptr ? request.path : slash + 1;
  if (slash != nullptr) *slash = '\0';
  int parent = resolve(root, slash == nullptr ? "" : request.path, O_RDONLY | O_DIRECTORY);
  if (parent < 0) return failed("device", request.path);
  struct stat above;
  timespec times[2] = {{request.seconds, request.nanoseconds}, {request.seconds, request.nanoseconds}};
  bool done = fstat(parent, &above) == 0 && mknodat(parent, name, request.mode, request.device) == 0 &&
              fchownat(parent, name, request.uid, request.gid, AT_SYMLINK_NOFOLLOW) == 0 &&
              fchmodat(parent, name, request.mode & 07777, 0) == 0 &&
              utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) == 0;
  const char *problem = done ? nullptr : failed("device", name);
  timespec before[2] = {above.st_atim, above.st_mtim};
  if (done) futimens(parent, before);  // the directory's own times are the archive's
  close(parent);
  return problem;
}

}  // namespace

const char *carry_out(int from, int root) {
  static Request request;
  lseek(from, 0, SEEK_SET);
  while (read(from, &request, sizeof request) == static_cast<ssize_t>(sizeof request)) {
    request.path[sizeof request.path - 1] = '\0';
    bool is_device = request.kind == Kind::kDevice && (S_ISCHR(request.mode) || S_ISBLK(request.mode));
    if (request.kind != Kind::kOpaque && !is_device) return "the reader of the archive asks for something unknown";
    if (const char *problem = is_device ? make_device(root, request) : make_opaque(root, request)) return problem;
  }
  return nullptr;
}

}  // namespace deferred
