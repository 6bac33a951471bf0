// The connections to a watcher: the helper's own (control), and one for each attached terminal or stream.
#pragma once
#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "fd.h"
#include "frames.h"

constexpr int kMaxClients = 32;

struct Client {
  Fd fd;
  bool attached = false;
  bool stdin_full = false;  // holds a stdin frame that the container does not take yet
  size_t sent = 0;          // bytes of the output queue that this client has
  size_t received = 0;      // bytes of its incoming buffer in use
};

// What a complete incoming frame asks for. Returns how many payload bytes were used: fewer than `size` means
// "stdin is full, keep the rest".
using OnFrame = size_t (*)(Client &client, uint8_t type, const uint8_t *payload, uint32_t size);

class Clients {
 public:
  Client *add(int fd, bool attached);
  void accept_from(int listener, const uint8_t *greeting, size_t size);

  // Output goes through one queue that all attached clients share; nobody attached, nothing queued.
  bool any_attached() const;
  bool wants_more() const { return queued_ < kHighWater; }
  void queue(uint8_t type, const char *data, size_t size);
  bool drained() const;

  void poll_for(pollfd *fds, Client **owners, int *count);
  void ready(Client &client, short events, OnFrame on_frame);
  void stdin_writable(OnFrame on_frame);

  // A short frame to every client that is attached, or to every one that is not.
  void send_to(bool attached, const uint8_t *frame, size_t size);
  void close_all(bool attached);

 private:
  static constexpr size_t kHighWater = 64 * 1024;
  static constexpr size_t kRoom = 512 * 1024;  // of .bss: a page that is never needed is never there

  void flush(Client &client);
  void take_frames(Client &client, OnFrame on_frame);

  uint8_t *incoming(const Client &client) { return incoming_[&client - clients_]; }

  static constexpr size_t kIncoming = frames::kHeader + frames::kMaxIncoming;
  Client clients_[kMaxClients];
  uint8_t incoming_[kMaxClients][kIncoming];
  uint8_t queue_[kRoom];
  size_t queued_ = 0;
};
