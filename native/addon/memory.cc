// Giving memory back while there is nothing to do.
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

#include "errors.h"

// Unmaps the pages of program text that start-up touched and that may never run again. They are clean and stay in the
// page cache: what does run again is mapped again at its next call. Only r-xp mappings: others may hold relocations.
Napi::Value release_text(const Napi::CallbackInfo &info) {
  FILE *maps = fopen("/proc/self/maps", "re");
  if (maps == nullptr) throw system_error(info.Env(), "open", "/proc/self/maps", errno);
  char line[4352];
  while (fgets(line, sizeof line, maps) != nullptr) {
    uintptr_t start, end;
    unsigned long inode;
    char mode[5];
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %lu", &start, &end, mode, &inode) != 4) continue;
    if (strcmp(mode, "r-xp") == 0 && inode != 0) madvise(reinterpret_cast<void *>(start), end - start, MADV_DONTNEED);
  }
  fclose(maps);
  return info.Env().Undefined();
}
