// Roots of layers, images and containers, and looking into them: every path is resolved inside its root.
#include <dirent.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "../kernel.h"
#include "strings.h"
#include "work.h"

namespace {

int sys_fsconfig(int fd, unsigned command, const char *key, const char *value) {
  return static_cast<int>(syscall(SYS_fsconfig, fd, command, key, value, 0));
}

int resolve(int root, const std::string &path, uint64_t flags) {
  open_how how{flags | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  return static_cast<int>(syscall(SYS_openat2, root, path.empty() ? "." : path.c_str(), &how, sizeof how));
}

// An overlay of the directories, uppermost first, that is attached nowhere; read-only without an upper directory. -1 with
// errno.
int mount_overlay(const std::vector<std::string> &lower, const std::string &upper, const std::string &work) {
  int context = static_cast<int>(syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC));
  if (context < 0) return -1;
  auto set = [context](const char *key, const std::string &value) {
    return sys_fsconfig(context, FSCONFIG_SET_STRING, key, value.c_str()) == 0;
  };
  std::vector<int> open_directories;
  std::string joined;
  bool good = true, separate = takes_separate_layers();
  for (const std::string &directory : lower) {
    int fd = open(directory.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    good = good && fd >= 0;
    open_directories.push_back(fd);
    std::string path = "/proc/self/fd/" + std::to_string(fd);
    joined += (joined.empty() ? "" : ":") + path;
    if (good && separate) good = set("lowerdir+", path);
  }
  if (good && !separate) good = set("lowerdir", joined);  // at most 255 bytes
  bool is_writable = !upper.empty();
  if (good && is_writable) good = set("upperdir", upper) && set("workdir", work) && set("metacopy", "off");
  if (good && !is_writable) good = sys_fsconfig(context, FSCONFIG_SET_FLAG, "ro", nullptr) == 0;
  good = good && sys_fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr) == 0;
  unsigned attributes = MOUNT_ATTR_NODEV | (is_writable ? 0 : MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  int root = good ? static_cast<int>(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes)) : -1;
  int error = errno;
  for (int fd : open_directories)
    if (fd >= 0) close(fd);
  close(context);
  errno = error;
  return root;
}

int mount_layers(const std::vector<std::string> &directories) {
  if (directories.size() == 1) return open(directories[0].c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return mount_overlay(directories, "", "");
}

// The process's folder in /proc stays that process's, whatever becomes of its number: it is asked for its cgroup first.
bool is_in_cgroup(int process, const std::string &name) {
  int fd = openat(process, "cgroup", O_RDONLY | O_CLOEXEC);
  char text[8192];
  ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  return got > 0 && std::string(text, static_cast<size_t>(got)).find(name) != std::string::npos;
}

class ContainerRoot : public Work {
 public:
  ContainerRoot(Napi::Env env, pid_t pid, std::string cgroup, bool alone)
      : Work(env, "open root"), pid_(pid), cgroup_(std::move(cgroup)), alone_(alone) {}

  void Execute() override {
    std::string path = "/proc/" + std::to_string(pid_);
    int process = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process < 0) {
      fail(path);
      return;
    }
    if (!is_in_cgroup(process, cgroup_)) errno = ESRCH;
    else root_ = alone_ ? clone_root(process) : openat(process, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = errno;
    close(process);
    errno = error;
    if (root_ < 0) fail(path + "/root");
  }

  Napi::Value result() override { return Napi::Number::New(Env(), root_); }

 private:
  // The root's own mount, without those on it. Only from within its mount namespace: a thread of its own goes there.
  static int clone_root(int process) {
    int root = -1, error = 0;
    std::thread visitor([&] {
      int space = openat(process, "ns/mnt", O_RDONLY | O_CLOEXEC);
      if (space >= 0 && unshare(CLONE_FS) == 0 && setns(space, CLONE_NEWNS) == 0)
        root = static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
      error = errno;
      if (space >= 0) close(space);
    });
    visitor.join();
    errno = error;
    return root;
  }

  pid_t pid_;
  std::string cgroup_;
  bool alone_;
  int root_ = -1;
};

struct Entry {
  std::string name, link;
  struct stat status;
};

Napi::Object describe(Napi::Env env, const Entry &entry) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", entry.name);
  object.Set("mode", entry.status.st_mode);
  object.Set("size", static_cast<double>(entry.status.st_size));
  object.Set("mtime", static_cast<double>(entry.status.st_mtim.tv_sec) * 1000 + static_cast<double>(entry.status.st_mtim.tv_nsec) / 1e6);
  object.Set("uid", entry.status.st_uid);
  object.Set("gid", entry.status.st_gid);
  if (S_ISLNK(entry.status.st_mode)) object.Set("link", entry.link);
  return object;
}

void read_link(int parent, Entry *entry) {
  if (!S_ISLNK(entry->status.st_mode)) return;
  char target[4096];
  ssize_t size = readlinkat(parent, entry->name.c_str(), target, sizeof target);
  if (size > 0) entry->link.assign(target, static_cast<size_t>(size));
}

class Listing : public Work {
 public:
  Listing(Napi::Env env, int root, std::string path) : Work(env, "list"), root_(root), path_(std::move(path)) {}

