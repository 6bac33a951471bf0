// Starting a watcher. A plain fork would copy the page tables of the whole Node process; CLONE_VM | CLONE_VFORK
// borrows them until exec, so the cost does not grow with the helper's memory.
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "errors.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace {

constexpr int kFirst = 3;     // the watcher's descriptors start here: native/init/watch.h
constexpr int kFds = 2;       // control, socket directory
constexpr size_t kStack = 64 * 1024;

class Owned {
 public:
  explicit Owned(int fd = -1) : fd_(fd) {}
  ~Owned() {
    if (fd_ >= 0) close(fd_);
  }
  Owned(const Owned &) = delete;
  Owned &operator=(const Owned &) = delete;
  int get() const { return fd_; }
  void reset(int fd) { fd_ = fd; }
  int release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

struct Child {
  int executable;
  int null;
  int fds[kFds];
  int error;  // set by the child, which shares this memory
};

// Runs on borrowed memory while the parent is suspended: system calls only.
int become_watcher(void *argument) {
  Child *child = static_cast<Child *>(argument);
  setsid();  // a terminal's Ctrl-C is not for containers
  int moved[kFds];
  for (int i = 0; i < kFds; i++) moved[i] = fcntl(child->fds[i], F_DUPFD, 64);
  int executable = fcntl(child->executable, F_DUPFD_CLOEXEC, 64);
  for (int fd = 0; fd < 3; fd++) dup2(child->null, fd);
  for (int i = 0; i < kFds; i++) dup2(moved[i], kFirst + i);
  // All others, by number: the executable stays until exec closes it.
  syscall(SYS_close_range, kFirst + kFds, static_cast<unsigned>(executable) - 1, 0);
  syscall(SYS_close_range, static_cast<unsigned>(executable) + 1, ~0U, 0);
  char name[] = "bulkhead-init";
  char *const arguments[] = {name, nullptr};
  char *const environment[] = {nullptr};
  syscall(SYS_execveat, executable, "", arguments, environment, AT_EMPTY_PATH);
  child->error = errno;
  _exit(127);
}

int open_directory(Napi::Env env, const std::string &path) {
  int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) throw system_error(env, "open", path, errno);
  return fd;
}

int make_sealed(Napi::Env env, const std::string &name, const uint8_t *data, size_t size) {
  Owned fd(memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC));
  if (fd.get() < 0) fd.reset(memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));  // before Linux 6.3
  if (fd.get() < 0) throw system_error(env, "memfd_create", name, errno);
  for (size_t done = 0; done < size;) {
    ssize_t wrote = write(fd.get(), data + done, size - done);
    if (wrote < 0) throw system_error(env, "write", name, errno);
    done += static_cast<size_t>(wrote);
  }
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
    throw system_error(env, "fcntl F_ADD_SEALS", name, errno);
  return fd.release();
}

}  // namespace

Napi::Value sealed_memory(const Napi::CallbackInfo &info) {
  Napi::Uint8Array content = info[1].As<Napi::Uint8Array>();
  std::string name = info[0].As<Napi::String>();
  return Napi::Number::New(info.Env(), make_sealed(info.Env(), name, content.Data(), content.ByteLength()));
}

Napi::Value spawn_watcher(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Napi::Object options = info[0].As<Napi::Object>();
  int control[2];
  Owned null(open("/dev/null", O_RDWR | O_CLOEXEC));
  Owned sockets(open_directory(env, options.Get("socketDirectory").As<Napi::String>()));
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0) throw system_error(env, "socketpair", "", errno);
  Owned ours(control[0]), theirs(control[1]);

  int executable = options.Get("executable").As<Napi::Number>().Int32Value();
  Child child{executable, null.get(), {theirs.get(), sockets.get()}, 0};
  void *stack = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) throw system_error(env, "mmap", "", errno);
  // No signal handler of Node's may run in the child, on memory that is ours.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t pid = clone(become_watcher, static_cast<char *>(stack) + kStack, CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  munmap(stack, kStack);
  if (pid < 0) throw system_error(env, "clone", "", error);
  if (child.error != 0) {
    waitpid(pid, nullptr, 0);
    throw system_error(env, "execveat", "bulkhead-init", child.error);
  }

  Napi::Object watcher = Napi::Object::New(env);
  watcher.Set("pid", Napi::Number::New(env, pid));
  watcher.Set("control", Napi::Number::New(env, ours.release()));
  return watcher;
}

Napi::Value send_plan(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Napi::Object options = info[1].As<Napi::Object>();
  Napi::Uint8Array plan = options.Get("plan").As<Napi::Uint8Array>();
  bool attached = options.Get("attached").ToBoolean();
  std::string directory = options.Get("containerDirectory").As<Napi::String>();

  Owned plan_fd(make_sealed(env, "bulkhead-plan", plan.Data(), plan.ByteLength()));
  Owned container(open_directory(env, directory));
  // The lock lives as long as the watcher holds this descriptor: how a new helper tells a watcher that is still
  // setting up from one that is gone.
  if (flock(container.get(), LOCK_EX | LOCK_NB) != 0) throw system_error(env, "flock", directory, errno);
  int attach[2] = {-1, -1};
  if (attached && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, attach) != 0)
    throw system_error(env, "socketpair", "", errno);
  Owned ours(attach[0]), theirs(attach[1]);

  int fds[3] = {plan_fd.get(), container.get(), theirs.get()};
  size_t size = sizeof(int) * (attached ? 3 : 2);
  char byte = 'p';
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = CMSG_SPACE(size);
  cmsghdr *rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(rights), fds, size);
  if (sendmsg(info[0].As<Napi::Number>().Int32Value(), &header, MSG_NOSIGNAL) != 1)
    throw system_error(env, "sendmsg", "bulkhead-init", errno);
  return Napi::Number::New(env, attached ? ours.release() : -1);
}

Napi::Value lock_directory(const Napi::CallbackInfo &info) {
  std::string path = info[0].As<Napi::String>();
  Owned directory(open_directory(info.Env(), path));
  if (flock(directory.get(), LOCK_EX | LOCK_NB) == 0) return Napi::Number::New(info.Env(), directory.release());
  if (errno != EWOULDBLOCK) throw system_error(info.Env(), "flock", path, errno);
  return Napi::Number::New(info.Env(), -1);
}

Napi::Value reap(const Napi::CallbackInfo &info) {
  pid_t pid = info[0].As<Napi::Number>().Int32Value();
  // A zombie of ours keeps its pid, so this cannot meet somebody else's process.
  return Napi::Boolean::New(info.Env(), waitpid(pid, nullptr, WNOHANG) != 0);
}
