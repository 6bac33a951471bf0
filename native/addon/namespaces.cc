// Namespaces (namespaces(7)) as /proc shows them, and what is inside. The contract is native/index.d.ts.
#include <algorithm>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <vector>

#include "../init/fd.h"
#include "namespace.h"
#include "parallel.h"
#include "strings.h"
#include "work.h"

namespace {

// In the order of the contract's rows.
constexpr const char *kKinds[] = {"mnt", "pid", "net", "user", "uts", "ipc", "cgroup", "time"};
constexpr size_t kCount = std::size(kKinds);

Fd open_proc() { return Fd(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }

std::vector<uint32_t> processes() {
  std::vector<uint32_t> pids;
  DIR *directory = opendir("/proc");
  if (directory == nullptr) return pids;
  while (const dirent *entry = readdir(directory))
    if (isdigit(static_cast<unsigned char>(entry->d_name[0])) != 0)
      pids.push_back(static_cast<uint32_t>(strtoul(entry->d_name, nullptr, 10)));
  closedir(directory);
  return pids;
}

// `net:[4026531840]`, of which the kind need not be compared: 0 for anything else.
uint32_t number_in(const char *link, ssize_t length) {
  if (length <= 0) return 0;
  const char *bracket = static_cast<const char *>(memchr(link, '[', static_cast<size_t>(length)));
  return bracket == nullptr ? 0 : static_cast<uint32_t>(strtoul(bracket + 1, nullptr, 10));
}

// Eight numbers; all 0 for a process that has ended, or that may not be looked at.
void look_at(int proc, uint32_t pid, uint32_t *row) {
  char path[32], link[64];
  snprintf(path, sizeof path, "%u/ns", pid);
  Fd directory(openat(proc, path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (size_t kind = 0; kind < kCount; kind++) {
    ssize_t length = directory.valid() ? readlinkat(directory.get(), kKinds[kind], link, sizeof link - 1) : -1;
    if (length > 0) link[length] = '\0';
    row[kind] = number_in(link, length);
  }
}

class Scan : public Work {
 public:
  explicit Scan(Napi::Env env) : Work(env, "scan namespaces") {}

  void Execute() override {
    pids_ = processes();
    numbers_.resize(pids_.size() * kCount);
    Fd proc = open_proc();
    in_parallel(pids_.size(), [&](size_t, size_t from, size_t to) {
      for (size_t i = from; i < to; i++) look_at(proc.get(), pids_[i], &numbers_[i * kCount]);
    });
  }

  Napi::Value result() override {
    Napi::Object result = Napi::Object::New(Env());
    result.Set("pids", array(pids_));
    result.Set("numbers", array(numbers_));
    return result;
  }

 private:
  Napi::Uint32Array array(const std::vector<uint32_t> &from) {
    Napi::Uint32Array to = Napi::Uint32Array::New(Env(), from.size());
    std::copy(from.begin(), from.end(), to.Data());
    return to;
  }
  std::vector<uint32_t> pids_, numbers_;
};

struct Held {
  uint32_t pid, descriptor, number;
  // CLONE_NEW*; 0 for a socket.
  uint32_t type;
};

// Which descriptors of processes are namespaces, which stay for as long, or sockets.
class DescriptorScan : public Work {
 public:
  DescriptorScan(Napi::Env env, bool sockets) : Work(env, "scan descriptors"), sockets_(sockets) {}

  void Execute() override {
    std::vector<uint32_t> pids = processes();
    Fd proc = open_proc();
    struct stat own;
    if (stat("/proc/self/ns/user", &own) == 0) namespaces_ = own.st_dev;
    std::vector<std::vector<Held>> parts(kMostThreads);
    in_parallel(pids.size(), [&](size_t part, size_t from, size_t to) {
      for (size_t i = from; i < to; i++) look(proc.get(), pids[i], parts[part]);
    });
    for (std::vector<Held> &part : parts) held_.insert(held_.end(), part.begin(), part.end());
  }

  Napi::Value result() override {
    Napi::Array all = Napi::Array::New(Env(), held_.size());
    for (uint32_t i = 0; i < held_.size(); i++) {
      Napi::Object one = Napi::Object::New(Env());
      one.Set("pid", held_[i].pid);
      one.Set("descriptor", held_[i].descriptor);
      one.Set("number", held_[i].number);
      one.Set("type", held_[i].type);
      all.Set(i, one);
    }
    return all;
  }

 private:
  void look(int proc, uint32_t pid, std::vector<Held> &held) const {
    char path[32];
    snprintf(path, sizeof path, "%u/fd", pid);
    int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? nullptr : fdopendir(fd);
    if (directory == nullptr) return;
    while (const dirent *entry = readdir(directory)) {
      Held one{pid, static_cast<uint32_t>(strtoul(entry->d_name, nullptr, 10)), 0, 0};
      if (sockets_ ? is_socket(fd, entry->d_name, one) : is_namespace(fd, entry->d_name, one)) held.push_back(one);
    }
    closedir(directory);
  }

  static bool is_socket(int directory, const char *name, Held &one) {
    char link[64];
    ssize_t length = readlinkat(directory, name, link, sizeof link - 1);
    if (length <= 0 || strncmp(link, "socket:[", 8) != 0) return false;
    link[length] = '\0';
    one.number = number_in(link, length);
    return true;
  }

  // By its device: the link of one that was opened through a bind mount says where that was. A file system on a network
  // is not asked.
  bool is_namespace(int directory, const char *name, Held &one) const {
    struct statx status;
    if (statx(directory, name, AT_STATX_DONT_SYNC, STATX_INO, &status) != 0) return false;
    if (makedev(status.stx_dev_major, status.stx_dev_minor) != namespaces_) return false;
    Fd space(openat(directory, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    int type = space.valid() ? ioctl(space.get(), NS_GET_NSTYPE) : -1;
    one.number = static_cast<uint32_t>(status.stx_ino);
    one.type = static_cast<uint32_t>(type);
    return type > 0;
  }

  bool sockets_;
  dev_t namespaces_ = 0;
  std::vector<Held> held_;
};

uint32_t inode_of(const Fd &fd) {
  struct stat status;
  return fd.valid() && fstat(fd.get(), &status) == 0 ? static_cast<uint32_t>(status.st_ino) : 0;
}

// Its number, its parent's and its owning user namespace's: 0 where there is none, or none that may be seen.
Napi::Object relations_of(Napi::Env env, const Fd &space) {
  Napi::Object one = Napi::Object::New(env);
  one.Set("number", inode_of(space));
  one.Set("parent", inode_of(Fd(ioctl(space.get(), NS_GET_PARENT))));
  one.Set("owner", inode_of(Fd(ioctl(space.get(), NS_GET_USERNS))));
  uid_t uid = 0;
  if (ioctl(space.get(), NS_GET_OWNER_UID, &uid) == 0) one.Set("uid", uid);
  int type = ioctl(space.get(), NS_GET_NSTYPE);
  one.Set("type", type);
  return one;
}

// Reads in a namespace.
class Visit : public Work {
 public:
  Visit(Napi::Env env, std::string path, std::vector<std::string> files)
      : Work(env, "read in namespace"), path_(std::move(path)), files_(std::move(files)) {}

  void Execute() override {
    bool done = in_namespace(path_, 0, [this] {
      for (const std::string &file : files_) contents_.push_back(content_of(file));
      return true;
    });
    if (!done) fail(path_);
  }

  Napi::Value result() override {
    Napi::Array all = Napi::Array::New(Env(), contents_.size());
    for (uint32_t i = 0; i < contents_.size(); i++) all.Set(i, contents_[i]);
    return all;
  }

 private:
  static std::string content_of(const std::string &path) {
    Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string text;
    char part[4096];
    ssize_t got;
    while (file.valid() && (got = read(file.get(), part, sizeof part)) > 0) text.append(part, static_cast<size_t>(got));
    return text;
  }

  std::string path_;
  std::vector<std::string> files_, contents_;
};

}  // namespace

Napi::Value scan_namespaces(const Napi::CallbackInfo &info) { return Work::start(new Scan(info.Env())); }

Napi::Value scan_descriptors(const Napi::CallbackInfo &info) {
  return Work::start(new DescriptorScan(info.Env(), info[0].As<Napi::String>().Utf8Value() == "sockets"));
}

Napi::Value namespaces_of(const Napi::CallbackInfo &info) {
  Napi::Uint32Array pids = info[0].As<Napi::Uint32Array>();
  Napi::Uint32Array numbers = Napi::Uint32Array::New(info.Env(), pids.ElementLength() * kCount);
  Fd proc = open_proc();
  for (size_t i = 0; i < pids.ElementLength(); i++) look_at(proc.get(), pids[i], numbers.Data() + i * kCount);
  return numbers;
}

Napi::Value namespace_relations(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  std::string path = info[0].As<Napi::String>();
  Fd space = open_namespace(path);
  if (!space.valid() || ioctl(space.get(), NS_GET_NSTYPE) < 0) return env.Null();
  Napi::Array chain = Napi::Array::New(env);
  chain.Set(uint32_t{0}, relations_of(env, space));
  // Those above it that no process is in are known by nothing else.
  for (uint32_t at = 1; at < 33; at++) {
    Fd parent(ioctl(space.get(), NS_GET_PARENT));
    if (!parent.valid()) break;
    space = std::move(parent);
    chain.Set(at, relations_of(env, space));
  }
  return chain;
}

Napi::Value read_in_namespace(const Napi::CallbackInfo &info) {
  return Work::start(new Visit(info.Env(), info[0].As<Napi::String>(), strings(info[1])));
}
