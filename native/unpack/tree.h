// Writes entries below one directory, which is also this process's root: every path is resolved by openat2 inside it.
#pragma once
#include <archive_entry.h>

#include "reader.h"

// All return nullptr, or a sentence that says what is wrong with the entry (static memory).
namespace tree {

// The directory to write below; where requests go that need more rights (deferred.h).
void open(int root, int deferred, const reader::Options &options);
// Makes the entry; for a regular file with content, *content is a descriptor to write it to (the caller's to close).
const char *make(archive_entry *entry, int *content);
// Owner, mode, times and extended attributes of a file just written.
const char *finish_file(archive_entry *entry, int content);
// Modes and times of directories, which writing into them would have changed: at the end.
const char *finish_directories();

}  // namespace tree
