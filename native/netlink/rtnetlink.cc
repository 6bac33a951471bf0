#include "rtnetlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace rtnetlink {
namespace {

// One message in a fixed buffer, attributes appended (netlink(7)).
class Request {
 public:
  Request(uint16_t type, uint16_t flags) {
    header()->nlmsg_len = NLMSG_HDRLEN;
    header()->nlmsg_type = type;
    header()->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    header()->nlmsg_seq = 1;
  }

  // The family's header: ifinfomsg, ifaddrmsg, rtmsg. Also where a nested attribute begins with one.
  template <typename T>
  T *append() {
    T *place = reinterpret_cast<T *>(buffer_ + header()->nlmsg_len);
    header()->nlmsg_len += static_cast<uint32_t>(NLMSG_ALIGN(sizeof(T)));
    return place;
  }

  void add(int type, const void *data, size_t size) {
    rtattr *attribute = begin(type);
    memcpy(RTA_DATA(attribute), data, size);
    attribute->rta_len = static_cast<uint16_t>(RTA_LENGTH(size));
    header()->nlmsg_len += static_cast<uint32_t>(RTA_ALIGN(size));
  }
  void add(int type, const char *text) { add(type, text, strlen(text) + 1); }
  void add(int type, int number) { add(type, &number, sizeof number); }

  rtattr *begin(int type) {
    rtattr *attribute = append<rtattr>();
    attribute->rta_type = static_cast<uint16_t>(type);
    attribute->rta_len = RTA_LENGTH(0);
    return attribute;
  }
  void end(rtattr *attribute) {
    attribute->rta_len = static_cast<uint16_t>(buffer_ + header()->nlmsg_len - reinterpret_cast<uint8_t *>(attribute));
  }

  int carry_out(int socket) {
    if (send(socket, buffer_, header()->nlmsg_len, 0) < 0) return -1;
    alignas(nlmsghdr) uint8_t answer[1024];
    ssize_t got;
    do got = recv(socket, answer, sizeof answer, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0) return -1;
    const nlmsghdr *head = reinterpret_cast<const nlmsghdr *>(answer);
    if (static_cast<size_t>(got) < NLMSG_LENGTH(sizeof(nlmsgerr)) || head->nlmsg_type != NLMSG_ERROR) {
      errno = EPROTO;
      return -1;
    }
    errno = -reinterpret_cast<const nlmsgerr *>(answer + NLMSG_HDRLEN)->error;
    return errno == 0 ? 0 : -1;
  }

 private:
  nlmsghdr *header() { return reinterpret_cast<nlmsghdr *>(buffer_); }
  alignas(nlmsghdr) uint8_t buffer_[512] = {};
};

struct Address {
  uint8_t family;
  uint8_t prefix;
  uint8_t size;
  uint8_t bytes[16];
};

bool parse_address(const char *text, Address *address) {
  char host[INET6_ADDRSTRLEN];
  size_t length = strcspn(text, "/");
  if (length >= sizeof host) return false;
  memcpy(host, text, length);
  host[length] = '\0';
  bool is6 = strchr(host, ':') != nullptr;
  *address = {static_cast<uint8_t>(is6 ? AF_INET6 : AF_INET), static_cast<uint8_t>(is6 ? 128 : 32),
              static_cast<uint8_t>(is6 ? 16 : 4), {}};
  if (inet_pton(address->family, host, address->bytes) != 1) return false;
  if (text[length] == '\0') return true;
  long prefix = strtol(text + length + 1, nullptr, 10);
  if (prefix < 0 || prefix > address->prefix) return false;
  address->prefix = static_cast<uint8_t>(prefix);
  return true;
}

// A port sends back what came from it: where bridges pass the firewall (br_netfilter), a container that reaches its own
// published port is answered by the bridge itself.
int set_hairpin(int socket, const char *name) {
  Request request(RTM_NEWLINK, 0);
  request.append<ifinfomsg>()->ifi_index = link_index(socket, name);
  rtattr *info = request.begin(IFLA_LINKINFO);
  request.add(IFLA_INFO_SLAVE_KIND, "bridge");
  rtattr *data = request.begin(IFLA_INFO_SLAVE_DATA);
  uint8_t on = 1;
  request.add(IFLA_BRPORT_MODE, &on, sizeof on);
  request.end(data);
  request.end(info);
  return request.carry_out(socket);
}

int invalid() {
  errno = EINVAL;
  return -1;
}

}  // namespace

