// Changes to the root file system since the mark, by fanotify(7): who was made, moved, removed, or changed attributes.
#pragma once

namespace changes {

// Marks the file system of "/". Must come before the first walk, so that nothing falls between. -1 with errno.
int start();
// Reads all events that are waiting and calls `update` with each changed path ("/" when the kernel dropped events).
// False when an update failed.
bool drain(int fanotify, bool (*update)(const char *path));

}  // namespace changes
