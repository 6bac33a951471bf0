// Counters of cgroups: files kept open, read and parsed in one call. The contract is native/index.d.ts.
#include <algorithm>
#include <errno.h>
#include <fcntl.h>
#include <limits>
#include <memory>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "../init/fd.h"
#include "beneath.h"
#include "errors.h"
#include "parallel.h"

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
// A file longer than this would not be one of those that are sampled: memory.stat has some 2 KB.
constexpr size_t kLongest = 16384;
// Slots that one thread reads as fast as several.
constexpr size_t kFew = 128;

enum class Format { kNumber, kKeyed, kIo, kBlkio, kPressure, kLinks };

struct File {
  Format format;
  Fd fd;
  // Of kLinks, which is opened anew each time: an open one would keep its network namespace.
  std::string path;
  // Words before the numbers (kKeyed), or of them (kIo), and where their numbers go.
  std::vector<std::string> keys;
  std::vector<uint32_t> columns;
  // Read in each so many-th sample alone, and in the first: a file that takes the kernel long to write.
  uint32_t every = 1;
  bool is_new = true;
};

double number_at(const char *text) {
  if (strncmp(text, "max", 3) == 0) return std::numeric_limits<double>::infinity();
  char *end = nullptr;
  double value = strtod(text, &end);
  return end == text ? kNone : value;
}

const char *line_after(const char *text) {
  const char *end = strchr(text, '\n');
  return end == nullptr ? text + strlen(text) : end + 1;
}

// `key number` lines.
void parse_keyed(const char *text, const File &file, double *out) {
  for (const char *line = text; *line != '\0'; line = line_after(line)) {
    for (size_t i = 0; i < file.keys.size(); i++) {
      const std::string &key = file.keys[i];
      if (strncmp(line, key.data(), key.size()) == 0 && line[key.size()] == ' ')
        out[file.columns[i]] = number_at(line + key.size() + 1);
    }
  }
}

// A line for each device, `key=number` words in it (cgroup v2, io.stat): summed.
void parse_io(const char *text, const File &file, double *out) {
  for (uint32_t column : file.columns) out[column] = 0;
  for (const char *word = text; *word != '\0'; word++) {
    if (word != text && word[-1] != ' ') continue;
    for (size_t i = 0; i < file.keys.size(); i++) {
      const std::string &key = file.keys[i];
      if (strncmp(word, key.data(), key.size()) == 0 && word[key.size()] == '=')
        out[file.columns[i]] += number_at(word + key.size() + 1);
    }
  }
}

// `8:0 Read 4096` lines, and one of all (cgroup v1, blkio): summed by operation.
void parse_blkio(const char *text, const File &file, double *out) {
  for (uint32_t column : file.columns) out[column] = 0;
  for (const char *line = text; *line != '\0'; line = line_after(line)) {
    const char *space = strchr(line, ' ');
    if (space == nullptr) return;
    for (size_t i = 0; i < file.keys.size(); i++) {
      const std::string &key = file.keys[i];
      if (strncmp(space + 1, key.data(), key.size()) == 0 && space[1 + key.size()] == ' ')
        out[file.columns[i]] += number_at(space + 2 + key.size());
    }
  }
}

// `some avg10=… total=N` and `full …`: microseconds (Documentation/accounting/psi.rst).
void parse_pressure(const char *text, const File &file, double *out) {
  for (const char *line = text; *line != '\0'; line = line_after(line)) {
    const char *total = strstr(line, "total=");
    if (total == nullptr) return;
    for (size_t i = 0; i < file.keys.size(); i++)
      if (strncmp(line, file.keys[i].data(), file.keys[i].size()) == 0) out[file.columns[i]] = number_at(total + 6);
  }
}

// Bytes received and sent by all links but the loopback (proc_pid_net(5), dev).
void parse_links(const char *text, const File &file, double *out) {
  for (uint32_t column : file.columns) out[column] = 0;
  for (const char *line = line_after(line_after(text)); *line != '\0'; line = line_after(line)) {
    while (*line == ' ') line++;
    const char *colon = strchr(line, ':');
    if (colon == nullptr) return;
    if (strncmp(line, "lo:", 3) == 0) continue;
    char *rest = nullptr;
    out[file.columns[0]] += strtod(colon + 1, &rest);
    for (int skipped = 0; skipped < 7; skipped++) strtod(rest, &rest);
    out[file.columns[1]] += strtod(rest, &rest);
  }
}

class Sampler {
 public:
  void add(uint32_t slot, File file) {
    if (slot >= slots_.size()) slots_.resize(slot + 1);
    slots_[slot].push_back(std::move(file));
  }

