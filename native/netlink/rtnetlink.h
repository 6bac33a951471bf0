// rtnetlink(7): links, addresses and routes. Each function sends one request and waits for the kernel's answer; 0, or -1
// with errno. No heap: the watcher uses it, too. `socket` decides which network namespace is meant.
#pragma once
#include <stdint.h>

namespace rtnetlink {

// A socket of the calling thread's network namespace. -1 with errno.
int open_socket();

// 0 when there is no such link.
int link_index(int socket, const char *name);

// A pair of links: `name`, a port of the bridge and up, and `peer` in the network namespace of a process, down.
// `mac`: of the peer, 6 bytes.
int add_veth(int socket, const char *name, int bridge, const char *peer, int pid, const uint8_t *mac);

// `mac`: 6 bytes; fixed, since a bridge otherwise takes that of whichever port is the lowest.
int add_bridge(int socket, const char *name, const uint8_t *mac);

int remove_link(int socket, int index);
int set_up(int socket, int index);

// `address`: ADDRESS/PREFIX, of either family. Duplicates are not looked for (IFA_F_NODAD): the helper gave it out.
int add_address(int socket, int index, const char *address);

// By way of a gateway, of either family.
int add_default_route(int socket, int index, const char *gateway);

// Six numbers of two hexadecimal digits with colons between. False for anything else.
bool parse_mac(const char *text, uint8_t (&mac)[6]);

}  // namespace rtnetlink
