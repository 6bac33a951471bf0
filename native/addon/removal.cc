// Removing a container's files: whatever it made there, however deep, by descriptor and without following a link. And mounts
// that somebody left.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "errors.h"

namespace {

constexpr int kMaxDepth = 64;  // directories deeper than this are moved up first: descriptors and stack are finite

class Removal : public Napi::AsyncWorker {
 public:
  Removal(Napi::Env env, std::string path)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), path_(std::move(path)) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override {
    int parent = open(path_.substr(0, path_.rfind('/')).c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    std::string name = path_.substr(path_.rfind('/') + 1);
    if (parent < 0 && errno != ENOENT) error_ = errno;
    if (parent < 0) return;
    top_ = openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (top_ >= 0) {
      // What was moved up is found in the next round.
      do moved_ = false;
      while (empty(top_, 0) && moved_);
      close(top_);
      if (error_ == 0 && unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) error_ = errno;
    } else if (errno == ENOTDIR || errno == ELOOP) {
      if (unlinkat(parent, name.c_str(), 0) != 0) error_ = errno;
    } else if (errno != ENOENT) {
      error_ = errno;
    }
    close(parent);
  }

  void OnOK() override {
    if (error_ == 0)
      deferred_.Resolve(Env().Undefined());
    else
      deferred_.Reject(system_error(Env(), "remove", path_, error_).Value());
  }

 private:
  bool fail() {
    error_ = errno;
    return false;
  }

  bool remove_entry(int directory, const char *name, int depth) {
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT) return true;
    if (errno != EISDIR && errno != EPERM) return fail();
    if (depth == kMaxDepth) {
      char aside[40];
      snprintf(aside, sizeof aside, ".deep-%llu", moves_++);
      if (renameat(directory, name, top_, aside) != 0) return fail();
      moved_ = true;
      return true;
    }
    int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return fail();
    bool good = empty(fd, depth + 1);
    close(fd);
    if (!good) return false;
    return unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT || fail();
  }

  bool empty(int fd, int depth) {
    DIR *listing = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (listing == nullptr) return fail();
    rewinddir(listing);
    bool good = true;
    while (dirent *entry = good ? readdir(listing) : nullptr) {
      if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
      good = remove_entry(fd, entry->d_name, depth);
    }
    closedir(listing);
    return good;
  }

  Napi::Promise::Deferred deferred_;
  std::string path_;
  int top_ = -1;
  int error_ = 0;
  bool moved_ = false;
  unsigned long long moves_ = 0;
};

}  // namespace

Napi::Value remove_tree(const Napi::CallbackInfo &info) {
  auto *work = new Removal(info.Env(), info[0].As<Napi::String>());
  Napi::Promise promise = work->promise();
  work->Queue();
  return promise;
}

// Absent, or no mount point, is fine.
Napi::Value detach_mount(const Napi::CallbackInfo &info) {
  std::string path = info[0].As<Napi::String>();
  if (umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT)
    throw system_error(info.Env(), "unmount", path, errno);
  return info.Env().Undefined();
}