int open_socket() { return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE); }

int link_index(int socket, const char *name) {
  ifreq request{};
  if (strlen(name) >= sizeof request.ifr_name) return 0;
  strcpy(request.ifr_name, name);
  return ioctl(socket, SIOCGIFINDEX, &request) == 0 ? request.ifr_ifindex : 0;
}

int add_veth(int socket, const char *name, int bridge, const char *peer, int pid, const uint8_t *mac) {
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  ifinfomsg *link = request.append<ifinfomsg>();
  link->ifi_flags = IFF_UP;
  link->ifi_change = IFF_UP;
  request.add(IFLA_IFNAME, name);
  request.add(IFLA_MASTER, bridge);
  rtattr *info = request.begin(IFLA_LINKINFO);
  request.add(IFLA_INFO_KIND, "veth");
  rtattr *data = request.begin(IFLA_INFO_DATA);
  rtattr *other = request.begin(VETH_INFO_PEER);
  request.append<ifinfomsg>();
  request.add(IFLA_IFNAME, peer);
  request.add(IFLA_ADDRESS, mac, 6);
  request.add(IFLA_NET_NS_PID, pid);
  request.end(other);
  request.end(data);
  request.end(info);
  if (request.carry_out(socket) != 0) return -1;
  return set_hairpin(socket, name);
}

int add_bridge(int socket, const char *name, const uint8_t *mac) {
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request.append<ifinfomsg>();
  request.add(IFLA_IFNAME, name);
  request.add(IFLA_ADDRESS, mac, 6);
  rtattr *info = request.begin(IFLA_LINKINFO);
  request.add(IFLA_INFO_KIND, "bridge");
  request.end(info);
  return request.carry_out(socket);
}

int remove_link(int socket, int index) {
  Request request(RTM_DELLINK, 0);
  request.append<ifinfomsg>()->ifi_index = index;
  return request.carry_out(socket);
}

int set_up(int socket, int index) {
  Request request(RTM_NEWLINK, 0);
  ifinfomsg *link = request.append<ifinfomsg>();
  link->ifi_index = index;
  link->ifi_flags = IFF_UP;
  link->ifi_change = IFF_UP;
  return request.carry_out(socket);
}

int add_address(int socket, int index, const char *text) {
  Address address;
  if (!parse_address(text, &address)) return invalid();
  Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  ifaddrmsg *head = request.append<ifaddrmsg>();
  head->ifa_family = address.family;
  head->ifa_prefixlen = address.prefix;
  head->ifa_flags = IFA_F_NODAD;
  head->ifa_index = static_cast<uint32_t>(index);
  request.add(IFA_LOCAL, address.bytes, address.size);
  request.add(IFA_ADDRESS, address.bytes, address.size);
  return request.carry_out(socket);
}

int add_default_route(int socket, int index, const char *gateway) {
  Address address;
  if (!parse_address(gateway, &address)) return invalid();
  Request request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  rtmsg *head = request.append<rtmsg>();
  head->rtm_family = address.family;
  head->rtm_table = RT_TABLE_MAIN;
  head->rtm_protocol = RTPROT_BOOT;
  head->rtm_scope = RT_SCOPE_UNIVERSE;
  head->rtm_type = RTN_UNICAST;
  request.add(RTA_GATEWAY, address.bytes, address.size);
  request.add(RTA_OIF, index);
  return request.carry_out(socket);
}

bool parse_mac(const char *text, uint8_t (&mac)[6]) {
  for (int i = 0; i < 6; i++) {
    char *end;
    unsigned long number = strtoul(text, &end, 16);
    if (end - text != 2 || number > 255 || *end != (i == 5 ? '\0' : ':')) return false;
    mac[i] = static_cast<uint8_t>(number);
    text = end + 1;
  }
  return true;
}

}  // namespace rtnetlink
