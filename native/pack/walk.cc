#include "walk.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace walk {
namespace {

constexpr int kMaxDepth = 1024;
constexpr char kOverlay[] = "trusted.overlay.";

struct Link {
  dev_t device;
  ino_t inode;
  char *path;
};

archive *to;
Options options;
char message[3 * PATH_MAX];
char path[PATH_MAX * 2];  // of the entry at hand, as it is written
Link *links;              // open addressing; `link_room` is a power of two
size_t link_count, link_room;

const char *failed(const char *what) {
  snprintf(message, sizeof message, "%s %s: %s", what, path, strerror(errno));
  return message;
}

const char *refused() {
  snprintf(message, sizeof message, "%s: %s", path, archive_error_string(to));
  return message;
}

uint32_t owner(uint32_t id) { return id - options.first < options.count ? id - options.first : id; }

size_t slot_of(dev_t device, ino_t inode) {
  size_t at = (inode * 0x9E3779B97F4A7C15ULL ^ device) & (link_room - 1);
  while (links[at].path != nullptr && (links[at].device != device || links[at].inode != inode)) at = (at + 1) & (link_room - 1);
  return at;
}

// The path under which this file was written before; remembers it otherwise. Null also when there is no memory.
const char *earlier_link(const struct stat &status) {
  if (2 * link_count >= link_room) {
    Link *old = links;
    size_t old_room = link_room;
    link_room = old_room == 0 ? 1024 : old_room * 2;
    links = static_cast<Link *>(calloc(link_room, sizeof(Link)));
    if (links == nullptr) abort();
    for (size_t i = 0; i < old_room; i++)
      if (old[i].path != nullptr) links[slot_of(old[i].device, old[i].inode)] = old[i];
    free(old);
  }
  size_t at = slot_of(status.st_dev, status.st_ino);
  if (links[at].path != nullptr) return links[at].path;
  links[at] = {status.st_dev, status.st_ino, strdup(path)};
  link_count++;
  return nullptr;
}

int compare_only(const void *key, const void *item) {
  return strcmp(static_cast<const char *>(key), *static_cast<const char *const *>(item));
}

// Whether `name` is wanted, or something below it.
bool is_wanted(const char *name, bool is_directory) {
  if (options.only == nullptr || *name == '\0') return true;
  if (bsearch(name, options.only, options.only_count, sizeof *options.only, compare_only) != nullptr) return true;
  if (!is_directory) return false;
  char prefix[PATH_MAX * 2 + 1];
  size_t length = static_cast<size_t>(snprintf(prefix, sizeof prefix, "%s/", name));
  size_t low = 0, high = options.only_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (strcmp(options.only[middle], prefix) < 0) low = middle + 1;
    else high = middle;
  }
  return low < options.only_count && strncmp(options.only[low], prefix, length) == 0;
}

const char *add_xattrs(archive_entry *entry, int fd) {
  char names[65536];
  // By the descriptor's own name where it is no more than a path (O_PATH).
  ssize_t length = flistxattr(fd, names, sizeof names);
  if (length < 0) return errno == EOPNOTSUPP || errno == ENODATA ? nullptr : failed("extended attributes of");
  for (const char *name = names; name < names + length; name += strlen(name) + 1) {
    if (strncmp(name, kOverlay, strlen(kOverlay)) == 0 || strncmp(name, "system.", 7) == 0) continue;
    static char value[65536];
    ssize_t size = fgetxattr(fd, name, value, sizeof value);
    if (size >= 0) archive_entry_xattr_add_entry(entry, name, value, static_cast<size_t>(size));
  }
  return nullptr;
}

bool is_opaque(int fd) {
  char value = '\0';
  return fgetxattr(fd, "trusted.overlay.opaque", &value, 1) == 1 && (value == 'y' || value == 'x');
}

// Where a file has data: holes are not written.
void add_data_regions(archive_entry *entry, int fd, off_t size) {
  off_t at = 0;
  if (lseek(fd, 0, SEEK_HOLE) >= size) return;
  while (at < size) {
    off_t data = lseek(fd, at, SEEK_DATA);
    if (data < 0) break;
    off_t hole = lseek(fd, data, SEEK_HOLE);
    archive_entry_sparse_add_entry(entry, data, hole - data);
    at = hole;
  }
  if (archive_entry_sparse_count(entry) == 0) archive_entry_sparse_add_entry(entry, 0, 0);
  lseek(fd, 0, SEEK_SET);
}

