#include "reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tree.h"

namespace reader {
namespace {

[[noreturn]] __attribute__((format(printf, 1, 2))) void die(const char *format, ...) {
  int status = errno == ENOSPC || errno == EDQUOT ? ENOSPC : 1;
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  fflush(stderr);
  _exit(status);
}

// Sparse files keep their holes: blocks are written where the archive says they are.
unsigned long long copy_content(archive *from, archive_entry *entry, int fd, unsigned long long room) {
  unsigned long long bytes = 0;
  const void *block;
  size_t size;
  la_int64_t offset;
  int result;
  while ((result = archive_read_data_block(from, &block, &size, &offset)) == ARCHIVE_OK) {
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
  errno = 0;
  if (result != ARCHIVE_EOF) die("the archive is damaged or cut off in entry %s", archive_entry_pathname(entry));
  return bytes;
}

}  // namespace

void run(int in, int root, int deferred, int report_fd, const Options &options) {
  Report report{0, 0};
  tree::open(root, deferred, options);
  archive *from = archive_read_new();
  archive_read_support_format_tar(from);
  if (archive_read_open_fd(from, in, 512 * 1024) != ARCHIVE_OK) die("this is not a tar archive");
  archive_entry *entry;
  int result;
  while ((result = archive_read_next_header(from, &entry)) == ARCHIVE_OK || result == ARCHIVE_WARN) {
    errno = 0;
    if (++report.entries > options.limits.entries) die("the archive has more than %llu entries", options.limits.entries);
    int content;
    if (const char *problem = tree::make(entry, &content)) die("%s", problem);
    if (content < 0) continue;
    report.bytes += copy_content(from, entry, content, options.limits.bytes - report.bytes);
    if (const char *problem = tree::finish_file(entry, content)) die("%s", problem);
    close(content);
  }
  errno = 0;
  if (result != ARCHIVE_EOF && report.entries == 0) die("this is not a tar archive");
  if (result != ARCHIVE_EOF) die("the archive is damaged or cut off after %llu entries", report.entries);
  if (report.entries == 0 && !options.is_layer) die("the archive is empty");
  if (const char *problem = tree::finish_directories()) die("%s", problem);
  // To the last byte: what follows the end mark belongs to the digest.
  static char rest[65536];
  while (read(in, rest, sizeof rest) > 0) {
  }
  if (write(report_fd, &report, sizeof report) != sizeof report) die("the report cannot be written");
  _exit(0);
}

}  // namespace reader
