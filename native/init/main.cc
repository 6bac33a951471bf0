// bulkhead-init: carries out one plan, then watches that container. ARCHITECTURE.md, "One small watcher per container".
//
//  0. wait for a plan: the helper keeps a watcher ready, since its start takes longer than most steps below
//  1. read the plan from a sealed memory file, every length checked
//  2. carry out the watcher's operations as the host's root: cgroups, clone3, id maps, layers, overlay
//  3. meanwhile the cloned process carries out the container's operations, in the same order as the plan, up to exec
//  4. report the time of each operation, or the one that failed; then watch
//
// The two processes run side by side. The container's waits twice: for its id maps, and for the overlay.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "channel.h"
#include "container.h"
#include "host.h"
#include "syscalls.h"
#include "watch.h"

namespace {

struct Operation {
  plan::Code code;
  plan::Reader fields;
};

Report *report;
uint64_t began;
Host host;  // static: it is zeroed, and large

uint64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

void set_failure(uint32_t operation, int error, const char *on) {
  report->failed_operation = operation;
  report->failed_errno = error;
  snprintf(report->failed_on, sizeof report->failed_on, "%s", on);
  __atomic_store_n(&report->failed, 1, __ATOMIC_RELEASE);
}

[[noreturn]] void malformed(const char *why) {
  set_failure(0, EBADMSG, why);
  report_failure(host, *report);
}

// Descriptors come as the lowest free numbers, in the order that they were sent: kPlanFd and so on.
void await_plan() {
  char byte;
  iovec data{&byte, 1};
  constexpr size_t kMost = 3;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMost)] = {};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  if (recvmsg(kControlFd, &header, 0) != 1) _exit(0);  // the helper ended
  cmsghdr *rights = CMSG_FIRSTHDR(&header);
  int first = -1;
  if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS) memcpy(&first, CMSG_DATA(rights), sizeof first);
  if (first != kPlanFd) malformed("a message without a plan");
}

plan::Reader read_plan() {
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if ((fcntl(kPlanFd, F_GET_SEALS) & kSeals) != kSeals) malformed("the plan is not sealed");
  struct stat status;
  if (fstat(kPlanFd, &status) != 0 || status.st_size <= 0) malformed("the plan is empty");
  size_t size = static_cast<size_t>(status.st_size);
  void *memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, kPlanFd, 0);
  if (memory == MAP_FAILED) malformed("the plan cannot be mapped");
  close(kPlanFd);
  return plan::Reader(static_cast<const uint8_t *>(memory), size, malformed);
}

uint32_t decode(plan::Reader reader, Operation **out) {
  plan::Reader magic = reader.part(6);
  for (const char *expected = "BHPLAN"; *expected != '\0'; expected++)
    if (magic.u8() != static_cast<uint8_t>(*expected)) malformed("not a plan");
  if (reader.u16() != plan::kVersion) malformed("a plan of another version");
  uint32_t count = reader.u32();
  if (count == 0 || count > kMaxOperations) malformed("no operations, or too many");
  // Never freed: the plan lives as long as the watcher.
  Operation *operations = static_cast<Operation *>(malloc(count * sizeof(Operation)));
  if (operations == nullptr) malformed("no memory");
  for (uint32_t i = 0; i < count; i++) {
    uint16_t code = reader.u16();
    if (code >= plan::kCodes) malformed("an operation that this version does not know");
    operations[i] = {static_cast<plan::Code>(code), reader.part(reader.u32())};
  }
  reader.finish();
  *out = operations;
  return count;
}

bool is_containers(plan::Code code) { return plan::kInContainer[static_cast<uint16_t>(code)]; }

// Takes a place in the shared report: both processes append.
Record *begin(uint32_t operation) {
  uint32_t place = __atomic_fetch_add(&report->records, 1, __ATOMIC_RELAXED);
  Record *record = &report->record[place];
  record->operation = operation;
  record->start = now_ns() - began;
  return record;
}

void finish(Record *record) { record->end = now_ns() - began; }

[[noreturn]] void run_container(Container &container, const Operation *operations, uint32_t count) {
  setsid();
  for (uint32_t i = 0; i < count; i++) {
    if (!is_containers(operations[i].code)) continue;
    Record *record = begin(i);
    // exec replaces the process: its end is the watcher's to write.
    Outcome outcome = carry_out(container, operations[i].code, operations[i].fields);
    finish(record);
    if (!outcome.failed) continue;
    set_failure(i, outcome.error, outcome.on);
    _exit(1);
  }
  set_failure(count - 1, EINVAL, "a plan that does not end in exec");
  _exit(1);
}

struct Stdio {
  Fd input, output, error;  // the watcher's ends
};

