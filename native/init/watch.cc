// Who exits when: the container's first process ends -> its output is drained into the log -> the helper is told ->
// attached clients that have seen everything are told -> exit.json is written, for a helper that was away -> mounts and
// cgroups are released -> the other clients get what is still queued -> the watcher ends. A watcher that is killed takes the container with it (PR_SET_PDEATHSIG); a helper
// that is killed takes nothing.
#include "watch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include "clients.h"
#include "log.h"
#include "opens.h"

namespace {

constexpr size_t kChunk = 32 * 1024;
constexpr size_t kDrain = 128 * 1024;  // twice what a pipe holds, and less than clients have room for
constexpr int kLingerMs = 60'000;  // how long an attached client may take to read the last output

struct Ending {
  uint32_t code;
  uint32_t signal;
  uint32_t oom_kills;
  uint32_t zero;
  uint64_t finished;
};

// One watcher is one process: its state is static, so that a frame handler is a plain function.
Clients clients;
Log log_file;
pid_t container;
int input_fd = -1;
bool is_terminal;
uint8_t greeting[frames::kHeader + 8 + sizeof(Record) * kMaxOperations];
size_t greeting_size;

uint64_t realtime_ns() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

size_t make_frame(uint8_t *frame, uint8_t type, const void *payload, size_t size) {
  uint32_t length = static_cast<uint32_t>(size);
  memcpy(frame, &length, sizeof length);
  frame[4] = type;
  memcpy(frame + frames::kHeader, payload, size);
  return frames::kHeader + size;
}

size_t on_frame(Client &client, uint8_t type, const uint8_t *payload, uint32_t size) {
  switch (type) {
    case frames::kSignal: {
      uint32_t number = 0;
      if (size == sizeof number) memcpy(&number, payload, sizeof number);
      // Not reaped yet (or `container` would be 0), so the pid cannot be anybody else's.
      if (number > 0 && number <= 64 && container > 0) kill(container, static_cast<int>(number));
      return size;
    }
    case frames::kStdin: {
      if (input_fd < 0) return size;
      ssize_t wrote = write(input_fd, payload, size);
      if (wrote < 0 && errno == EAGAIN) return 0;
      return wrote < 0 ? size : static_cast<size_t>(wrote);
    }
    case frames::kStdinEnd:
      if (!is_terminal && input_fd >= 0) {
        close(input_fd);
        input_fd = -1;
      }
      return size;
    case frames::kResize: {
      uint16_t numbers[2];
      if (size != sizeof numbers || !is_terminal || input_fd < 0) return size;
      memcpy(numbers, payload, sizeof numbers);
      winsize window{numbers[0], numbers[1], 0, 0};
      ioctl(input_fd, TIOCSWINSZ, &window);
      return size;
    }
    case frames::kAttach:
      client.attached = true;
      return size;
    default:
      return size;
  }
}

// Reads once from the container, as read(2) answers.
ssize_t pass_once(int fd, uint8_t type) {
  static char chunk[kChunk];
  ssize_t got = read(fd, chunk, sizeof chunk);
  if (got <= 0) return got;
  log_file.write(type == frames::kStdout ? "stdout" : "stderr", chunk, static_cast<size_t>(got));
  clients.queue(type, chunk, static_cast<size_t>(got));
  return got;
}

// False at its end.
bool pass_output(int fd, uint8_t type) {
  ssize_t got = pass_once(fd, type);
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));  // a pty whose last user is gone says EIO
}

// All that is left of a process that is dead; bounded, since what it left behind may go on writing. Read, not asked for:
// what was written to a terminal arrives by way of a kernel thread, which read(2) waits for and FIONREAD does not.
void drain(int fd, uint8_t type) {
  for (size_t left = kDrain; fd >= 0 && left > 0;) {
    ssize_t got = pass_once(fd, type);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    left -= static_cast<size_t>(got) < left ? static_cast<size_t>(got) : left;
  }
}

