// bulkhead-pack [--layer] [--shift FIRST:COUNT] [--only] [--path PATH] 3<> directory > archive.tar
//
// Writes the files below the directory on descriptor 3 as a tar archive: one layer (with --layer), a merged root, or one
// PATH of it. --only: only the paths on standard input, each ending with a NUL, and the directories above them; of those that
// begin with the character 1 an empty file is written, which is how a whiteout is asked for.
// The directory is this process's root before it is looked at. Prints what is wrong on standard error, and exits 1.
#include <errno.h>
#include <getopt.h>
#include <linux/capability.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "walk.h"

namespace {

constexpr int kDirectory = 3;
constexpr char kMarker = 1;

[[noreturn]] void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

void confine(bool reads_overlay_attributes) {
  if (fchdir(kDirectory) != 0 || chroot(".") != 0) die("the directory");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  data[0].permitted = 1U << CAP_DAC_READ_SEARCH;
  if (reads_overlay_attributes) data[0].permitted |= 1U << CAP_SYS_ADMIN;  // trusted.* (xattr(7))
  data[0].effective = data[0].permitted;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("no_new_privs");
  if (syscall(SYS_capset, &header, data) != 0) die("capset");
}

int by_text(const void *a, const void *b) {
  return strcmp(*static_cast<const char *const *>(a), *static_cast<const char *const *>(b));
}

// Standard input, split at its NULs and sorted.
void read_only(walk::Options *options) {
  size_t size = 0, room = 1 << 16;
  char *text = static_cast<char *>(malloc(room));
  ssize_t got;
  while (text != nullptr && (got = read(STDIN_FILENO, text + size, room - size - 1)) > 0) {
    size += static_cast<size_t>(got);
    if (room - size < 2) text = static_cast<char *>(realloc(text, room *= 2));
  }
  size_t count = 0;
  for (size_t i = 0; text != nullptr && i < size; i++) count += text[i] == '\0';
  const char **list = static_cast<const char **>(calloc(count + 1, sizeof *list));
  const char **markers = static_cast<const char **>(calloc(count + 1, sizeof *markers));
  if (text == nullptr || list == nullptr || markers == nullptr) die("no memory for the list of paths");
  text[size] = '\0';
  const char *at = text;
  for (size_t i = 0; i < count; i++, at += strlen(at) + 1) {
    if (*at == kMarker) markers[options->marker_count++] = at + 1;
    else list[options->only_count++] = at;
  }
  qsort(list, options->only_count, sizeof *list, by_text);
  options->only = list;
  options->markers = markers;
}

}  // namespace

int main(int argc, char **argv) {
  static const option kOptions[] = {{"layer", no_argument, nullptr, 'l'}, {"shift", required_argument, nullptr, 's'},
                                    {"only", no_argument, nullptr, 'o'},  {"path", required_argument, nullptr, 'p'},
                                    {nullptr, 0, nullptr, 0}};
  walk::Options options;
  const char *path = "";
  bool has_list = false;
  for (int found; (found = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    if (found == 'l') options.is_layer = true;
    else if (found == 'o') has_list = true;
    else if (found == 'p') path = optarg;
    else if (found == 's') {
      char *rest = nullptr;
      options.first = static_cast<uint32_t>(strtoul(optarg, &rest, 10));
      options.count = *rest == ':' ? static_cast<uint32_t>(strtoul(rest + 1, nullptr, 10)) : 0;
    } else return 2;
  }
  setlocale(LC_CTYPE, "C.UTF-8");  // PAX names are UTF-8
  if (has_list) read_only(&options);
  confine(options.is_layer);
  if (const char *problem = walk::write_tree(kDirectory, path, options)) {
    fprintf(stderr, "%s\n", problem);
    return 1;
  }
  return 0;
}
