#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

void Log::open(int directory, uint64_t max_bytes, uint32_t max_files) {
  directory_ = directory;
  max_bytes_ = max_bytes;
  max_files_ = max_files;
}

bool Log::write(const char *stream, const char *data, size_t size) {
  if (max_files_ == 0) return true;  // the output of exec is its client's alone
  while (size > 0) {
    const char *newline = static_cast<const char *>(memchr(data, '\n', size));
    size_t length = newline == nullptr ? size : static_cast<size_t>(newline - data);
    if (!record(stream, newline == nullptr ? 'P' : 'F', data, length)) return false;
    size_t used = length + (newline == nullptr ? 0 : 1);
    data += used;
    size -= used;
  }
  return true;
}

bool Log::record(const char *stream, char tag, const char *data, size_t size) {
  if (file_.valid() && max_bytes_ > 0 && written_ >= max_bytes_) rotate();
  // Made at the first byte: most short containers print nothing.
  if (!file_.valid()) {
    file_.reset(openat(directory_, "log", O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    struct stat status;
    if (!file_.valid() || fstat(file_.get(), &status) != 0) return false;
    written_ = static_cast<uint64_t>(status.st_size);
  }
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  tm utc;
  gmtime_r(&now.tv_sec, &utc);
  char head[64];
  size_t length = strftime(head, sizeof head, "%Y-%m-%dT%H:%M:%S", &utc);
  length += static_cast<size_t>(
      snprintf(head + length, sizeof head - length, ".%09ldZ %s %c ", now.tv_nsec, stream, tag));
  char newline = '\n';
  // One writev: a record is whole in the file or absent, also when the watcher is killed.
  iovec parts[] = {{head, length}, {const_cast<char *>(data), size}, {&newline, 1}};
  ssize_t wrote = writev(file_.get(), parts, 3);
  if (wrote > 0) written_ += static_cast<uint64_t>(wrote);
  if (wrote == static_cast<ssize_t>(length + size + 1)) return true;
  // A torn record (disk full) is cut off again, so that the next one starts on a line of its own.
  if (wrote > 0 && ftruncate(file_.get(), static_cast<off_t>(written_ - static_cast<uint64_t>(wrote))) == 0)
    written_ -= static_cast<uint64_t>(wrote);
  return false;
}

void Log::rotate() {
  char from[24], to[24];
  for (uint32_t i = max_files_ - 1; i >= 1; i--) {
    snprintf(to, sizeof to, "log.%u", i);
    snprintf(from, sizeof from, i == 1 ? "log" : "log.%u", i - 1);
    renameat(directory_, from, directory_, to);
  }
  if (max_files_ == 1) unlinkat(directory_, "log", 0);
  file_.reset();
  written_ = 0;
}
