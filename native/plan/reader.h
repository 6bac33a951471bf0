// Reads a plan: little-endian, length-prefixed, every length checked. See helper/plan/encode.ts for the writer.
//
//   plan      = "BHPLAN" u16 version, u32 operations, operation...
//   operation = u16 code, u32 length, field...
//   u32, u64  = as they are
//   string    = u32 length, bytes, NUL (no NUL inside); bytes = u32 length, bytes, NUL
//   strings   = u32 count, string...
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace plan {

struct Bytes {
  const uint8_t *data;
  uint32_t size;
};

class Reader;

// A list of strings that stays where it is in the plan; walked with a Reader.
struct Strings {
  const uint8_t *data;
  size_t size;
  uint32_t count;
  inline Reader reader() const;
};

class Reader {
 public:
  // malformed() is called at the first length that does not fit, and does not return.
  Reader(const uint8_t *data, size_t size, void (*malformed)(const char *))
      : at_(data), end_(data + size), malformed_(malformed) {}

  uint8_t u8() { return number<uint8_t>(); }
  uint16_t u16() { return number<uint16_t>(); }
  uint32_t u32() { return number<uint32_t>(); }
  uint64_t u64() { return number<uint64_t>(); }

  Bytes bytes() {
    uint32_t size = u32();
    const uint8_t *data = take(static_cast<size_t>(size) + 1);
    if (data[size] != 0) malformed_("bytes do not end in NUL");
    return {data, size};
  }

  const char *string() {
    Bytes b = bytes();
    if (memchr(b.data, 0, b.size) != nullptr) malformed_("a NUL inside a string");
    return reinterpret_cast<const char *>(b.data);
  }

  Strings strings() {
    uint32_t count = u32();
    const uint8_t *start = at_;
    for (uint32_t i = 0; i < count; i++) string();
    return {start, static_cast<size_t>(at_ - start), count};
  }

  Reader part(size_t size) { return Reader(take(size), size, malformed_); }

  void finish() {
    if (at_ != end_) malformed_("an operation is longer than its fields");
  }

 private:
  template <typename T>
  T number() {
    T value;
    memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }

  const uint8_t *take(size_t size) {
    if (size > static_cast<size_t>(end_ - at_)) malformed_("a length reaches past the end");
    const uint8_t *here = at_;
    at_ += size;
    return here;
  }

  const uint8_t *at_;
  const uint8_t *end_;
  void (*malformed_)(const char *);
};

inline Reader Strings::reader() const {
  return Reader(data, size, [](const char *) { __builtin_trap(); });
}

}  // namespace plan
