// What is in a network namespace: links, addresses and routes, dumped by rtnetlink(7). The contract is native/index.d.ts.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "../init/fd.h"
#include "../netlink/rtnetlink.h"
#include "namespace.h"
#include "work.h"

namespace {

struct Link {
  int index = 0, master = 0;
  uint32_t mtu = 0;
  bool is_up = false;
  std::string name, mac, kind;
};
struct Address {
  int index = 0;
  std::string text;
};
struct Route {
  int out = 0;
  std::string target, gateway;
};

std::string text_of(int family, const void *address) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(family, address, text, sizeof text);
  return text;
}

std::string mac_of(const rtattr *attribute) {
  std::string text;
  const uint8_t *bytes = static_cast<const uint8_t *>(RTA_DATA(attribute));
  for (size_t i = 0; i < RTA_PAYLOAD(attribute); i++) {
    char part[4];
    snprintf(part, sizeof part, "%s%02x", i == 0 ? "" : ":", bytes[i]);
    text += part;
  }
  return text;
}

template <typename T>
T value_of(const rtattr *attribute) {
  T value{};
  memcpy(&value, RTA_DATA(attribute), std::min(sizeof value, static_cast<size_t>(RTA_PAYLOAD(attribute))));
  return value;
}

std::string string_of(const rtattr *attribute) {
  const char *text = static_cast<const char *>(RTA_DATA(attribute));
  return std::string(text, strnlen(text, RTA_PAYLOAD(attribute)));
}

template <typename Each>
void each_attribute(const rtattr *attribute, size_t size, Each each) {
  int left = static_cast<int>(size);
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) each(attribute);
}

// Asks for all of a kind and hands over message by message; false with errno.
template <typename Each>
bool dump(int socket, uint16_t type, Each each) {
  struct {
    nlmsghdr header;
    rtgenmsg family;
  } request{};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.family);
  request.header.nlmsg_type = type;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  if (send(socket, &request, request.header.nlmsg_len, 0) < 0) return false;
  alignas(nlmsghdr) static thread_local char answer[65536];
  for (;;) {
    ssize_t got = recv(socket, answer, sizeof answer, 0);
    if (got < 0) return false;
    size_t left = static_cast<size_t>(got);
    for (nlmsghdr *message = reinterpret_cast<nlmsghdr *>(answer); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE) return true;
      if (message->nlmsg_type == NLMSG_ERROR) {
        errno = -static_cast<nlmsgerr *>(NLMSG_DATA(message))->error;
        return false;
      }
      each(message);
    }
  }
}

class Network : public Work {
 public:
  Network(Napi::Env env, std::string path) : Work(env, "look into network namespace"), path_(std::move(path)) {}

  void Execute() override {
    bool done = in_namespace(path_, CLONE_NEWNET, [this] {
      Fd socket(rtnetlink::open_socket());
      return socket.valid() && read_all(socket.get());
    });
    if (!done) fail(path_);
  }

  Napi::Value result() override {
    Napi::Array links = Napi::Array::New(Env()), addresses = Napi::Array::New(Env()), routes = Napi::Array::New(Env());
    for (const Link &link : links_) {
      Napi::Object one = Napi::Object::New(Env());
      one.Set("index", link.index);
      one.Set("name", link.name);
      one.Set("kind", link.kind);
      one.Set("mac", link.mac);
      one.Set("mtu", link.mtu);
      one.Set("isUp", link.is_up);
      one.Set("master", link.master);
      links.Set(links.Length(), one);
    }
    for (const Address &address : addresses_) {
      Napi::Object one = Napi::Object::New(Env());
      one.Set("index", address.index);
      one.Set("address", address.text);
      addresses.Set(addresses.Length(), one);
    }
    for (const Route &route : routes_) {
      Napi::Object one = Napi::Object::New(Env());
      one.Set("index", route.out);
      one.Set("target", route.target);
      one.Set("gateway", route.gateway);
      routes.Set(routes.Length(), one);
    }
    Napi::Object result = Napi::Object::New(Env());
    result.Set("links", links);
    result.Set("addresses", addresses);
    result.Set("routes", routes);
    return result;
  }

 private:
  bool read_all(int socket) {
    return dump(socket, RTM_GETLINK, [this](nlmsghdr *message) { add_link(message); }) &&
           dump(socket, RTM_GETADDR, [this](nlmsghdr *message) { add_address(message); }) &&
           dump(socket, RTM_GETROUTE, [this](nlmsghdr *message) { add_route(message); });
  }

  void add_link(nlmsghdr *message) {
    const ifinfomsg *head = static_cast<const ifinfomsg *>(NLMSG_DATA(message));
    Link link;
    link.index = head->ifi_index;
    link.is_up = (head->ifi_flags & IFF_UP) != 0;
    each_attribute(IFLA_RTA(head), IFLA_PAYLOAD(message), [&](const rtattr *attribute) {
      switch (attribute->rta_type) {
        case IFLA_IFNAME: link.name = string_of(attribute); break;
        case IFLA_ADDRESS: link.mac = mac_of(attribute); break;
        case IFLA_MTU: link.mtu = value_of<uint32_t>(attribute); break;
        case IFLA_MASTER: link.master = value_of<int>(attribute); break;
        case IFLA_LINKINFO:
          each_attribute(static_cast<const rtattr *>(RTA_DATA(attribute)), RTA_PAYLOAD(attribute),
                         [&](const rtattr *inner) {
                           if (inner->rta_type == IFLA_INFO_KIND) link.kind = string_of(inner);
                         });
          break;
        default: break;
      }
    });
    links_.push_back(link);
  }

  void add_address(nlmsghdr *message) {
    const ifaddrmsg *head = static_cast<const ifaddrmsg *>(NLMSG_DATA(message));
    std::string address, local;
    each_attribute(IFA_RTA(head), IFA_PAYLOAD(message), [&](const rtattr *attribute) {
      if (attribute->rta_type == IFA_ADDRESS) address = text_of(head->ifa_family, RTA_DATA(attribute));
      if (attribute->rta_type == IFA_LOCAL) local = text_of(head->ifa_family, RTA_DATA(attribute));
    });
    addresses_.push_back({static_cast<int>(head->ifa_index),
                          (local.empty() ? address : local) + "/" + std::to_string(head->ifa_prefixlen)});
  }

  // Of the main table: that of local addresses says nothing new.
  void add_route(nlmsghdr *message) {
    const rtmsg *head = static_cast<const rtmsg *>(NLMSG_DATA(message));
    if (head->rtm_table != RT_TABLE_MAIN || (head->rtm_flags & RTM_F_CLONED) != 0) return;
    if (head->rtm_family != AF_INET && head->rtm_family != AF_INET6) return;
    Route route;
    each_attribute(RTM_RTA(head), RTM_PAYLOAD(message), [&](const rtattr *attribute) {
      if (attribute->rta_type == RTA_DST)
        route.target = text_of(head->rtm_family, RTA_DATA(attribute)) + "/" + std::to_string(head->rtm_dst_len);
      if (attribute->rta_type == RTA_GATEWAY) route.gateway = text_of(head->rtm_family, RTA_DATA(attribute));
      if (attribute->rta_type == RTA_OIF) route.out = value_of<int>(attribute);
    });
    if (route.target.empty()) route.target = "default";
    routes_.push_back(route);
  }

  std::string path_;
  std::vector<Link> links_;
  std::vector<Address> addresses_;
  std::vector<Route> routes_;
};

}  // namespace

Napi::Value network_of(const Napi::CallbackInfo &info) {
  return Work::start(new Network(info.Env(), info[0].As<Napi::String>()));
}
