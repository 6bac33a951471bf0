// bulkhead-privacy HIDDEN... 3<> layer directory
//
// Keeps the privacy layer of image `host` true: walks the root file system once, then follows its changes. Speaks with
// the helper over stdin and stdout, one line each way:
//   "ready HIDDEN\n"          the first walk is done
//   "sync\n" -> "ok HIDDEN\n" every change made before the request is in the layer now; "error WHY\n" if not
// Ends when stdin does.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "changes.h"
#include "layer.h"

namespace {

constexpr int kLayer = 3;

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

}  // namespace

int main(int argc, char **argv) {
  prctl(PR_SET_NAME, "bulkhead-privacy");
  umask(0);
  layer::open(kLayer, argv + 1, static_cast<size_t>(argc - 1));
  int fanotify = changes::start();
  if (fanotify < 0) {
    printf("error fanotify: %s\n", strerror(errno));
    return 1;
  }
  int mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  read_mounts(mountinfo, false);
  answer("ready", layer::update("/"));

  while (true) {
    pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {fanotify, POLLIN, 0}, {mountinfo, POLLPRI, 0}};
    if (poll(fds, 3, -1) < 0) continue;
    if (fds[2].revents != 0) read_mounts(mountinfo, true);
    bool good = changes::drain(fanotify, layer::update);
    if ((fds[0].revents & (POLLIN | POLLHUP)) == 0) continue;
    char request[256];
    ssize_t got = read(STDIN_FILENO, request, sizeof request);
    if (got <= 0) return 0;
    // What changed between the drain above and the request is in the queue by now.
    good = changes::drain(fanotify, layer::update) && good;
    for (ssize_t i = 0; i < got; i++)
      if (request[i] == '\n') answer("ok", good);
  }
}