// What the container's last moments opened.
void drain_opens(int opened) {
  pollfd more{opened, POLLIN, 0};
  while (opened >= 0 && poll(&more, 1, 0) > 0) opens::keep(opened, kContainerFd);
}

int listen_on(const char *name) {
  Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  int length = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", kSocketFd, name);
  if (length >= static_cast<int>(sizeof address.sun_path)) return -1;
  unlinkat(kSocketFd, name, 0);
  umask(0177);
  if (bind(listener.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0) return -1;
  if (listen(listener.get(), 16) != 0) return -1;
  return listener.release();
}

// exit.json appears whole or not at all; it is what a helper that was away finds.
void write_exit(const Ending &ending) {
  Fd file(openat(kContainerFd, "exit.json.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return;
  char text[200];
  int length = snprintf(text, sizeof text, "{\"exitCode\":%u,\"signal\":%u,\"oomKilled\":%s,\"finishedAt\":%llu}\n",
                        ending.code, ending.signal, ending.oom_kills > 0 ? "true" : "false",
                        static_cast<unsigned long long>(ending.finished / 1'000'000));
  if (write(file.get(), text, static_cast<size_t>(length)) == length)
    renameat(kContainerFd, "exit.json.tmp", kContainerFd, "exit.json");
}

// Reaps whatever became a child; true when the container's first process was among them.
bool reap(int *status) {
  bool ended = false;
  int any;
  for (pid_t pid; (pid = waitpid(-1, &any, WNOHANG)) > 0;) {
    if (pid != container) continue;
    *status = any;
    ended = true;
  }
  return ended;
}

void serve_until_exit(int listener, int signals, int output, int error, int opened, int *status) {
  bool output_open = true, error_open = error >= 0;
  while (true) {
    pollfd fds[kMaxClients + 6];
    Client *owners[kMaxClients + 6] = {};
    int count = 0;
    fds[count++] = {signals, POLLIN, 0};
    fds[count++] = {listener, POLLIN, 0};
    bool read_more = clients.wants_more();
    fds[count++] = {output_open && read_more ? output : -1, POLLIN, 0};
    fds[count++] = {error_open && read_more ? error : -1, POLLIN, 0};
    fds[count++] = {-1, POLLOUT, 0};
    fds[count++] = {opened, POLLIN, 0};
    int first_client = count;
    clients.poll_for(fds, owners, &count);
    for (int i = first_client; i < count; i++)
      if (owners[i]->stdin_full) fds[4].fd = input_fd;
    if (poll(fds, static_cast<nfds_t>(count), -1) < 0 && errno != EINTR) _exit(1);

    if (fds[2].revents != 0) output_open = pass_output(output, frames::kStdout);
    if (fds[3].revents != 0) error_open = pass_output(error, frames::kStderr);
    if (fds[5].revents != 0) opens::keep(opened, kContainerFd);
    if (fds[4].revents != 0) clients.stdin_writable(on_frame);
    for (int i = first_client; i < count; i++)
      if (fds[i].revents != 0) clients.ready(*owners[i], fds[i].revents, on_frame);
    if ((fds[1].revents & POLLIN) != 0) clients.accept_from(listener, greeting, greeting_size);
    if ((fds[0].revents & POLLIN) != 0) {
      signalfd_siginfo info;
      while (read(signals, &info, sizeof info) == sizeof info) {
      }
      if (reap(status)) return;
    }
  }
}

void wait_for_readers() {
  for (int waited = 0; clients.any_attached() && !clients.drained() && waited < kLingerMs;) {
    pollfd fds[kMaxClients];
    Client *owners[kMaxClients];
    int count = 0;
    clients.poll_for(fds, owners, &count);
    int ready = poll(fds, static_cast<nfds_t>(count), 1000);
    if (ready == 0) waited += 1000;
    for (int i = 0; i < count; i++)
      if (fds[i].revents != 0) clients.ready(*owners[i], fds[i].revents, on_frame);
  }
}

}  // namespace

void watch(Host &host, const plan::Watch &options, const Report &report, int input, int output, int error) {
  container = host.pid;
  is_terminal = options.terminal != 0;
  input_fd = is_terminal ? output : input;
  log_file.open(kContainerFd, options.log_max_bytes, options.log_max_files);
  const int streams[] = {input_fd, output, error};
  for (int fd : streams)
    if (fd >= 0) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);

  uint32_t head[2] = {static_cast<uint32_t>(container), report.records < kMaxOperations ? report.records : kMaxOperations};
  uint8_t payload[sizeof greeting - frames::kHeader];
  memcpy(payload, head, sizeof head);
  memcpy(payload + sizeof head, report.record, head[1] * sizeof(Record));
  greeting_size = make_frame(greeting, frames::kStarted, payload, sizeof head + head[1] * sizeof(Record));

  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  int signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  clients.add(kControlFd, false);
  clients.send_to(false, greeting, greeting_size);
  if (options.attached != 0) {
    clients.add(kAttachFd, true);
    clients.send_to(true, greeting, greeting_size);
  }

  // After the greeting: nobody waits for it but a helper that is started later.
  int listener = options.log_max_files > 0 ? listen_on(options.socket) : -1;

  int status = 0;
  // SIGCHLD was blocked from the start, so that an exit before signalfd is still pending here.
  serve_until_exit(listener, signals, output, error, host.opens.get(), &status);
  container = 0;
  drain_opens(host.opens.get());
  drain(output, frames::kStdout);
  drain(error, frames::kStderr);

  Ending ending{};
  ending.signal = WIFSIGNALED(status) ? static_cast<uint32_t>(WTERMSIG(status)) : 0;
  ending.code = WIFSIGNALED(status) ? 128 + ending.signal : static_cast<uint32_t>(WEXITSTATUS(status));
  ending.oom_kills = static_cast<uint32_t>(oom_kills(host));
  ending.finished = realtime_ns();
  uint8_t exited[frames::kHeader + sizeof ending];
  size_t exited_size = make_frame(exited, frames::kExited, &ending, sizeof ending);
  clients.send_to(false, exited, exited_size);
  // Whoever has seen everything need not wait for what is cleaned up.
  if (clients.drained()) {
    clients.send_to(true, exited, exited_size);
    clients.close_all(true);
  }
  // Of a command in a container nobody finds the file, nor the socket: it has no log either.
  if (options.log_max_files > 0) write_exit(ending);

  if (listener >= 0) unlinkat(kSocketFd, options.socket, 0);
  host.mount_namespace.reset();
  host.root.reset();
  remove_cgroups(host);
  clients.close_all(false);
  wait_for_readers();
  clients.send_to(true, exited, exited_size);
  _exit(0);
}

void report_failure(const Host &host, const Report &report) {
  remove_cgroups(host);
  static uint8_t payload[12 + sizeof(Record) * kMaxOperations + sizeof report.failed_on];
  uint32_t head[3] = {report.failed_operation, static_cast<uint32_t>(report.failed_errno),
                      report.records < kMaxOperations ? report.records : kMaxOperations};
  size_t size = sizeof head;
  memcpy(payload, head, sizeof head);
  memcpy(payload + size, report.record, head[2] * sizeof(Record));
  size += head[2] * sizeof(Record);
  size_t text = strnlen(report.failed_on, sizeof report.failed_on);
  memcpy(payload + size, report.failed_on, text);
  size += text;
  static uint8_t frame[frames::kHeader + sizeof payload];
  size_t frame_size = make_frame(frame, frames::kFailed, payload, size);
  for (size_t sent = 0; sent < frame_size;) {
    ssize_t wrote = send(kControlFd, frame + sent, frame_size - sent, MSG_NOSIGNAL);
    if (wrote <= 0) break;
    sent += static_cast<size_t>(wrote);
  }
  _exit(1);
}
