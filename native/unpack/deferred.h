// What the reader of an archive may not do itself: it is asked for, and done when the reader has ended, by a process that
// has never seen the archive. A device node could be opened by whoever makes it; an overlay attribute needs
// CAP_SYS_ADMIN.
#pragma once
#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

namespace deferred {

enum class Kind : uint32_t { kOpaque, kDevice };

struct Request {
  Kind kind;
  mode_t mode;  // with its type, for a device
  uid_t uid;
  gid_t gid;
  dev_t device;
  int64_t seconds, nanoseconds;
  char path[PATH_MAX];  // below the root
};

// Carries out all requests that `from` holds. Returns nullptr, or a sentence.
const char *carry_out(int from, int root);

}  // namespace deferred
