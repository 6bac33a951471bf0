// bulkhead-unpack MAX_ENTRIES MAX_BYTES < archive.tar 3<> directory
//
// Unpacks an uncompressed tar archive (ustar, GNU, PAX; read by libarchive) into the directory on descriptor 3.
// Before the first byte is read it makes that directory its root and gives up all privileges but those that owners
// and modes of files need, so that a fault in the reader is worth nothing.
// Prints {"entries":N,"bytes":N}, or one line on standard error that says what is wrong, and exits 1; 28 (ENOSPC) when
// the disk is full.
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <locale.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tree.h"

namespace {

constexpr int kDirectory = 3;

[[noreturn]] __attribute__((format(printf, 1, 2))) void die(const char *format, ...) {
  int status = errno == ENOSPC || errno == EDQUOT ? ENOSPC : 1;
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(status);
}

void confine() {
  if (fchdir(kDirectory) != 0 || chroot(".") != 0) die("the target directory: %s", strerror(errno));
  constexpr unsigned kKept[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_SETFCAP};
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (unsigned capability : kKept) data[0].permitted |= 1U << capability;
  data[0].effective = data[0].permitted;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("no_new_privs: %s", strerror(errno));
  if (syscall(SYS_capset, &header, data) != 0) die("capset: %s", strerror(errno));
}

// Sparse files keep their holes: blocks are written where the archive says they are.
unsigned long long copy_content(archive *reader, archive_entry *entry, int fd, unsigned long long room) {
  unsigned long long bytes = 0;
  const void *block;
  size_t size;
  la_int64_t offset;
  int result;
  while ((result = archive_read_data_block(reader, &block, &size, &offset)) == ARCHIVE_OK) {
    bytes += size;
    if (bytes > room) die("the archive unpacks to more bytes than the limit");
    const char *at = static_cast<const char *>(block);
    while (size > 0) {
      ssize_t wrote = pwrite(fd, at, size, offset);
      if (wrote < 0) die("%s: %s", archive_entry_pathname(entry), strerror(errno));
      at += wrote;
      offset += wrote;
      size -= static_cast<size_t>(wrote);
    }
  }
  if (result != ARCHIVE_EOF) die("the archive is damaged or cut off in entry %s", archive_entry_pathname(entry));
  return bytes;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 3) die("usage: bulkhead-unpack MAX_ENTRIES MAX_BYTES");
  unsigned long long max_entries = strtoull(argv[1], nullptr, 10), max_bytes = strtoull(argv[2], nullptr, 10);
  unsigned long long entries = 0, bytes = 0;
  setlocale(LC_CTYPE, "C.UTF-8");  // PAX names are UTF-8; built into the C library, nothing is loaded
  confine();
  umask(0);
  tree::open(kDirectory);

  archive *reader = archive_read_new();
  archive_read_support_format_tar(reader);
  if (archive_read_open_fd(reader, STDIN_FILENO, 128 * 1024) != ARCHIVE_OK) die("this is not a tar archive");
  archive_entry *entry;
  int result;
  while ((result = archive_read_next_header(reader, &entry)) == ARCHIVE_OK || result == ARCHIVE_WARN) {
    if (++entries > max_entries) die("the archive has more than %llu entries", max_entries);
    int content;
    if (const char *problem = tree::make(entry, &content)) die("%s", problem);
    if (content < 0) continue;
    bytes += copy_content(reader, entry, content, max_bytes - bytes);
    if (const char *problem = tree::finish_file(entry, content)) die("%s", problem);
    close(content);
  }
  if (result != ARCHIVE_EOF && entries == 0) die("this is not a tar archive");
  if (result != ARCHIVE_EOF) die("the archive is damaged or cut off after %llu entries", entries);
  if (entries == 0) die("the archive is empty");
  if (const char *problem = tree::finish_directories()) die("%s", problem);
  // To the last byte: what follows the end mark belongs to the digest that the other side takes.
  char rest[65536];
  while (read(STDIN_FILENO, rest, sizeof rest) > 0) {
  }
  printf("{\"entries\":%llu,\"bytes\":%llu}\n", entries, bytes);
  return 0;
}
