#include "channel.h"

#include <string.h>
#include <sys/socket.h>

namespace channel {

Outcome send(int socket, char message, int fd) {
  iovec data{&message, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  }
  return sendmsg(socket, &header, MSG_NOSIGNAL) == 1 ? ok() : FAIL("message '%c'", message);
}

Outcome receive(int socket, bool block, char *message, Fd *fd) {
  iovec data{message, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got;
  do got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | (block ? 0 : MSG_DONTWAIT));
  while (got < 0 && errno == EINTR);
  if (got < 0) return FAIL("a message from the other side of the set-up");
  if (got == 0) *message = '\0';
  cmsghdr *rights = CMSG_FIRSTHDR(&header);
  if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS) {
    int received;
    memcpy(&received, CMSG_DATA(rights), sizeof received);
    Fd owned(received);
    if (fd != nullptr) *fd = static_cast<Fd &&>(owned);
  }
  return ok();
}

Outcome expect(int socket, char message, Fd *fd) {
  char got;
  TRY(receive(socket, true, &got, fd));
  if (got == '\0') return fail_with(EPIPE, "the watcher ended");
  if (got != message || (fd != nullptr && !fd->valid())) return fail_with(EPROTO, "expected '%c', got '%c'", message, got);
  return ok();
}

}  // namespace channel
