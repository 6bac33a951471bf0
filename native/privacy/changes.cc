#include "changes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

namespace changes {
namespace {

// The path of the directory in the event, then the entry's name; "." is the directory itself. False when it is gone.
bool path_of(const fanotify_event_info_fid *info, char *path, size_t room) {
  auto *handle = reinterpret_cast<file_handle *>(const_cast<unsigned char *>(info->handle));
  const char *name = reinterpret_cast<const char *>(handle->f_handle + handle->handle_bytes);
  int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int fd = open_by_handle_at(root, handle, O_PATH | O_CLOEXEC);
  close(root);
  if (fd < 0) return false;
  char link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, room - 1);
  close(fd);
  if (length <= 0) return false;
  path[length] = '\0';
  constexpr char kDeleted[] = " (deleted)";
  size_t tail = sizeof kDeleted - 1;
  if (static_cast<size_t>(length) > tail && strcmp(path + length - tail, kDeleted) == 0) return false;
  if (strcmp(name, ".") == 0) return true;
  size_t used = strcmp(path, "/") == 0 ? 0 : static_cast<size_t>(length);
  return snprintf(path + used, room - used, "/%s", name) < static_cast<int>(room - used);
}

}  // namespace

int start() {
  int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_UNLIMITED_QUEUE | FAN_NONBLOCK | FAN_CLOEXEC,
                         O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  constexpr uint64_t kEvents = FAN_CREATE | FAN_ATTRIB | FAN_MOVED_FROM | FAN_MOVED_TO | FAN_DELETE | FAN_ONDIR;
  if (fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, kEvents, AT_FDCWD, "/") != 0) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

bool drain(int fanotify, bool (*update)(const char *path)) {
  alignas(fanotify_event_metadata) static char buffer[64 * 1024];
  // A build writes the same file many times over: a run of events for one path is one update.
  static char last[PATH_MAX];
  last[0] = '\0';
  bool good = true;
  ssize_t got;
  while ((got = read(fanotify, buffer, sizeof buffer)) > 0) {
    auto *event = reinterpret_cast<fanotify_event_metadata *>(buffer);
    for (; FAN_EVENT_OK(event, got); event = FAN_EVENT_NEXT(event, got)) {
      if ((event->mask & FAN_Q_OVERFLOW) != 0) {
        good = update("/") && good;
        continue;
      }
      char path[PATH_MAX + NAME_MAX + 2];
      auto *info = reinterpret_cast<fanotify_event_info_fid *>(event + 1);
      if (event->event_len <= event->metadata_len || info->hdr.info_type != FAN_EVENT_INFO_TYPE_DFID_NAME) continue;
      if (!path_of(info, path, sizeof path) || strlen(path) >= PATH_MAX || strcmp(path, last) == 0) continue;
      strcpy(last, path);
      good = update(path) && good;
      if ((event->mask & (FAN_DELETE | FAN_MOVED_FROM | FAN_CREATE)) != 0) last[0] = '\0';
    }
  }
  return good;
}

}  // namespace changes