  void remove(uint32_t slot) {
    if (slot < slots_.size()) slots_[slot].clear();
  }

  // `width`: numbers of one slot.
  void read_all(double *out, size_t size, size_t width) {
    for (size_t i = 0; i < size; i++) out[i] = kNone;
    // Not all of them in the same sample.
    count_++;
    size_t count = std::min(slots_.size(), size / width);
    auto read_some = [&](size_t, size_t from, size_t to) {
      for (size_t slot = from; slot < to; slot++) read_slot(slot, out + slot * width);
    };
    // What a file costs is mostly the wait for memory that nobody has touched for a second: that, two can do at once.
    if (count < kFew) read_some(0, 0, count);
    else in_parallel(count, read_some);
  }

 private:
  void read_slot(size_t slot, double *out) {
    for (File &file : slots_[slot]) {
      if (!file.is_new && (count_ + slot) % file.every != 0) continue;
      file.is_new = false;
      read_one(file, out);
    }
  }

  static void read_one(const File &file, double *out) {
    char text[kLongest];
    Fd opened;
    if (file.format == Format::kLinks) opened.reset(open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
    int fd = file.format == Format::kLinks ? opened.get() : file.fd.get();
    ssize_t got = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
    if (got < 0) return;  // removed meanwhile: there is no number any more
    text[got] = '\0';
    switch (file.format) {
      case Format::kNumber:
        // cpu.max has two: the quota and its period.
        out[file.columns[0]] = number_at(text);
        if (file.columns.size() > 1) {
          const char *space = strchr(text, ' ');
          if (space != nullptr) out[file.columns[1]] = number_at(space + 1);
        }
        break;
      case Format::kKeyed:
        return parse_keyed(text, file, out);
      case Format::kIo:
        return parse_io(text, file, out);
      case Format::kBlkio:
        return parse_blkio(text, file, out);
      case Format::kPressure:
        return parse_pressure(text, file, out);
      case Format::kLinks:
        return parse_links(text, file, out);
    }
  }

  std::vector<std::vector<File>> slots_;
  size_t count_ = 0;
};

Format format_of(Napi::Env env, const std::string &name) {
  static const char *const kNames[] = {"number", "keyed", "io", "blkio", "pressure", "links"};
  for (size_t i = 0; i < std::size(kNames); i++)
    if (name == kNames[i]) return static_cast<Format>(i);
  throw Napi::TypeError::New(env, "no format " + name);
}

}  // namespace

Napi::Value open_sampler(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  uint32_t width = info[0].As<Napi::Number>();
  auto sampler = std::make_shared<Sampler>();
  Napi::Object result = Napi::Object::New(env);
  result.Set("add", Napi::Function::New(env, [sampler, width](const Napi::CallbackInfo &call) -> Napi::Value {
    Napi::Object options = call[1].As<Napi::Object>();
    File file{format_of(call.Env(), options.Get("format").As<Napi::String>()), Fd(), "", {}, {}, options.Get("every").As<Napi::Number>()};
    Napi::Array keys = options.Get("keys").As<Napi::Array>(), columns = options.Get("columns").As<Napi::Array>();
    for (uint32_t i = 0; i < keys.Length(); i++) file.keys.push_back(keys.Get(i).As<Napi::String>());
    for (uint32_t i = 0; i < columns.Length(); i++) {
      file.columns.push_back(columns.Get(i).As<Napi::Number>());
      if (file.columns.back() >= width) throw Napi::RangeError::New(call.Env(), "no such column");
    }
    file.path = options.Get("path").As<Napi::String>();
    std::string root = options.Get("root").As<Napi::String>();
    if (file.format != Format::kLinks) {
      file.fd.reset(open_beneath(root, file.path, O_RDONLY));
      if (!file.fd.valid()) {
        if (errno == ENOENT || errno == ENODEV) return Napi::Boolean::New(call.Env(), false);
        throw system_error(call.Env(), "open", file.path, errno);
      }
    }
    sampler->add(call[0].As<Napi::Number>(), std::move(file));
    return Napi::Boolean::New(call.Env(), true);
  }));
  result.Set("remove", Napi::Function::New(env, [sampler](const Napi::CallbackInfo &call) {
    sampler->remove(call[0].As<Napi::Number>());
  }));
  result.Set("read", Napi::Function::New(env, [sampler, width](const Napi::CallbackInfo &call) {
    Napi::Float64Array out = call[0].As<Napi::Float64Array>();
    sampler->read_all(out.Data(), out.ElementLength(), width);
  }));
  return result;
}
