// Writes the files below a directory as a tar archive (PAX), in the order of their names.
#pragma once
#include <stdint.h>
#include <stddef.h>

namespace walk {

struct Options {
  // Owners in [first, first + count) are those of a container's user namespace: written as 0 and up.
  uint32_t first = 0, count = 0;
  bool is_layer = false;  // overlayfs's whiteouts and opaque directories become those of the OCI image-spec (layer.md)
  // Paths to write, sorted, each ending with a NUL; null for all. Directories above them are written, too.
  const char *const *only = nullptr;
  size_t only_count = 0;
  // Files without content to write after all others: whiteouts.
  const char *const *markers = nullptr;
  size_t marker_count = 0;
};

// `root`: a directory, resolved inside; `path`: what to write of it, "" for all. Writes to standard output. Returns
// nullptr, or a sentence (static memory).
const char *write_tree(int root, const char *path, const Options &options);

}  // namespace walk
