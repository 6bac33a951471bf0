// How an operation fails: errno and what it was done to, written where the watcher can read it. No heap.
#pragma once
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

constexpr uint32_t kMaxRecords = 1024;
// Of a plan: as many as a frame to the helper has room for.
constexpr uint32_t kMaxOperations = 512;

struct Record {
  uint32_t operation;  // index in the plan
  uint32_t reserved;
  uint64_t start;  // nanoseconds since the watcher began (CLOCK_MONOTONIC)
  uint64_t end;
};

// One page set that the watcher and the container process share until exec replaces the latter's memory.
struct Report {
  uint32_t records;
  uint32_t failed;  // 1 when `failed_operation` holds
  uint32_t failed_operation;
  int32_t failed_errno;
  char failed_on[512];  // what it was done to, for people
  Record record[kMaxRecords];
};

// A failed step: errno and its object. `ok()` for success, so that a step reads `if (auto f = step(); f.failed) return f;`.
struct Outcome {
  bool failed;
  int error;
  char on[256];
};

inline Outcome ok() { return {false, 0, ""}; }

__attribute__((format(printf, 2, 3))) inline Outcome fail_with(int error, const char *format, ...) {
  Outcome o{true, error, ""};
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(o.on, sizeof o.on, format, arguments);
  va_end(arguments);
  return o;
}

#define FAIL(...) fail_with(errno, __VA_ARGS__)
#define TRY(step)                       \
  do {                                  \
    if (Outcome o_ = (step); o_.failed) \
      return o_;                        \
  } while (0)
