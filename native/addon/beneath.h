// A path that a client named, opened below a directory: no `..`, no symbolic link, no other mount leads out of it.
#pragma once
#include <string>

// -1 with errno.
int open_beneath(const std::string &root, const std::string &path, int flags);