  void Execute() override {
    int fd = resolve(root_, path_, O_RDONLY | O_DIRECTORY);
    DIR *listing = fd < 0 ? nullptr : fdopendir(fd);
    if (listing == nullptr) {
      fail("/" + path_);
      return;
    }
    while (dirent *found = readdir(listing)) {
      if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) continue;
      Entry entry{found->d_name, "", {}};
      if (fstatat(fd, found->d_name, &entry.status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      read_link(fd, &entry);
      entries_.push_back(std::move(entry));
    }
    closedir(listing);
    std::sort(entries_.begin(), entries_.end(), [](const Entry &a, const Entry &b) { return a.name < b.name; });
  }

  Napi::Value result() override {
    Napi::Array all = Napi::Array::New(Env(), entries_.size());
    for (size_t i = 0; i < entries_.size(); i++) all.Set(static_cast<uint32_t>(i), describe(Env(), entries_[i]));
    return all;
  }

 private:
  int root_;
  std::string path_;
  std::vector<Entry> entries_;
};

class Status : public Work {
 public:
  Status(Napi::Env env, int root, std::string path, bool follow)
      : Work(env, "stat"), root_(root), path_(std::move(path)), follow_(follow) {}

  void Execute() override {
    size_t slash = path_.rfind('/');
    entry_.name = slash == std::string::npos ? path_ : path_.substr(slash + 1);
    int fd = resolve(root_, path_, O_PATH | (follow_ ? 0 : O_NOFOLLOW));
    if (fd < 0 || fstat(fd, &entry_.status) != 0) fail("/" + path_);
    if (fd >= 0 && S_ISLNK(entry_.status.st_mode)) {
      char target[4096];
      ssize_t size = readlinkat(fd, "", target, sizeof target);
      if (size > 0) entry_.link.assign(target, static_cast<size_t>(size));
    }
    if (fd >= 0) close(fd);
  }

  Napi::Value result() override { return describe(Env(), entry_); }

 private:
  int root_;
  std::string path_;
  bool follow_;
  Entry entry_{};
};

class OpenFile : public Work {
 public:
  OpenFile(Napi::Env env, int root, std::string path) : Work(env, "open"), root_(root), path_(std::move(path)) {}

  void Execute() override {
    // First what it is, then its content: opening a device or a pipe does something.
    int path_fd = resolve(root_, path_, O_PATH);
    struct stat status;
    if (path_fd < 0 || fstat(path_fd, &status) != 0) {
      fail("/" + path_);
    } else if (!S_ISREG(status.st_mode)) {
      errno = S_ISDIR(status.st_mode) ? EISDIR : ENXIO;
      fail("/" + path_);
    } else {
      std::string again = "/proc/self/fd/" + std::to_string(path_fd);
      fd_ = open(again.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
      if (fd_ < 0) fail("/" + path_);
    }
    if (path_fd >= 0) close(path_fd);
  }

  Napi::Value result() override { return Napi::Number::New(Env(), fd_); }

 private:
  int root_;
  std::string path_;
  int fd_ = -1;
};

}  // namespace

Napi::Value open_layers(const Napi::CallbackInfo &info) {
  int root = mount_layers(strings(info[0]));
  if (root < 0) throw system_error(info.Env(), "mount overlay", "", errno);
  return Napi::Number::New(info.Env(), root);
}

Napi::Value open_writable(const Napi::CallbackInfo &info) {
  int root = mount_overlay(strings(info[0]), info[1].As<Napi::String>(), info[2].As<Napi::String>());
  if (root < 0) throw system_error(info.Env(), "mount overlay", info[1].As<Napi::String>(), errno);
  return Napi::Number::New(info.Env(), root);
}

Napi::Value open_container_root(const Napi::CallbackInfo &info) {
  return Work::start(new ContainerRoot(info.Env(), info[0].As<Napi::Number>(), info[1].As<Napi::String>(),
                                       info[2].ToBoolean()));
}

Napi::Value list_directory(const Napi::CallbackInfo &info) {
  return Work::start(new Listing(info.Env(), info[0].As<Napi::Number>(), info[1].As<Napi::String>()));
}

Napi::Value stat_path(const Napi::CallbackInfo &info) {
  return Work::start(new Status(info.Env(), info[0].As<Napi::Number>(), info[1].As<Napi::String>(), info[2].ToBoolean()));
}

Napi::Value open_file(const Napi::CallbackInfo &info) {
  return Work::start(new OpenFile(info.Env(), info[0].As<Napi::Number>(), info[1].As<Napi::String>()));
}
