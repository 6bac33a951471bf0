// What one layer changes in those below it: its own directory alone is walked.
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "work.h"

namespace {

constexpr int kMaxDepth = 512;
constexpr char kAdded = 'A', kChanged = 'C', kRemoved = 'D';

class Changes : public Work {
 public:
  // `layer`: the layer's directory; `below`: the merged root of those below it, or -1. Both are this object's to close.
  Changes(Napi::Env env, int layer, int below, bool differing)
      : Work(env, "scan layer"), layer_(layer), below_(below), differing_(differing) {}

  void Execute() override {
    std::string path;
    walk(layer_, below_, &path, 0);
    close(layer_);
    if (below_ >= 0) close(below_);
  }

  Napi::Value result() override {
    size_t count = kinds_.size();
    Napi::Object all = Napi::Object::New(Env());
    all.Set("paths", Napi::String::New(Env(), paths_));
    all.Set("kinds", Napi::String::New(Env(), kinds_));
    all.Set("types", Napi::String::New(Env(), types_));
    all.Set("links", Napi::String::New(Env(), links_));
    Napi::Float64Array sizes = Napi::Float64Array::New(Env(), count);
    std::copy(sizes_.begin(), sizes_.end(), sizes.Data());
    all.Set("sizes", sizes);
    return all;
  }

 private:
  void record(const std::string &path, char kind, mode_t mode, double size) {
    paths_ += path;
    paths_ += '\0';
    kinds_ += kind;
    types_ += S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : S_ISREG(mode) ? 'f' : 'o';
    sizes_.push_back(size);
  }

  static int open_below(int parent, const char *name) {
    return parent < 0 ? -1 : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  }

  // Bytes of a file, or of all files below a directory.
  static double size_of(int parent, const char *name, const struct stat &status, int depth) {
    if (!S_ISDIR(status.st_mode)) return S_ISREG(status.st_mode) ? static_cast<double>(status.st_size) : 0;
    int fd = depth > kMaxDepth ? -1 : open_below(parent, name);
    DIR *listing = fd < 0 ? nullptr : fdopendir(fd);
    double total = 0;
    while (dirent *found = listing == nullptr ? nullptr : readdir(listing)) {
      struct stat below;
      if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) continue;
      if (fstatat(fd, found->d_name, &below, AT_SYMLINK_NOFOLLOW) == 0) total += size_of(fd, found->d_name, below, depth + 1);
    }
    if (listing != nullptr) closedir(listing);
    return total;
  }

  void removed(int below, const char *name, const std::string &path) {
    struct stat status;
    if (below < 0 || fstatat(below, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return;  // it hides nothing
    record(path, kRemoved, status.st_mode, size_of(below, name, status, 0));
  }

  // What an opaque directory hides: what is below it, and not in it.
  void hidden(int layer, int below, std::string *path) {
    int fd = openat(below, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? nullptr : fdopendir(fd);
    size_t length = path->size();
    while (dirent *found = listing == nullptr ? nullptr : readdir(listing)) {
      struct stat status;
      if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) continue;
      if (fstatat(layer, found->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) continue;
      *path += (length == 0 ? "" : "/") + std::string(found->d_name);
      removed(below, found->d_name, *path);
      path->resize(length);
    }
    if (listing != nullptr) closedir(listing);
  }

  void walk(int layer, int below, std::string *path, int depth) {
    int fd = openat(layer, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 || depth > kMaxDepth ? nullptr : fdopendir(fd);
    size_t length = path->size();
    while (dirent *found = listing == nullptr ? nullptr : readdir(listing)) {
      if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) continue;
      struct stat status;
      if (fstatat(fd, found->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      *path += (length == 0 ? "" : "/") + std::string(found->d_name);
      visit(fd, below, found->d_name, status, path, depth);
      path->resize(length);
    }
    if (listing != nullptr) closedir(listing);
  }

  void visit(int layer, int below, const char *name, const struct stat &status, std::string *path, int depth) {
    if (S_ISCHR(status.st_mode) && status.st_rdev == 0) return removed(below, name, *path);
    struct stat old;
    bool is_old = below >= 0 && fstatat(below, name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    bool counts = S_ISREG(status.st_mode) && (status.st_nlink == 1 || seen_.insert({status.st_dev, status.st_ino}).second);
    if (differing_ && is_old && is_same(status, old)) return descend(layer, below, name, status, &old, path, depth);
    record(*path, is_old ? kChanged : kAdded, status.st_mode, counts ? static_cast<double>(status.st_size) : 0);
    if (S_ISLNK(status.st_mode)) {
      char target[4096];
      ssize_t size = readlinkat(layer, name, target, sizeof target);
      links_.append(target, size > 0 ? static_cast<size_t>(size) : 0);
      links_ += '\0';
    }
    descend(layer, below, name, status, is_old ? &old : nullptr, path, depth);
  }

  // By what stat(2) says: their content is not read. A directory's times follow its entries.
  static bool is_same(const struct stat &a, const struct stat &b) {
    bool is_directory = S_ISDIR(a.st_mode);
    return a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid && a.st_rdev == b.st_rdev &&
           (is_directory || (a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
                             a.st_mtim.tv_nsec == b.st_mtim.tv_nsec));
  }

  void descend(int layer, int below, const char *name, const struct stat &status, const struct stat *old, std::string *path,
               int depth) {
    if (!S_ISDIR(status.st_mode)) return;
    int down = open_below(layer, name);
    int old_down = old != nullptr && S_ISDIR(old->st_mode) ? open_below(below, name) : -1;
    if (down >= 0) {
      char value = '\0';
      if (old_down >= 0 && fgetxattr(down, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y')
        hidden(down, old_down, path);
      walk(down, old_down, path, depth + 1);
      close(down);
    }
    if (old_down >= 0) close(old_down);
  }

  int layer_, below_;
  bool differing_;
  std::string paths_, kinds_, types_, links_;
  std::vector<double> sizes_;
  std::set<std::pair<dev_t, ino_t>> seen_;
};

}  // namespace

Napi::Value scan_layer(const Napi::CallbackInfo &info) {
  std::string directory = info[0].IsNumber() ? "" : info[0].As<Napi::String>().Utf8Value();
  int layer = info[0].IsNumber() ? fcntl(info[0].As<Napi::Number>().Int32Value(), F_DUPFD_CLOEXEC, 3)
                                 : open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (layer < 0) throw system_error(info.Env(), "open", directory, errno);
  int below = info[1].As<Napi::Number>().Int32Value();
  return Work::start(new Changes(info.Env(), layer, below < 0 ? -1 : fcntl(below, F_DUPFD_CLOEXEC, 3),
                                 info[2].ToBoolean()));
}