// Exactly the bytes that the header promises: a file may grow or shrink meanwhile.
const char *write_content(archive_entry *entry, int fd, off_t size) {
  static char buffer[256 * 1024];
  int regions = archive_entry_sparse_reset(entry);
  la_int64_t from = 0, length = size;
  off_t at = 0;
  auto copy = [&](off_t until, bool holes) -> const char * {
    while (at < until) {
      size_t want = static_cast<size_t>(until - at) < sizeof buffer ? static_cast<size_t>(until - at) : sizeof buffer;
      ssize_t got = holes ? 0 : pread(fd, buffer, want, at);
      if (got < 0) return failed("read");
      if (got == 0) {
        memset(buffer, 0, want);
        got = static_cast<ssize_t>(want);
      }
      if (archive_write_data(to, buffer, static_cast<size_t>(got)) < 0) return refused();
      at += got;
    }
    return nullptr;
  };
  if (regions == 0) return copy(size, false);
  while (archive_entry_sparse_next(entry, &from, &length) == ARCHIVE_OK) {
    if (const char *problem = copy(from, true)) return problem;
    if (const char *problem = copy(from + length, false)) return problem;
  }
  return copy(size, true);
}

archive_entry *entry_of(const struct stat &status) {
  archive_entry *entry = archive_entry_new();
  archive_entry_copy_pathname(entry, *path == '\0' ? "./" : path);
  archive_entry_set_mode(entry, status.st_mode);
  archive_entry_set_uid(entry, owner(status.st_uid));
  archive_entry_set_gid(entry, owner(status.st_gid));
  archive_entry_set_mtime(entry, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  if (S_ISREG(status.st_mode)) archive_entry_set_size(entry, status.st_size);
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) archive_entry_set_rdev(entry, status.st_rdev);
  return entry;
}

const char *write_entry(archive_entry *entry, int content) {
  const char *problem = archive_write_header(to, entry) == ARCHIVE_FATAL ? refused() : nullptr;
  if (problem == nullptr && content >= 0 && archive_entry_size(entry) > 0)
    problem = write_content(entry, content, archive_entry_size(entry));
  archive_entry_free(entry);
  return problem;
}

// A file with no content that stands for something: .wh.NAME.
const char *write_empty(const char *name, time_t time) {
  archive_entry *entry = archive_entry_new();
  archive_entry_copy_pathname(entry, name);
  archive_entry_set_mode(entry, S_IFREG | 0600);
  archive_entry_set_size(entry, 0);
  archive_entry_set_mtime(entry, time, 0);
  return write_entry(entry, -1);
}

const char *write_marker(const char *directory, const char *name, const struct stat &like) {
  char marker[PATH_MAX * 2 + NAME_MAX];
  snprintf(marker, sizeof marker, "%s%s.wh.%s", directory, *directory == '\0' ? "" : "/", name);
  return write_empty(marker, like.st_mtim.tv_sec);
}

const char *write_directory(int fd, size_t length, int depth);

const char *write_named(int parent, const char *name, size_t length, int depth) {
  struct stat status;
  if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT ? nullptr : failed("stat");
  bool is_directory = S_ISDIR(status.st_mode);
  size_t below = length;
  size_t name_length = strlen(name);
  if (length + name_length + 2 >= sizeof path || depth > kMaxDepth) return failed("too deep:");
  if (length > 0) path[below++] = '/';
  memcpy(path + below, name, name_length + 1);
  below += name_length;
  const char *problem = nullptr;
  if (options.is_layer && S_ISCHR(status.st_mode) && status.st_rdev == 0) {
    path[length] = '\0';
    problem = write_marker(path, name, status);
  } else if (!is_wanted(path, is_directory) || S_ISSOCK(status.st_mode)) {
    // A socket means nothing without its process.
  } else if (is_directory) {
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) problem = errno == ENOENT || errno == ENOTDIR ? nullptr : failed("open");
    else problem = write_directory(fd, below, depth + 1);
  } else {
    archive_entry *entry = entry_of(status);
    const char *earlier = status.st_nlink > 1 ? earlier_link(status) : nullptr;
    int content = -1;
    if (earlier != nullptr) {
      archive_entry_set_hardlink(entry, earlier);
      archive_entry_unset_size(entry);
    } else if (S_ISLNK(status.st_mode)) {
      static char target[PATH_MAX];
      ssize_t size = readlinkat(parent, name, target, sizeof target - 1);
      if (size < 0) problem = failed("read link");
      target[size < 0 ? 0 : size] = '\0';
      archive_entry_copy_symlink(entry, target);
    } else if (S_ISREG(status.st_mode)) {
      content = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
      if (content < 0) problem = failed("open");
      else problem = add_xattrs(entry, content);
      if (problem == nullptr) add_data_regions(entry, content, status.st_size);
    }
    if (problem == nullptr) problem = write_entry(entry, content);
    if (content >= 0) close(content);
  }
  path[length] = '\0';
  return problem;
}