Outcome make_stdio(const plan::Watch &options, Container &container, Stdio *stdio) {
  int pair[2];
  for (int &fd : container.stdio) fd = -1;
  if (options.open_stdin != 0 && options.terminal == 0) {
    if (pipe2(pair, O_CLOEXEC) != 0) return FAIL("stdin");
    container.stdio[0] = pair[0];
    stdio->input.reset(pair[1]);
  } else {
    container.stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  for (int i = 1; i < 3; i++) {
    if (options.terminal != 0) {
      container.stdio[i] = container.stdio[0];
      continue;
    }
    if (pipe2(pair, O_CLOEXEC) != 0) return FAIL("stdout");
    container.stdio[i] = pair[1];
    (i == 1 ? stdio->output : stdio->error).reset(pair[0]);
  }
  memcpy(host.stdio, container.stdio, sizeof host.stdio);
  return ok();
}

Outcome start_container(uint64_t flags, const plan::Watch &options, const Operation *operations, uint32_t count,
                        Stdio *stdio) {
  static Container container;
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) return FAIL("socketpair");
  TRY(make_stdio(options, container, stdio));
  container.watcher = sockets[1];
  container.tasks = host.tasks;
  container.tasks_count = host.tasks_count;
  container.joined = host.joined.get();
  container.user_namespace = (flags & CLONE_NEWUSER) != 0;

  clone_args arguments{};
  arguments.flags = flags;
  arguments.exit_signal = SIGCHLD;
  if (host.unified.valid()) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(host.unified.get());
  }
  pid_t pid = sys::clone3(&arguments);
  if (pid < 0) return FAIL("clone3 with flags %#llx", static_cast<unsigned long long>(flags));
  if (pid == 0) {
    close(sockets[0]);
    run_container(container, operations, count);
  }
  host.pid = pid;
  host.channel = sockets[0];
  close(sockets[1]);
  return ok();
}

void close_containers_ends() {
  for (int i = 0; i < 3; i++) {
    bool again = (i > 0 && host.stdio[i] == host.stdio[0]) || (i > 1 && host.stdio[i] == host.stdio[1]);
    if (!again && host.stdio[i] >= 0) close(host.stdio[i]);
  }
  for (int i = 0; i < host.tasks_count; i++) close(host.tasks[i]);
}

[[noreturn]] void give_up() {
  if (host.pid > 0) {
    kill(host.pid, SIGKILL);
    waitpid(host.pid, nullptr, __WALL);
  }
  report_failure(host, *report);
}

// Until exec (the channel's other end is close-on-exec), or until the process reports what failed.
void await_exec(Stdio *stdio, const Operation *operations, uint32_t count) {
  while (true) {
    char message;
    Fd fd;
    Outcome received = channel::receive(host.channel, true, &message, &fd);
    if (received.failed || message == '\0') break;
    if (message == channel::kTerminal) stdio->output = static_cast<Fd &&>(fd);
  }
  if (__atomic_load_n(&report->failed, __ATOMIC_ACQUIRE) != 0) give_up();
  uint32_t last = report->records == 0 ? 0 : report->records - 1;
  for (uint32_t i = 0; i < report->records && i < kMaxRecords; i++) {
    Record *record = &report->record[i];
    if (operations[record->operation].code != plan::Code::kExec) continue;
    finish(record);
    return;
  }
  bool out_of_memory = oom_kills(host) > 0;
  set_failure(report->record[last].operation < count ? report->record[last].operation : 0,
              out_of_memory ? ENOMEM : ESRCH,
              out_of_memory ? "the container's process was killed for want of memory: its memory limit is too small"
                            : "the container's process was killed while it was being set up");
  give_up();
}

}  // namespace

int main() {
  prctl(PR_SET_NAME, "bulkhead-init");
  prctl(PR_SET_DUMPABLE, 0);
  // What Node ignores (SIGPIPE) must not stay ignored in the container: exec keeps that.
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);

  report = static_cast<Report *>(
      mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (report == MAP_FAILED) return 1;

  await_plan();
  began = now_ns();
  Operation *operations;
  uint32_t count = decode(read_plan(), &operations);
  if (operations[0].code != plan::Code::kWatch) malformed("a plan that does not begin with watch");
  plan::Watch options(operations[0].fields);

  Stdio stdio;
  for (uint32_t i = 1; i < count; i++) {
    if (is_containers(operations[i].code)) continue;
    Record *record = begin(i);
    Outcome outcome = operations[i].code == plan::Code::kNewNamespaces
                          ? start_container(plan::NewNamespaces(operations[i].fields).flags, options, operations, count, &stdio)
                          : carry_out(host, operations[i].code, operations[i].fields);
    finish(record);
    if (!outcome.failed) continue;
    // The container's process may have failed first, and said why: what was to be done for it cannot be done any more.
    if (__atomic_load_n(&report->failed, __ATOMIC_ACQUIRE) == 0) set_failure(i, outcome.error, outcome.on);
    give_up();
  }
  if (host.pid == 0) malformed("a plan without new namespaces");
  close_containers_ends();
  await_exec(&stdio, operations, count);
  close(host.channel);
  watch(host, options, *report, stdio.input.release(), stdio.output.release(), stdio.error.release());
}
