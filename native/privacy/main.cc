// bulkhead-privacy DIRECTORY HIDDEN...
//
// Keeps the privacy layer of image `host` true: walks the root file system once, then follows its changes. Speaks with
// the helper over stdin and stdout, one line each way:
//   "ready HIDDEN\n"          the first walk is done
//   "sync\n" -> "ok HIDDEN\n" every change made before the request is in the layer now; "error WHY\n" if not
// Ends when stdin does.
//
// DIRECTORY holds the layer. overlayfs refuses a lower layer that lies inside another one of the same file system, so
// where DIRECTORY is on the root file system (a machine without a tmpfs on /run) a small tmpfs is mounted there, and
// unmounted at the end.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "changes.h"
#include "layer.h"

namespace {

bool is_on_root_file_system(const char *path) {
  struct stat here, root;
  return stat(path, &here) == 0 && stat("/", &root) == 0 && here.st_dev == root.st_dev;
}

[[noreturn]] void die(const char *what) {
  printf("error %s: %s\n", what, strerror(errno));
  exit(1);
}

// Mount points of this moment: their covered directories, and what is mounted there, stay out of the image.
void read_mounts(int mountinfo, bool update) {
  static char text[256 * 1024];
  lseek(mountinfo, 0, SEEK_SET);
  size_t size = 0;
  for (ssize_t got; size < sizeof text - 1 && (got = read(mountinfo, text + size, sizeof text - 1 - size)) > 0;)
    size += static_cast<size_t>(got);
  text[size] = '\0';
  char *rest = text;
  while (char *line = strsep(&rest, "\n")) {
    char *field = line;
    for (int i = 0; i < 4 && field != nullptr; i++) {
      field = strchr(field, ' ');
      if (field != nullptr) field++;
    }
    if (field == nullptr) continue;
    char *path = strsep(&field, " ");
    // \040 and the like: such a mount point is found by its device number in the walk.
    if (strchr(path, '\\') != nullptr) continue;
    layer::hide_whole(path);
    if (update) layer::update(path);
  }
}

void answer(const char *word, bool good) {
  if (good)
    printf("%s %zu\n", word, layer::hidden());
  else
    printf("error %s\n", layer::problem());
  fflush(stdout);
}

// Until stdin ends. Changes are taken in batches: a process that writes a thousand files must not wake this one a
// thousand times. A request is answered at once all the same.
void serve(int fanotify, int mountinfo) {
  constexpr int kPauseMs = 20;
  bool pausing = false;
  while (true) {
    pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {mountinfo, POLLPRI, 0}, {pausing ? -1 : fanotify, POLLIN, 0}};
    int ready = poll(fds, 3, pausing ? kPauseMs : -1);
    if (ready < 0) continue;
    if (fds[1].revents != 0) read_mounts(mountinfo, true);
    bool asked = (fds[0].revents & (POLLIN | POLLHUP)) != 0;
    if (ready == 0 || (pausing && !asked)) {
      pausing = false;  // at the next event
      continue;
    }
    bool good = changes::drain(fanotify, layer::update);
    pausing = true;
    if (!asked) continue;
    char request[256];
    ssize_t got = read(STDIN_FILENO, request, sizeof request);
    if (got <= 0) return;
    // What changed between the drain above and the request is in the queue by now.
    good = changes::drain(fanotify, layer::update) && good;
    for (ssize_t i = 0; i < got; i++)
      if (request[i] == '\n') answer("ok", good);
  }
}

}  // namespace

int main(int argc, char **argv) {
  prctl(PR_SET_NAME, "bulkhead-privacy");
  umask(0);
  const char *directory = argv[1];
  // What a killed predecessor left mounted.
  if (!is_on_root_file_system(directory)) umount2(directory, MNT_DETACH | UMOUNT_NOFOLLOW);
  bool mounted = is_on_root_file_system(directory);
  if (mounted && mount("bulkhead", directory, "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, "mode=755") != 0) die(directory);
  int layer = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (layer < 0) die(directory);
  layer::open(layer, argv + 2, static_cast<size_t>(argc - 2));
  if (!layer::clear()) {
    printf("error %s\n", layer::problem());
    return 1;
  }
  int fanotify = changes::start();
  if (fanotify < 0) die("fanotify");
  int mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  read_mounts(mountinfo, false);
  answer("ready", layer::update("/"));
  serve(fanotify, mountinfo);
  close(layer);
  if (mounted) umount2(directory, MNT_DETACH | UMOUNT_NOFOLLOW);
  return 0;
}
