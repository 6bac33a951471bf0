#include "decompress.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

namespace decompress {
namespace {

constexpr size_t kIn = 256 * 1024, kOut = 512 * 1024;
constexpr int kZstdWindowLog = 27;  // archives made with --long need 128 MiB
// Deflate reaches 1032:1 with zeros alone. Real layers stay far below; small ones may do what they like.
constexpr unsigned long long kBombSize = 1ULL << 30, kBombRatio = 300;

uint8_t input[kIn], output[kOut];
size_t available, used;  // bytes in `input`, and how many of them are done with
unsigned long long total_in, total_out;
int source, target;
sha256_ctx hash;

[[noreturn]] void refuse(const char *message, const char *hint = nullptr) {
  fprintf(stderr, "%s\n", message);
  if (hint != nullptr) fprintf(stderr, "%s\n", hint);
  fflush(stderr);
  _exit(1);
}

// False at the end of the input.
bool refill() {
  if (used < available) return true;
  ssize_t got;
  while ((got = read(source, input, sizeof input)) < 0 && errno == EINTR) {
  }
  if (got < 0) refuse("the archive cannot be read");
  available = static_cast<size_t>(got);
  used = 0;
  total_in += available;
  return got > 0;
}

void emit(const uint8_t *bytes, size_t size) {
  sha256_update(&hash, size, bytes);
  total_out += size;
  if (total_out > kBombSize && total_out / kBombRatio > total_in)
    refuse("the archive unpacks to more than 300 times its size: it looks like a bomb");
  while (size > 0) {
    ssize_t wrote = write(target, bytes, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) _exit(2);  // the reader refused it, and has said why
    bytes += wrote;
    size -= static_cast<size_t>(wrote);
  }
}

void gunzip() {
  z_stream stream{};
  if (inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, sizeof stream) != Z_OK) refuse("no memory to decompress");
  bool ended = false;
  while (refill()) {
    if (ended) {
      // Another member may follow (RFC 1952, 2.2); padding may, too.
      if (input[used] == 0) {
        used++;
        continue;
      }
      inflateReset(&stream);
      ended = false;
    }
    stream.next_in = input + used;
    stream.avail_in = static_cast<unsigned>(available - used);
    do {
      stream.next_out = output;
      stream.avail_out = sizeof output;
      int result = inflate(&stream, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        refuse("the archive is damaged or cut off: its gzip data is not valid");
      emit(output, sizeof output - stream.avail_out);
      ended = result == Z_STREAM_END;
    } while (!ended && (stream.avail_in > 0 || stream.avail_out == 0));
    used = available - stream.avail_in;
  }
  if (!ended) refuse("the archive is damaged or cut off: its gzip data has no end");
}

void unzstd() {
  ZSTD_DCtx *context = ZSTD_createDCtx();
  if (context == nullptr) refuse("no memory to decompress");
  ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, kZstdWindowLog);
  size_t rest = 0;
  while (refill()) {
    ZSTD_inBuffer in{input + used, available - used, 0};
    ZSTD_outBuffer out{output, sizeof output, 0};
    do {
      out.pos = 0;
      rest = ZSTD_decompressStream(context, &out, &in);
      if (ZSTD_isError(rest) != 0) refuse("the archive is damaged or cut off: its zstd data is not valid");
      emit(output, out.pos);
    } while (in.pos < in.size || out.pos == out.size);
    used = available;
  }
  if (rest != 0) refuse("the archive is damaged or cut off: its zstd data has no end");
}

bool starts_with(const char *magic, size_t size) { return available >= size && memcmp(input, magic, size) == 0; }

}  // namespace

void run(int in, int out, int report_fd) {
  source = in;
  target = out;
  sha256_init(&hash);
  // The magic number may come in two reads: a pipe gives what it has.
  while (available < 6) {
    ssize_t got = read(source, input + available, sizeof input - available);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    available += static_cast<size_t>(got);
  }
  total_in = available;
  Report report{};
  if (starts_with("\x1f\x8b", 2)) {
    report.compression = Compression::kGzip;
    gunzip();
  } else if (starts_with("\x28\xb5\x2f\xfd", 4)) {
    report.compression = Compression::kZstd;
    unzstd();
  } else if (starts_with("\xfd\x37zXZ", 5)) {
    refuse("the archive is compressed with xz", "Recompress it with gzip or zstd: xz -dc FILE | zstd > FILE.tar.zst");
  } else if (starts_with("BZh", 3)) {
    refuse("the archive is compressed with bzip2", "Recompress it with gzip or zstd: bzip2 -dc FILE | zstd > FILE.tar.zst");
  } else {
    while (refill()) {
      emit(input + used, available - used);
      used = available;
    }
  }
  sha256_digest(&hash, sizeof report.diff_id, report.diff_id);
  if (write(report_fd, &report, sizeof report) != sizeof report) _exit(2);
  _exit(0);
}

}  // namespace decompress
