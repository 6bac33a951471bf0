// Who is on the other side of a Unix socket (unix(7)).
#include <sys/socket.h>

#include <vector>

#include "errors.h"

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
