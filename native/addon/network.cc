// Bridges, links of containers that run already, and ports that are kept for containers. The contract is native/index.d.ts.
#include "../netlink/rtnetlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "../init/fd.h"
#include "errors.h"
#include "strings.h"

namespace {

std::string text(const Napi::Object &object, const char *key) { return object.Get(key).As<Napi::String>(); }

std::vector<std::string> texts(const Napi::Object &object, const char *key) { return strings(object.Get(key)); }

Fd netlink(Napi::Env env) {
  Fd socket(rtnetlink::open_socket());
  if (!socket.valid()) throw system_error(env, "netlink", "", errno);
  return socket;
}

void read_mac(Napi::Env env, const std::string &from, uint8_t (&mac)[6]) {
  if (!rtnetlink::parse_mac(from.c_str(), mac)) throw system_error(env, "read address of link", from, EINVAL);
}

// A socket belongs to the network namespace that it was opened in: a thread goes there and opens one.
int open_socket_of(int pid) {
  int opened = -1, error = 0;
  std::thread([&] {
    Fd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!process.valid() || unshare(CLONE_FS) != 0 || setns(process.get(), CLONE_NEWNET) != 0)
      error = errno;
    else if ((opened = rtnetlink::open_socket()) < 0)
      error = errno;
  }).join();
  errno = error;
  return opened;
}

}  // namespace

Napi::Value ensure_bridge(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Napi::Object options = info[0].As<Napi::Object>();
  std::string name = text(options, "name");
  uint8_t mac[6];
  read_mac(env, text(options, "mac"), mac);
  Fd socket = netlink(env);
  if (rtnetlink::add_bridge(socket.get(), name.c_str(), mac) != 0 && errno != EEXIST)
    throw system_error(env, "add bridge", name, errno);
  int index = rtnetlink::link_index(socket.get(), name.c_str());
  for (const std::string &address : texts(options, "addresses"))
    if (rtnetlink::add_address(socket.get(), index, address.c_str()) != 0 && errno != EEXIST)
      throw system_error(env, "add address", address, errno);
  if (rtnetlink::set_up(socket.get(), index) != 0) throw system_error(env, "set up", name, errno);
  return env.Undefined();
}

Napi::Value remove_link(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  std::string name = info[0].As<Napi::String>();
  Fd socket = netlink(env);
  int index = rtnetlink::link_index(socket.get(), name.c_str());
  if (index == 0) return env.Undefined();
  if (rtnetlink::remove_link(socket.get(), index) != 0 && errno != ENODEV)
    throw system_error(env, "remove link", name, errno);
  return env.Undefined();
}

Napi::Value connect_container(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Napi::Object options = info[0].As<Napi::Object>();
  std::string bridge = text(options, "bridge"), link = text(options, "link"), name = text(options, "name");
  int pid = options.Get("pid").As<Napi::Number>();
  uint8_t mac[6];
  read_mac(env, text(options, "mac"), mac);
  Fd inside(open_socket_of(pid));
  if (!inside.valid()) throw system_error(env, "join network namespace", std::to_string(pid), errno);
  Fd socket = netlink(env);
  int port = rtnetlink::link_index(socket.get(), bridge.c_str());
  if (rtnetlink::add_veth(socket.get(), link.c_str(), port, name.c_str(), pid, mac) != 0)
    throw system_error(env, "add link", link, errno);
  auto require = [&](bool done, const std::string &what) {
    if (done) return;
    int error = errno;
    rtnetlink::remove_link(socket.get(), rtnetlink::link_index(socket.get(), link.c_str()));
    throw system_error(env, "configure link", what, error);
  };
  int index = rtnetlink::link_index(inside.get(), name.c_str());
  require(index != 0, name);
  for (const std::string &address : texts(options, "addresses"))
    require(rtnetlink::add_address(inside.get(), index, address.c_str()) == 0, address);
  require(rtnetlink::set_up(inside.get(), index) == 0, name);
  for (const std::string &gateway : texts(options, "gateways"))
    require(rtnetlink::add_default_route(inside.get(), index, gateway.c_str()) == 0 || errno == EEXIST, gateway);
  return env.Undefined();
}

Napi::Value reserve_port(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  std::string protocol = info[0].As<Napi::String>(), address = info[1].As<Napi::String>();
  uint16_t number = static_cast<uint16_t>(info[2].As<Napi::Number>().Uint32Value());
  std::string on = address + " " + std::to_string(number) + "/" + protocol;
  bool is6 = address.find(':') != std::string::npos;
  sockaddr_in6 place6{};
  sockaddr_in place4{};
  place6.sin6_family = AF_INET6;
  place6.sin6_port = htons(number);
  place4.sin_family = AF_INET;
  place4.sin_port = htons(number);
  void *into = is6 ? static_cast<void *>(&place6.sin6_addr) : static_cast<void *>(&place4.sin_addr);
  if (inet_pton(is6 ? AF_INET6 : AF_INET, address.c_str(), into) != 1) throw system_error(env, "reserve port", on, EINVAL);
  sockaddr *place = is6 ? reinterpret_cast<sockaddr *>(&place6) : reinterpret_cast<sockaddr *>(&place4);
  socklen_t size = is6 ? sizeof place6 : sizeof place4;
  int type = protocol == "udp" ? SOCK_DGRAM : SOCK_STREAM;
  Fd socket_fd(socket(is6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0));
  int on_value = 1;
  if (socket_fd.valid() && is6) setsockopt(socket_fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on_value, sizeof on_value);
  bool bound = socket_fd.valid() && bind(socket_fd.get(), place, size) == 0;
  if (!bound && errno == EADDRINUSE && type == SOCK_STREAM) {
    // It may be the memory of connections that are over (TIME_WAIT): with this option those alone do not count.
    setsockopt(socket_fd.get(), SOL_SOCKET, SO_REUSEADDR, &on_value, sizeof on_value);
    bound = bind(socket_fd.get(), place, size) == 0;
  }
  if (!bound) throw system_error(env, "reserve port", on, errno);
  if (getsockname(socket_fd.get(), place, &size) != 0) throw system_error(env, "reserve port", on, errno);
  Napi::Object result = Napi::Object::New(env);
  result.Set("port", static_cast<uint32_t>(ntohs(is6 ? place6.sin6_port : place4.sin_port)));
  result.Set("descriptor", socket_fd.release());
  return result;
}
