// Paths inside a root, by descriptor only (SECURITY.md, "No path is a string twice").
#pragma once
#include "fail.h"
#include "fd.h"

namespace paths {

enum class Links {
  kInRoot,  // symbolic links are followed, but never past the root
  kRefuse,  // any symbolic link on the way is an error: for places that the kernel's file systems go
};

// An O_PATH descriptor of `path` inside `root`. ENOENT is left in the outcome for the caller to decide.
Outcome open_inside(int root, const char *path, Links links, Fd *out);

// As open_inside, but a missing directory (and its parents) is made, mode 0755.
Outcome ensure_directory(int root, const char *path, Links links, Fd *out);

// As open_inside for a file: a missing one is made empty, mode 0644, and its parents.
Outcome ensure_file(int root, const char *path, Fd *out);

// Ok only for a character device with this number: what /dev/null must be before it masks anything.
Outcome require_device(int fd, const char *path, unsigned device_major, unsigned device_minor);

}  // namespace paths
