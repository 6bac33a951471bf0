// nftables by its own library, which is loaded when the first network is made: a helper without networks has no need of it.
#include <dlfcn.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <napi.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <string>

#include "errors.h"

namespace {

// libnftables(3); its headers are not needed for four functions.
struct nft_ctx;
struct Library {
  nft_ctx *(*make)(uint32_t flags);
  int (*buffer_error)(nft_ctx *);
  int (*run)(nft_ctx *, const char *commands);
  const char *(*error)(nft_ctx *);
  nft_ctx *context;
};

template <typename T>
bool find(void *handle, const char *name, T *function) {
  *function = reinterpret_cast<T>(dlsym(handle, name));
  return *function != nullptr;
}

Library *load() {
  static Library library{};
  if (library.context != nullptr) return &library;
  void *handle = dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr || !find(handle, "nft_ctx_new", &library.make) ||
      !find(handle, "nft_ctx_buffer_error", &library.buffer_error) ||
      !find(handle, "nft_run_cmd_from_buffer", &library.run) ||
      !find(handle, "nft_ctx_get_error_buffer", &library.error))
    return nullptr;
  library.context = library.make(0);
  if (library.context != nullptr) library.buffer_error(library.context);
  return library.context == nullptr ? nullptr : &library;
}

// Somebody else's removal of something in our table (nfnetlink's group NFNLGRP_NFTABLES).
struct Watch {
  uv_poll_t poll;
  int socket;
  std::string table;
  Napi::FunctionReference listener;
};
Watch *watching = nullptr;

bool is_removal(uint16_t type) {
  if (type >> 8 != NFNL_SUBSYS_NFTABLES) return false;
  switch (type & 0xff) {
    case NFT_MSG_DELTABLE:
    case NFT_MSG_DELCHAIN:
    case NFT_MSG_DELRULE:
    case NFT_MSG_DELSET:
      return true;
    default:
      return false;
  }
}

// The table's name is attribute 1 of every one of these messages.
bool is_of_table(const nlmsghdr *head, const std::string &table) {
  const uint8_t *at = reinterpret_cast<const uint8_t *>(head) + NLMSG_LENGTH(sizeof(nfgenmsg));
  const uint8_t *end = reinterpret_cast<const uint8_t *>(head) + head->nlmsg_len;
  while (at + sizeof(nlattr) <= end) {
    const nlattr *attribute = reinterpret_cast<const nlattr *>(at);
    if (attribute->nla_len < sizeof(nlattr) || attribute->nla_len > end - at) return false;
    const char *value = reinterpret_cast<const char *>(at + sizeof(nlattr));
    if (attribute->nla_type == 1) return strnlen(value, attribute->nla_len - sizeof(nlattr)) == table.size() && table == value;
    at += NLA_ALIGN(attribute->nla_len);
  }
  return false;
}

bool read_changes(const Watch &watch) {
  bool removed = false;
  alignas(nlmsghdr) static uint8_t buffer[64 * 1024];
  while (true) {
    ssize_t got = recv(watch.socket, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && errno == ENOBUFS) removed = true;  // some were lost: as if one of them had been ours
    if (got <= 0) return removed;
    size_t left = static_cast<size_t>(got);
    for (const nlmsghdr *head = reinterpret_cast<const nlmsghdr *>(buffer); NLMSG_OK(head, left); head = NLMSG_NEXT(head, left))
      if (is_removal(head->nlmsg_type) && is_of_table(head, watch.table)) removed = true;
  }
}

}  // namespace

Napi::Value nft(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  std::string commands = info[0].As<Napi::String>();
  Library *library = load();
  if (library == nullptr) throw system_error(env, "load", "libnftables.so.1", ENOENT);
  int result = library->run(library->context, commands.c_str());
  if (watching != nullptr) read_changes(*watching);  // our own: they are told before the call returns
  if (result == 0) return env.Undefined();
  throw Napi::Error::New(env, std::string("nftables: ") + library->error(library->context));
}

Napi::Value watch_firewall(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
  if (fd < 0) throw system_error(env, "netlink", "nfnetlink", errno);
  int group = NFNLGRP_NFTABLES;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (bind(fd, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 ||
      setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    int error = errno;
    close(fd);
    throw system_error(env, "netlink", "nfnetlink", error);
  }
  uv_loop_t *loop;
  napi_get_uv_event_loop(env, &loop);
  Watch *watch = new Watch{{}, fd, info[0].As<Napi::String>(), Napi::Persistent(info[1].As<Napi::Function>())};
  watching = watch;
  uv_poll_init(loop, &watch->poll, fd);
  watch->poll.data = watch;
  uv_poll_start(&watch->poll, UV_READABLE, [](uv_poll_t *poll, int, int) {
    Watch *watched = static_cast<Watch *>(poll->data);
    if (!read_changes(*watched)) return;
    Napi::HandleScope scope(watched->listener.Env());
    watched->listener.MakeCallback(watched->listener.Env().Global(), {});
  });
  uv_unref(reinterpret_cast<uv_handle_t *>(&watch->poll));
  return Napi::Function::New(env, [watch](const Napi::CallbackInfo &) {
    watching = nullptr;
    uv_poll_stop(&watch->poll);
    uv_close(reinterpret_cast<uv_handle_t *>(&watch->poll), [](uv_handle_t *handle) {
      Watch *ended = static_cast<Watch *>(handle->data);
      close(ended->socket);
      delete ended;
    });
  });
}
