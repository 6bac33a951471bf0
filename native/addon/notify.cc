// The word to systemd that the helper is ready (sd_notify(3)): Node has no datagram sockets of the Unix family.
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "errors.h"

Napi::Value notify(const Napi::CallbackInfo &info) {
  std::string path = info[0].As<Napi::String>(), message = info[1].As<Napi::String>();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) throw system_error(info.Env(), "notify", path, ENAMETOOLONG);
  memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';  // an abstract address
  socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ssize_t sent = fd < 0 ? -1
                        : sendto(fd, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                                 reinterpret_cast<sockaddr *>(&address), size);
  int error = errno;
  if (fd >= 0) close(fd);
  if (sent < 0) throw system_error(info.Env(), "notify", path, error);
  return info.Env().Undefined();
}
