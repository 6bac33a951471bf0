// The container's output on disk, in the format of the Kubernetes container runtime interface, one record a line:
//   2026-01-31T12:00:00.000000000Z stdout F text        (P instead of F: the line goes on in the next record)
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "fd.h"

class Log {
 public:
  // `directory` holds `log`, and after rotation `log.1` (newer) ... `log.N-1`. None at all with 0 files.
  void open(int directory, uint64_t max_bytes, uint32_t max_files);
  // stream is "stdout" or "stderr". Text is kept as it is, NUL and all. Returns false when the disk refuses it.
  bool write(const char *stream, const char *data, size_t size);

 private:
  bool record(const char *stream, char tag, const char *data, size_t size);
  void rotate();

  int directory_ = -1;
  Fd file_;
  uint64_t written_ = 0;
  uint64_t max_bytes_ = 0;
  uint32_t max_files_ = 1;
};
