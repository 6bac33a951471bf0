// Who is on the other side of a Unix socket (unix(7)), and what it hands over.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "errors.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

Napi::Value peer_credentials(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  int fd = info[0].As<Napi::Number>().Int32Value();
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    throw system_error(env, "getsockopt SO_PEERCRED", "", errno);

  std::vector<gid_t> groups(64);
  size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  int result = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
  if (result != 0 && errno == ERANGE) {  // the kernel said how many bytes it needs
    groups.resize(size / sizeof(gid_t));
    result = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
  }
  groups.resize(result == 0 ? size / sizeof(gid_t) : 0);

  Napi::Object credentials = Napi::Object::New(env);
  credentials.Set("pid", Napi::Number::New(env, peer.pid));
  credentials.Set("uid", Napi::Number::New(env, peer.uid));
  credentials.Set("gid", Napi::Number::New(env, peer.gid));
  Napi::Array list = Napi::Array::New(env, groups.size());
  for (uint32_t i = 0; i < groups.size(); i++) list.Set(i, Napi::Number::New(env, groups[i]));
  credentials.Set("groups", list);
  return credentials;
}

Napi::Value peer_file(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  int process = -1;
  socklen_t size = sizeof process;
  // The process that connected, and not whoever has its number by now.
  if (getsockopt(info[0].As<Napi::Number>().Int32Value(), SOL_SOCKET, SO_PEERPIDFD, &process, &size) != 0)
    throw system_error(env, "getsockopt SO_PEERPIDFD", "", errno);
  // The open file itself, with the rights that it was opened with: as if it had been sent (SCM_RIGHTS).
  int file = static_cast<int>(syscall(SYS_pidfd_getfd, process, info[1].As<Napi::Number>().Int32Value(), 0));
  int error = errno;
  close(process);
  if (file < 0) throw system_error(env, "pidfd_getfd", "", error);
  struct stat status;
  int flags = fcntl(file, F_GETFL);
  bool is_readable = flags >= 0 && (flags & O_PATH) == 0 && (flags & O_ACCMODE) != O_WRONLY;
  if (!is_readable || fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(file);
    throw system_error(env, "pidfd_getfd", "", EINVAL);
  }
  return Napi::Number::New(env, file);
}
