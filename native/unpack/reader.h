// The second of bulkhead-unpack's two processes: reads a tar archive and makes its files.
#pragma once

namespace reader {

struct Limits {
  unsigned long long entries, bytes;
};

struct Options {
  Limits limits;
  unsigned shift;   // added to each owner: first host id of a container's range
  bool is_layer;    // names that begin with .wh. are whiteouts (OCI image-spec, layer.md)
  bool keep_owners; // otherwise everything belongs to root, as with docker cp
};

// Reads `in` to its end and makes what it holds below the directory `root`, which is this process's root, too. What needs
// more rights than this process has goes to `deferred`: see deferred.h. The count goes to `report`. Exits the process, with
// a sentence on standard error when the archive is refused.
[[noreturn]] void run(int in, int root, int deferred, int report, const Options &options);

struct Report {
  unsigned long long entries, bytes;
};

}  // namespace reader
