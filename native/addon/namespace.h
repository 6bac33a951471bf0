// A namespace, opened by a path that may lead elsewhere by the time it is used.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "../init/fd.h"

// Not valid, with errno, for anything but a namespace: no device and no pipe is opened to find that out.
inline Fd open_namespace(const std::string &path) {
  Fd place(open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat found, own;
  if (!place.valid() || fstat(place.get(), &found) != 0 || stat("/proc/self/ns/user", &own) != 0) return Fd();
  if (found.st_dev != own.st_dev) {
    errno = EINVAL;
    return Fd();
  }
  return Fd(open(("/proc/self/fd/" + std::to_string(place.get())).c_str(), O_RDONLY | O_CLOEXEC));
}

// Does something in a namespace, on a thread of its own that goes there (setns(2)). `kind`: CLONE_NEW*, 0 for any. False with
// errno where it cannot go there, or where `work` is false.
template <typename Work>
bool in_namespace(const std::string &path, int kind, Work work) {
  int error = 0;
  std::thread visitor([&] {
    Fd space = open_namespace(path);
    if (!space.valid() || setns(space.get(), kind) != 0 || !work()) error = errno;
  });
  visitor.join();
  errno = error;
  return error == 0;
}
