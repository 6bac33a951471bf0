// The last steps of the container's process: network device, working directory, exec.
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../netlink/rtnetlink.h"
#include "channel.h"
#include "container.h"
#include "paths.h"
#include "syscalls.h"

namespace {

constexpr uint32_t kMaxStrings = 8192;
constexpr const char *kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const char *value_of(char *const *environment, const char *name) {
  size_t length = strlen(name);
  for (; *environment != nullptr; environment++)
    if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=') return *environment + length + 1;
  return nullptr;
}

// Magic links lead to files outside of the root: /proc/self/exe is the watcher itself (CVE-2019-5736).
Outcome refuse_magic_link(const char *file) {
  Fd fd(sys::openat2(AT_FDCWD, file, O_PATH, 0, RESOLVE_NO_MAGICLINKS));
  if (!fd.valid() && errno == ELOOP) return fail_with(EACCES, "%s (a magic link is never executed)", file);
  return ok();
}

Outcome try_exec(const char *file, char *const *arguments, char *const *environment) {
  TRY(refuse_magic_link(file));
  execve(file, arguments, environment);
  return FAIL("%s", file);
}

Outcome exec_in_path(char *const *arguments, char *const *environment) {
  const char *path = value_of(environment, "PATH");
  if (path == nullptr) path = kDefaultPath;
  Outcome best = fail_with(ENOENT, "%s (looked for in PATH)", arguments[0]);
  while (true) {
    const char *colon = strchrnul(path, ':');
    char file[PATH_MAX];
    int length = snprintf(file, sizeof file, "%.*s/%s", static_cast<int>(colon - path), path, arguments[0]);
    if (colon != path && length < PATH_MAX) {
      Outcome tried = try_exec(file, arguments, environment);
      if (tried.error != ENOENT && tried.error != ENOTDIR) best = tried;
    }
    if (*colon == '\0') return best;
    path = colon + 1;
  }
}

// The container's first process, when the command is its child: reaps whatever is left to it, passes signals on, and ends
// as the command does. It holds no descriptor.
[[noreturn]] void be_init(pid_t command) {
  sys::close_range(0, ~0U, 0);
  prctl(PR_SET_NAME, "bulkhead-init");
  sigset_t all;
  sigfillset(&all);
  while (true) {
    int number = sigwaitinfo(&all, nullptr);
    if (number > 0 && number != SIGCHLD) kill(command, number);
    if (number != SIGCHLD) continue;
    int status;
    for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;)
      if (ended == command) _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
  }
}

// Returns in the command's process alone. All signals are blocked: so is SIGTTOU.
Outcome start_init() {
  pid_t command = fork();
  if (command < 0) return FAIL("fork");
  if (command > 0) be_init(command);
  // A group of its own in the foreground, so that a key like Ctrl-C reaches it once.
  setpgid(0, 0);
  if (isatty(0)) tcsetpgrp(0, getpid());
  return ok();
}

bool to_array(plan::Strings strings, char **array, size_t room) {
  if (strings.count + 1 > room) return false;
  plan::Reader reader = strings.reader();
  for (uint32_t i = 0; i < strings.count; i++) array[i] = const_cast<char *>(reader.string());
  array[strings.count] = nullptr;
  return true;
}

}  // namespace

Outcome set_loopback_up() {
  Fd socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_fd.valid()) return FAIL("socket");
  ifreq request{};
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ioctl(socket_fd.get(), SIOCSIFFLAGS, &request) == 0 ? ok() : FAIL("lo");
}

Outcome configure_link(Container &container, const plan::ConfigureLink &link) {
  TRY(channel::expect(container.watcher, channel::kLink));
  Fd netlink(rtnetlink::open_socket());
  if (!netlink.valid()) return FAIL("netlink");
  int index = rtnetlink::link_index(netlink.get(), link.name);
  if (index == 0) return FAIL("%s", link.name);
  plan::Reader addresses = link.addresses.reader();
  for (uint32_t i = 0; i < link.addresses.count; i++) {
    const char *address = addresses.string();
    if (rtnetlink::add_address(netlink.get(), index, address) != 0) return FAIL("%s on %s", address, link.name);
  }
  if (rtnetlink::set_up(netlink.get(), index) != 0) return FAIL("%s", link.name);
  plan::Reader gateways = link.gateways.reader();
  for (uint32_t i = 0; i < link.gateways.count; i++) {
    const char *gateway = gateways.string();
    if (rtnetlink::add_default_route(netlink.get(), index, gateway) != 0) return FAIL("%s by %s", gateway, link.name);
  }
  return ok();
}

Outcome set_working_directory(const char *path) {
  Fd root(open("/", O_PATH | O_CLOEXEC)), directory;
  TRY(paths::ensure_directory(root.get(), path, paths::Links::kInRoot, &directory));
  if (fchdir(directory.get()) != 0) return FAIL("%s", path);
  // The kernel says "(unreachable)" for a directory outside of the root (CVE-2024-21626).
  char where[PATH_MAX];
  if (syscall(SYS_getcwd, where, sizeof where) < 0) return FAIL("%s", path);
  return where[0] == '/' ? ok() : fail_with(EXDEV, "%s is outside of the container", path);
}

Outcome execute(Container &container, const plan::Exec &exec) {
  // On the stack of a process that is about to be replaced: 128 KiB.
  char *arguments[kMaxStrings], *environment[kMaxStrings + 1];
  if (exec.arguments.count == 0) return fail_with(EINVAL, "no command");
  if (!to_array(exec.arguments, arguments, kMaxStrings) || !to_array(exec.environment, environment, kMaxStrings))
    return fail_with(E2BIG, "more than %u arguments or variables", kMaxStrings - 1);
  char home[sizeof container.home + 8];
  if (value_of(environment, "HOME") == nullptr) {
    snprintf(home, sizeof home, "HOME=%s", container.home[0] == '\0' ? "/" : container.home);
    environment[exec.environment.count] = home;
    environment[exec.environment.count + 1] = nullptr;
  }

  // A watcher that died before this line would never deliver its death signal.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return FAIL("parent death signal");
  pollfd watcher{container.watcher, 0, 0};
  if (poll(&watcher, 1, 0) == 1 && (watcher.revents & POLLHUP) != 0) return fail_with(EPIPE, "the watcher ended");

  for (int fd = 0; fd < 3; fd++)
    if (dup2(container.stdio[fd], fd) < 0) return FAIL("stdio %d", fd);
  // Whatever else is open goes away with exec; nothing is closed by name, so nothing can be forgotten.
  if (sys::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return FAIL("close_range");
  if (container.init) TRY(start_init());
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);

  if (strchr(arguments[0], '/') == nullptr) return exec_in_path(arguments, environment);
  return try_exec(arguments[0], arguments, environment);
}
