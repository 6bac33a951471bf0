// Which processes began, ended, or changed their namespaces: the kernel writes it into rings of memory (perf_event_open(2)),
// and nobody is woken for it. The contract is native/index.d.ts.
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <memory>
#include <set>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include "../init/fd.h"
#include "errors.h"

namespace {

// Pages of a ring; a power of two. Some 1,600 records: what does not fit is counted as lost.
constexpr size_t kPages = 16;

constexpr size_t kLargestRecord = 128;

// Pids since the last look.
struct Happened {
  std::set<uint32_t> touched, begun, ended;
};

int open_event(perf_event_attr &attributes, int cpu) {
  attributes.size = sizeof attributes;
  attributes.sample_type = PERF_SAMPLE_TID;
  attributes.sample_id_all = 1;
  // Never: the ring is looked into when somebody asks.
  attributes.watermark = 1;
  attributes.wakeup_watermark = 1U << 30;
  return static_cast<int>(syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC));
}

// Numbers of the tracepoints at the end of unshare(2) and setns(2), of a tracefs that is attached nowhere.
std::vector<uint64_t> namespace_tracepoints() {
  std::vector<uint64_t> found;
  Fd context(static_cast<int>(syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC)));
  if (!context.valid() || syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return found;
  Fd root(static_cast<int>(syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, 0)));
  for (const char *path : {"events/syscalls/sys_exit_unshare/id", "events/syscalls/sys_exit_setns/id"}) {
    Fd file(openat(root.get(), path, O_RDONLY | O_CLOEXEC));
    char text[32] = {};
    if (file.valid() && read(file.get(), text, sizeof text - 1) > 0) found.push_back(strtoull(text, nullptr, 10));
  }
  return found;
}

class Ring {
 public:
  // False with errno where this kernel, or these rights, do not offer it.
  bool open(int cpu, const std::vector<uint64_t> &tracepoints) {
    perf_event_attr tasks{};
    tasks.type = PERF_TYPE_SOFTWARE;
    tasks.config = PERF_COUNT_SW_DUMMY;
    tasks.task = 1;
    tasks.comm = 1;
    tasks_.reset(open_event(tasks, cpu));
    if (!tasks_.valid()) return false;
    void *memory =
        mmap(nullptr, (kPages + 1) * size(), PROT_READ | PROT_WRITE, MAP_SHARED, tasks_.get(), 0);
    if (memory == MAP_FAILED) return false;
    control_ = static_cast<perf_event_mmap_page *>(memory);
    for (uint64_t tracepoint : tracepoints) {
      perf_event_attr calls{};
      calls.type = PERF_TYPE_TRACEPOINT;
      calls.config = tracepoint;
      calls.sample_period = 1;
      Fd event(open_event(calls, cpu));
      if (!event.valid() || ioctl(event.get(), PERF_EVENT_IOC_SET_OUTPUT, tasks_.get()) != 0) return false;
      calls_.push_back(std::move(event));
    }
    return true;
  }

  Ring() = default;
  Ring(Ring &&other) noexcept
      : tasks_(std::move(other.tasks_)), calls_(std::move(other.calls_)), control_(other.control_) {
    other.control_ = nullptr;
  }
  Ring &operator=(Ring &&) = delete;
  ~Ring() {
    if (control_ != nullptr) munmap(control_, (kPages + 1) * size());
  }

