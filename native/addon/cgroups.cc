// Cgroups (cgroups(7)) by path: resolved below the hierarchy's mount point, never out of it. The contract is native/index.d.ts.
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "../init/fd.h"
#include "errors.h"
#include "beneath.h"

int open_beneath(const std::string &root, const std::string &path, int flags) {
  Fd directory(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return -1;
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  return static_cast<int>(
      syscall(SYS_openat2, directory.get(), path.empty() ? "." : path.c_str(), &how, sizeof how));
}

Napi::Value open_below(const Napi::CallbackInfo &info) {
  std::string root = info[0].As<Napi::String>(), path = info[1].As<Napi::String>();
  bool writable = info[2].As<Napi::Boolean>();
  int fd = open_beneath(root, path, writable ? O_WRONLY : O_RDONLY);
  if (fd < 0) throw system_error(info.Env(), "open", path, errno);
  return Napi::Number::New(info.Env(), fd);
}

// Directories of a file system that counts them in its links, as kernfs does.
Napi::Value list_cgroups(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  std::string root = info[0].As<Napi::String>(), path = info[1].As<Napi::String>();
  int fd = open_beneath(root, path, O_RDONLY | O_DIRECTORY);
  if (fd < 0) throw system_error(env, "open", path, errno);
  DIR *directory = fdopendir(fd);
  if (directory == nullptr) {
    int error = errno;
    close(fd);
    throw system_error(env, "list", path, error);
  }
  std::string names;
  while (const dirent *entry = readdir(directory)) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    names.append(entry->d_name).push_back('\0');
  }
  closedir(directory);
  return Napi::String::New(env, names);
}