int by_name(const void *a, const void *b) {
  return strcmp(*static_cast<const char *const *>(a), *static_cast<const char *const *>(b));
}

// Takes `fd`.
const char *write_directory(int fd, size_t length, int depth) {
  struct stat status;
  if (fstat(fd, &status) != 0) return failed("stat");
  archive_entry *entry = entry_of(status);
  const char *problem = add_xattrs(entry, fd);
  if (problem == nullptr) problem = write_entry(entry, -1);
  if (problem == nullptr && options.is_layer && is_opaque(fd)) problem = write_marker(path, ".wh..opq", status);
  DIR *listing = problem == nullptr ? fdopendir(fd) : nullptr;
  if (problem == nullptr && listing == nullptr) problem = failed("list");
  char **names = nullptr;
  size_t count = 0, room = 0;
  while (dirent *found = listing == nullptr ? nullptr : readdir(listing)) {
    if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) continue;
    if (count == room) names = static_cast<char **>(realloc(names, (room = room == 0 ? 64 : room * 2) * sizeof *names));
    if (names == nullptr) abort();
    names[count++] = strdup(found->d_name);
  }
  if (count > 1) qsort(names, count, sizeof *names, by_name);
  for (size_t i = 0; i < count; i++) {
    if (problem == nullptr) problem = write_named(fd, names[i], length, depth);
    free(names[i]);
  }
  free(names);
  if (listing != nullptr) closedir(listing);
  else close(fd);
  return problem;
}

}  // namespace

const char *write_tree(int root, const char *from, const Options &how) {
  options = how;
  to = archive_write_new();
  archive_write_set_format_pax(to);  // times to the nanosecond: the restricted form leaves them out
  archive_write_set_format_option(to, "pax", "xattrheader", "SCHILY");  // what tar and Docker read
  archive_write_set_bytes_per_block(to, 256 * 1024);
  archive_write_set_bytes_in_last_block(to, 512);
  if (archive_write_open_fd(to, STDOUT_FILENO) != ARCHIVE_OK) return "the archive cannot be written";
  char above[PATH_MAX];
  while (*from == '/') from++;
  snprintf(above, sizeof above, "%s", from);
  for (size_t end = strlen(above); end > 0 && above[end - 1] == '/';) above[--end] = '\0';
  char *slash = strrchr(above, '/');
  const char *name = slash == nullptr ? above : slash + 1;
  bool is_whole = *name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
  snprintf(path, sizeof path, "%s", is_whole ? "" : above);
  if (slash != nullptr && !is_whole) *slash = '\0';
  const char *directory = is_whole ? above : slash == nullptr ? "" : above;
  open_how resolve{O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  int fd = static_cast<int>(syscall(SYS_openat2, root, *directory == '\0' ? "." : directory, &resolve, sizeof resolve));
  if (fd < 0) return failed("open");
  struct stat status;
  const char *problem = nullptr;
  if (!is_whole && fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) problem = failed("stat");
  path[0] = '\0';
  if (problem == nullptr) problem = is_whole ? write_directory(fd, 0, 0) : write_named(fd, name, 0, 0);
  for (size_t i = 0; problem == nullptr && i < options.marker_count; i++) problem = write_empty(options.markers[i], 0);
  if (problem == nullptr && archive_write_close(to) != ARCHIVE_OK) problem = "the archive cannot be written to its end";
  return problem;
}

}  // namespace walk
