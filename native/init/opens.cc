#include "opens.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "fd.h"

namespace opens {

constexpr off_t kMaxSize = 64 << 20;

int start() {
  return fanotify_init(FAN_CLASS_NOTIF | FAN_UNLIMITED_QUEUE | FAN_NONBLOCK | FAN_CLOEXEC,
                       O_RDONLY | O_NONBLOCK | O_NOATIME | O_LARGEFILE | O_CLOEXEC);
}

bool mark(int fanotify, int mount) {
  return fanotify_mark(fanotify, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN | FAN_OPEN_EXEC, mount, ".") == 0;
}

void keep(int fanotify, int directory) {
  alignas(fanotify_event_metadata) static char buffer[16 * 1024];
  ssize_t got = read(fanotify, buffer, sizeof buffer);
  if (got <= 0) return;
  Fd list(openat(directory, "opens", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  bool has_room = list.valid() && lseek(list.get(), 0, SEEK_END) < kMaxSize;
  auto *event = reinterpret_cast<fanotify_event_metadata *>(buffer);
  for (; FAN_EVENT_OK(event, got); event = FAN_EVENT_NEXT(event, got)) {
    if (event->fd < 0) continue;
    Fd file(event->fd);
    char link[40], path[PATH_MAX + 1];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file.get());
    ssize_t length = readlink(link, path, sizeof path - 1);
    // Once is enough: the kernel need not tell of this file again.
    fanotify_mark(fanotify, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY, FAN_OPEN | FAN_OPEN_EXEC,
                  AT_FDCWD, link);
    if (length <= 0 || !has_room) continue;
    path[length] = '\0';
    if (write(list.get(), path, static_cast<size_t>(length) + 1) < 0) continue;  // a full disk costs the list, not the container
  }
}

}  // namespace opens
