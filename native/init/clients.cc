#include "clients.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

Client *Clients::add(int fd, bool attached) {
  for (Client &client : clients_) {
    if (client.fd.valid()) continue;
    client.fd.reset(fd);
    client.attached = attached;
    client.stdin_full = false;
    client.sent = queued_;
    client.received = 0;
    return &client;
  }
  close(fd);
  return nullptr;
}

void Clients::accept_from(int listener, const uint8_t *greeting, size_t size) {
  int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  if (add(fd, false) != nullptr) send(fd, greeting, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool Clients::any_attached() const {
  for (const Client &client : clients_)
    if (client.fd.valid() && client.attached) return true;
  return false;
}

void Clients::queue(uint8_t type, const char *data, size_t size) {
  if (!any_attached() || queued_ + frames::kHeader + size > kRoom) return;
  uint32_t length = static_cast<uint32_t>(size);
  memcpy(queue_ + queued_, &length, sizeof length);
  queue_[queued_ + 4] = type;
  memcpy(queue_ + queued_ + frames::kHeader, data, size);
  queued_ += frames::kHeader + size;
  for (Client &client : clients_)
    if (client.fd.valid() && client.attached) flush(client);
  if (drained()) queued_ = 0;
}

bool Clients::drained() const {
  for (const Client &client : clients_)
    if (client.fd.valid() && client.attached && client.sent < queued_) return false;
  return true;
}

void Clients::flush(Client &client) {
  while (client.sent < queued_) {
    ssize_t sent = send(client.fd.get(), queue_ + client.sent, queued_ - client.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) {
      client.fd.reset();
      break;
    }
    client.sent += static_cast<size_t>(sent);
  }
  if (!drained()) return;
  queued_ = 0;
  for (Client &other : clients_) other.sent = 0;
}

void Clients::poll_for(pollfd *fds, Client **owners, int *count) {
  for (Client &client : clients_) {
    if (!client.fd.valid()) continue;
    short events = client.stdin_full ? 0 : POLLIN;
    if (client.attached && client.sent < queued_) events |= POLLOUT;
    fds[*count] = {client.fd.get(), events, 0};
    owners[(*count)++] = &client;
  }
}

void Clients::ready(Client &client, short events, OnFrame on_frame) {
  if ((events & POLLOUT) != 0) flush(client);
  if (!client.fd.valid() || (events & (POLLIN | POLLHUP | POLLERR)) == 0) return;
  if (client.stdin_full && (events & (POLLHUP | POLLERR)) == 0) return;
  ssize_t got = recv(client.fd.get(), incoming(client) + client.received, kIncoming - client.received, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    client.fd.reset();
    if (drained()) queued_ = 0;
    return;
  }
  client.received += static_cast<size_t>(got);
  take_frames(client, on_frame);
}

void Clients::stdin_writable(OnFrame on_frame) {
  for (Client &client : clients_)
    if (client.fd.valid() && client.stdin_full) take_frames(client, on_frame);
}

void Clients::take_frames(Client &client, OnFrame on_frame) {
  client.stdin_full = false;
  uint8_t *buffer = incoming(client);
  size_t at = 0;
  while (client.fd.valid() && client.received - at >= frames::kHeader) {
    uint32_t size;
    memcpy(&size, buffer + at, sizeof size);
    if (size > frames::kMaxIncoming) {  // not one of ours: no way to find the next frame
      client.fd.reset();
      return;
    }
    if (client.received - at < frames::kHeader + size) break;
    uint8_t type = buffer[at + 4];
    size_t used = on_frame(client, type, buffer + at + frames::kHeader, size);
    if (used < size) {
      // The rest becomes a frame of its own, in place.
      uint32_t rest = size - static_cast<uint32_t>(used);
      at += used;
      memcpy(buffer + at, &rest, sizeof rest);
      buffer[at + 4] = type;
      client.stdin_full = true;
      break;
    }
    at += frames::kHeader + size;
  }
  client.received -= at;
  memmove(buffer, buffer + at, client.received);
}

void Clients::send_to(bool attached, const uint8_t *frame, size_t size) {
  for (Client &client : clients_)
    if (client.fd.valid() && client.attached == attached) send(client.fd.get(), frame, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Clients::close_all(bool attached) {
  for (Client &client : clients_)
    if (client.attached == attached) client.fd.reset();
}
