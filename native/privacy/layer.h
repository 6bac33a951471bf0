// The privacy layer on disk: a whiteout for each file, and an empty opaque directory for each directory, that others
// cannot read on the host (overlayfs documentation, "whiteouts and opaque directories").
#pragma once
#include <stddef.h>
#include <sys/types.h>

namespace layer {

// `directory` is where the layer is written; `hidden` are absolute paths that are hidden whole, with what is below.
void open(int directory, char *const *hidden, size_t hidden_count);
// Empties the layer of what a predecessor left in it.
bool clear();
// Hides one more directory whole: a mount point, whose covered files nobody on the host can read either.
void hide_whole(const char *path);
// Makes the layer right for this absolute path and everything below it. False when that failed: `problem()` says why.
bool update(const char *path);
const char *problem();
// How many files and directories are hidden at this moment.
size_t hidden();

}  // namespace layer
