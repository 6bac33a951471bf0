// The socket pair between watcher and container process during set-up. One byte says what comes; EOF means exec.
#pragma once
#include "fail.h"
#include "fd.h"

namespace channel {

constexpr char kIdsMapped = 'm';  // to the container: its user namespace has its id maps
constexpr char kRoot = 'r';       // to the container, with a descriptor: the overlay
constexpr char kMount = 'b';      // to the container, with a descriptor: a mount to attach
constexpr char kLink = 'l';       // to the container: its network link is there
constexpr char kTerminal = 't';   // to the watcher, with a descriptor: the pty's master

Outcome send(int socket, char message, int fd = -1);
// Waits for this message; anything else, or the other side's end, is an error.
Outcome expect(int socket, char message, Fd *fd = nullptr);
// One message of any kind; 0 when the other side has closed. Never blocks when `block` is false (EAGAIN).
Outcome receive(int socket, bool block, char *message, Fd *fd);

}  // namespace channel
