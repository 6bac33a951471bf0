// What watcher and helper say to each other on a stream socket: u32 length of the payload, u8 type, payload.
// The helper's twin is helper/containers/frames.ts. Numbers are little-endian.
#pragma once
#include <stdint.h>

namespace frames {

constexpr uint32_t kHeader = 5;
constexpr uint32_t kMaxIncoming = 16 * 1024;  // payload bytes of a frame that the watcher accepts

enum Type : uint8_t {
  // From the watcher.
  kStarted = 1,  // u32 pid, u32 count, Record[count]
  kFailed = 2,   // u32 operation, i32 errno, u32 count, Record[count], text
  kStdout = 3,
  kStderr = 4,
  kExited = 5,  // u32 code, u32 signal, u32 OOM kills, u32 zero, u64 finished (ns, CLOCK_REALTIME)
  // To the watcher.
  kSignal = 16,  // u32 signal number, sent to the container's first process
  kStdin = 17,
  kStdinEnd = 18,
  kResize = 19,  // u16 rows, u16 columns
  kAttach = 20,  // from now on send stdout and stderr to this client
};

}  // namespace frames