  // False when some of it was lost. That is said by the kernel with the next record alone, which may be long in coming: a
  // ring without room for one more may have lost it.
  bool drain(Happened &happened) {
    uint64_t head = __atomic_load_n(&control_->data_head, __ATOMIC_ACQUIRE), at = control_->data_tail;
    bool complete = head - at + kLargestRecord <= control_->data_size;
    while (at < head) {
      perf_event_header header;
      copy(at, &header, sizeof header);
      if (header.size < sizeof header) return false;
      // Fork and exit: pid, parent, tid, parent's tid. Comm: pid, tid. A sample: pid, tid.
      uint32_t ids[4] = {};
      copy(at + sizeof header, ids, std::min(sizeof ids, header.size - sizeof header));
      switch (header.type) {
        case PERF_RECORD_FORK:
        case PERF_RECORD_EXIT:
          if (ids[0] != ids[2]) break;  // one more thread, or one less
          happened.touched.insert(ids[0]);
          (header.type == PERF_RECORD_FORK ? happened.begun : happened.ended).insert(ids[0]);
          break;
        case PERF_RECORD_COMM:
        case PERF_RECORD_SAMPLE:
          happened.touched.insert(ids[0]);
          break;
        case PERF_RECORD_LOST:
          complete = false;
          break;
      }
      at += header.size;
    }
    __atomic_store_n(&control_->data_tail, at, __ATOMIC_RELEASE);
    return complete;
  }

 private:
  static size_t size() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

  // The ring's end goes on at its beginning.
  void copy(uint64_t from, void *to, size_t bytes) const {
    const char *data = reinterpret_cast<const char *>(control_) + control_->data_offset;
    size_t start = static_cast<size_t>(from % control_->data_size);
    size_t first = std::min(bytes, static_cast<size_t>(control_->data_size) - start);
    memcpy(to, data + start, first);
    memcpy(static_cast<char *>(to) + first, data, bytes - first);
  }

  Fd tasks_;
  std::vector<Fd> calls_;
  perf_event_mmap_page *control_ = nullptr;
};

// The rings of all processors.
class Follower {
 public:
  // False with errno.
  bool open(const std::vector<uint64_t> &tracepoints, int *cpu) {
    for (*cpu = 0; *cpu < sysconf(_SC_NPROCESSORS_ONLN); ++*cpu) {
      Ring ring;
      if (!ring.open(*cpu, tracepoints)) return false;
      rings_.push_back(std::move(ring));
    }
    return true;
  }

  // Processes that something happened to; false when some of it was lost.
  bool drain(std::set<uint32_t> &pids) {
    Happened happened;
    bool complete = true;
    for (Ring &ring : rings_) complete = ring.drain(happened) && complete;
    // The end of a process may be told before it has left its namespaces: one that is still in them is told of again, unless
    // another one has its number by now.
    for (uint32_t pid : leaving_)
      if (happened.begun.count(pid) == 0) happened.ended.insert(pid);
    happened.touched.insert(happened.ended.begin(), happened.ended.end());
    leaving_.clear();
    for (uint32_t pid : happened.ended)
      if (is_in_namespaces(pid)) leaving_.insert(pid);
    pids = std::move(happened.touched);
    return complete;
  }

  void close() { rings_.clear(); }

 private:
  static bool is_in_namespaces(uint32_t pid) {
    char target[64];
    return readlink(("/proc/" + std::to_string(pid) + "/ns/mnt").c_str(), target, sizeof target) > 0;
  }

  std::vector<Ring> rings_;
  std::set<uint32_t> leaving_;
};

}  // namespace

Napi::Value follow_processes(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  std::vector<uint64_t> tracepoints = namespace_tracepoints();
  auto follower = std::make_shared<Follower>();
  int cpu = 0;
  if (!follower->open(tracepoints, &cpu)) throw system_error(env, "perf_event_open", std::to_string(cpu), errno);
  Napi::Object result = Napi::Object::New(env);
  result.Set("seesEveryChange", Napi::Boolean::New(env, tracepoints.size() == 2));
  result.Set("drain", Napi::Function::New(env, [follower](const Napi::CallbackInfo &call) -> Napi::Value {
    std::set<uint32_t> pids;
    if (!follower->drain(pids)) return call.Env().Null();
    Napi::Uint32Array all = Napi::Uint32Array::New(call.Env(), pids.size());
    size_t at = 0;
    for (uint32_t pid : pids) all[at++] = pid;
    return all;
  }));
  result.Set("close", Napi::Function::New(env, [follower](const Napi::CallbackInfo &) { follower->close(); }));
  return result;
}
