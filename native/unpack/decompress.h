// The first of bulkhead-unpack's two processes: takes a layer's bytes as they are stored, and gives a tar archive.
#pragma once
#include <stdint.h>

namespace decompress {

enum class Compression : uint32_t { kNone, kGzip, kZstd };

struct Report {
  uint8_t diff_id[32];  // SHA-256 of the archive
  Compression compression;
};

// Reads `in` to its end, writes the archive to `out`, then the report to `report`. Exits the process, with a sentence on
// standard error when the bytes are damaged. An archive of more than `max_ratio` times its compressed bytes is refused
// once it is large.
[[noreturn]] void run(int in, int out, int report);

}  // namespace decompress
