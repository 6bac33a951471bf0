#include "host.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "../kernel.h"
#include "../netlink/rtnetlink.h"
#include "channel.h"
#include "opens.h"
#include "syscalls.h"

namespace {

Outcome write_file(int directory, const char *file, const char *value) {
  Fd fd(openat(directory, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return FAIL("%s", file);
  size_t length = strlen(value);
  return write(fd.get(), value, length) == static_cast<ssize_t>(length) ? ok() : FAIL("%s = %s", file, value);
}

Outcome create_cgroup(Host &host, const plan::CreateCgroup &op) {
  if (host.cgroups == kMaxCgroups) return fail_with(E2BIG, "%s", op.directory);
  if (mkdir(op.directory, 0755) != 0) return FAIL("%s", op.directory);
  host.cgroup[host.cgroups++] = op.directory;
  host.cgroup_directory.reset(open(op.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!host.cgroup_directory.valid()) return FAIL("%s", op.directory);
  if (op.unified != 0) {
    host.unified.reset(fcntl(host.cgroup_directory.get(), F_DUPFD_CLOEXEC, 3));
    return host.unified.valid() ? ok() : FAIL("%s", op.directory);
  }
  int tasks = openat(host.cgroup_directory.get(), "tasks", O_WRONLY | O_CLOEXEC);
  if (tasks < 0) return FAIL("%s/tasks", op.directory);
  host.tasks[host.tasks_count++] = tasks;
  return ok();
}

Outcome use_cgroup(Host &host, const plan::UseCgroup &op) {
  Fd directory(open(op.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return FAIL("%s", op.directory);
  if (op.unified != 0) {
    host.unified = static_cast<Fd &&>(directory);
    return ok();
  }
  if (host.tasks_count == kMaxCgroups) return fail_with(E2BIG, "%s", op.directory);
  int tasks = openat(directory.get(), "tasks", O_WRONLY | O_CLOEXEC);
  if (tasks < 0) return FAIL("%s/tasks", op.directory);
  host.tasks[host.tasks_count++] = tasks;
  return ok();
}

// By its number the process is found once; that it is the container's is asked of the kernel, and that it still was that
// one when the kernel said so.
Outcome open_process(uint32_t pid, const char *cgroup, Fd *process) {
  process->reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process->valid()) return FAIL("process %u", pid);
  char path[64], text[8192];
  snprintf(path, sizeof path, "/proc/%u/cgroup", pid);
  Fd file(open(path, O_RDONLY | O_CLOEXEC));
  ssize_t got = file.valid() ? read(file.get(), text, sizeof text - 1) : -1;
  text[got < 0 ? 0 : got] = '\0';
  pollfd ended{process->get(), POLLIN, 0};
  if (strstr(text, cgroup) == nullptr || poll(&ended, 1, 0) != 0) return fail_with(ESRCH, "the container has ended");
  return ok();
}

Outcome join_container(Host &host, const plan::JoinContainer &op) {
  TRY(open_process(op.pid, op.cgroup, &host.joined));
  if (op.flags == 0) return ok();
  return setns(host.joined.get(), static_cast<int>(op.flags)) == 0 ? ok() : FAIL("pid namespace of process %u", op.pid);
}

// The watcher goes there itself: what it clones is born there.
Outcome join_network(const plan::JoinNetwork &op) {
  Fd process;
  TRY(open_process(op.pid, op.cgroup, &process));
  return setns(process.get(), CLONE_NEWNET) == 0 ? ok() : FAIL("network namespace of process %u", op.pid);
}

Outcome map_ids(Host &host, const plan::MapIds &op) {
  host.root_uid = op.root_uid;
  host.root_gid = op.root_gid;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d", host.pid);
  Fd process(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!process.valid()) return FAIL("%s", path);
  if (op.uids[0] != '\0') {
    TRY(write_file(process.get(), "uid_map", op.uids));
    TRY(write_file(process.get(), "gid_map", op.gids));
    host.user_namespace.reset(openat(process.get(), "ns/user", O_RDONLY | O_CLOEXEC));
    if (!host.user_namespace.valid()) return FAIL("ns/user");
  }
  for (int fd : host.stdio) {
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) && fchown(fd, op.root_uid, op.root_gid) != 0)
      return FAIL("owner of stdio");
  }
  host.mount_namespace.reset(openat(process.get(), "ns/mnt", O_RDONLY | O_CLOEXEC));
  if (!host.mount_namespace.valid()) return FAIL("ns/mnt");
  return channel::send(host.channel, channel::kIdsMapped);
}

Outcome new_mount_namespace_for_layers(Host &host, const char *scratch) {
  if (unshare(CLONE_NEWNS) != 0) return FAIL("unshare");
  Fd root(open("/", O_PATH | O_CLOEXEC));
  mount_attr attr{};
  attr.propagation = MS_PRIVATE;
  if (sys::mount_setattr(root.get(), AT_RECURSIVE, attr) != 0) return FAIL("/");
  host.scratch = scratch;
  return ok();
}

// Before Linux 6.15 overlayfs takes a lower layer from the mount namespace alone: attach it there, one directory each.
Outcome attach_layer(Host &host, Fd *layer) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%d", host.scratch, host.layers);
  if (mkdir(path, 0700) != 0 && errno != EEXIST) return FAIL("%s", path);
  Fd directory(open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) return FAIL("%s", path);
  return sys::move_mount(layer->get(), directory.get()) == 0 ? ok() : FAIL("on %s", path);
}

Outcome add_layer(Host &host, const plan::AddLayer &op) {
  if (host.layers == kMaxLayers) return fail_with(E2BIG, "more than %d layers", kMaxLayers);
  Fd layer(sys::open_tree(AT_FDCWD, op.directory, 0));
  if (!layer.valid()) return FAIL("%s", op.directory);
  if (op.idmapped != 0 && host.user_namespace.valid()) {
    mount_attr attr{};
    attr.attr_set = MOUNT_ATTR_IDMAP;
    attr.userns_fd = static_cast<uint64_t>(host.user_namespace.get());
    if (sys::mount_setattr(layer.get(), 0, attr) != 0)
      return FAIL("%s (does its file system support id-mapped mounts?)", op.directory);
  }
  if (host.scratch != nullptr) TRY(attach_layer(host, &layer));
  host.layer[host.layers++] = static_cast<Fd &&>(layer);
  return ok();
}

// The directories just opened, whatever their names lead to now.
void layer_path(const Host &host, int layer, char (&path)[32]) {
  snprintf(path, sizeof path, "/proc/self/fd/%d", host.layer[layer].get());
}

// Before Linux 6.7 all lower layers are one option, which fsconfig(2) limits to 255 bytes, but mount(2) to a page.
Outcome mount_overlay_with_options(Host &host, const plan::MountOverlay &op, const char *lower) {
  char target[PATH_MAX], options[4096];
  snprintf(target, sizeof target, "%s/%d", host.scratch, host.layers);
  if (mkdir(target, 0700) != 0 && errno != EEXIST) return FAIL("%s", target);
  int length = snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s,redirect_dir=off,metacopy=off%s", lower,
                        op.upper, op.work, op.is_volatile != 0 ? ",volatile" : "");
  if (length >= static_cast<int>(sizeof options)) return fail_with(E2BIG, "%d layers", host.layers);
  if (mount("overlay", target, "overlay", MS_NODEV, options) != 0) return FAIL("upper directory %s", op.upper);
  host.root.reset(sys::open_tree(AT_FDCWD, target, 0));
  return host.root.valid() ? ok() : FAIL("%s", target);
}

Outcome make_overlay(Host &host, const plan::MountOverlay &op) {
  Fd context(sys::fsopen("overlay"));
  if (!context.valid()) return FAIL("overlay");
  auto set = [&](const char *key, const char *value) -> Outcome {
    if (sys::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value) == 0) return ok();
    return FAIL("%s %s", key, value);
  };
  char path[32], lower[kMaxLayers * sizeof path] = "";
  size_t length = 0;
  bool separate = takes_separate_layers();
  for (int i = 0; i < host.layers; i++) {
    layer_path(host, i, path);
    if (separate) TRY(set("lowerdir+", path));
    else length += static_cast<size_t>(snprintf(lower + length, sizeof lower - length, "%s%s", i == 0 ? "" : ":", path));
  }
  if (length > 255 && host.scratch != nullptr) return mount_overlay_with_options(host, op, lower);
  if (!separate) TRY(set("lowerdir", lower));
  TRY(set("upperdir", op.upper));
  TRY(set("workdir", op.work));
  // Each file of the upper directory is whole and under its own name: it is read as a layer later.
  TRY(set("redirect_dir", "off"));
  TRY(set("metacopy", "off"));
  if (op.is_volatile != 0 && sys::fsconfig(context.get(), FSCONFIG_SET_FLAG, "volatile", nullptr) != 0)
    return FAIL("volatile");
  if (sys::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr) != 0) return FAIL("upper directory %s", op.upper);
  host.root.reset(sys::fsmount(context.get(), MOUNT_ATTR_NODEV));
  return host.root.valid() ? ok() : FAIL("overlay");
}

Outcome mount_overlay(Host &host, const plan::MountOverlay &op) {
  TRY(make_overlay(host, op));
  if (host.opens.valid() && !opens::mark(host.opens.get(), host.root.get())) return FAIL("fanotify");
  for (int i = 0; i < host.layers; i++) host.layer[i].reset();
  return channel::send(host.channel, channel::kRoot, host.root.get());
}

constexpr int kMaxGroups = 64;

// What a caller may open is asked of the kernel, by being the caller meanwhile: the effective ids alone, so that this
// process can be root again. Capabilities are empty then.
class AsCaller {
 public:
  explicit AsCaller(const plan::OpenSource &op) : is_root_(op.uid == 0) {
    if (is_root_) return;
    gid_t groups[kMaxGroups];
    size_t count = 0;
    char *end;
    for (const char *at = op.groups; *at != '\0' && count < kMaxGroups; at = end) {
      groups[count++] = static_cast<gid_t>(strtoul(at, &end, 10));
      if (end == at) break;
    }
    done_ = setgroups(count, groups) == 0 && setresgid(static_cast<gid_t>(-1), op.gid, static_cast<gid_t>(-1)) == 0 &&
            setresuid(static_cast<uid_t>(-1), op.uid, static_cast<uid_t>(-1)) == 0;
  }
  ~AsCaller() {
    int error = errno;
    // A watcher that cannot become root again must not go on.
    if (!is_root_ && (setresuid(static_cast<uid_t>(-1), 0, static_cast<uid_t>(-1)) != 0 ||
                      setresgid(static_cast<gid_t>(-1), 0, static_cast<gid_t>(-1)) != 0 || setgroups(0, nullptr) != 0))
      _exit(1);
    errno = error;
  }
  AsCaller(const AsCaller &) = delete;
  AsCaller &operator=(const AsCaller &) = delete;

  bool done() const { return is_root_ || done_; }

 private:
  bool is_root_;
  bool done_ = false;
};

// mkdir -p, as the caller.
bool make_directories(const char *path) {
  char part[PATH_MAX];
  size_t length = strlen(path);
  if (length >= sizeof part) {
    errno = ENAMETOOLONG;
    return false;
  }
  for (size_t i = 1; i <= length; i++) {
    if (path[i] != '/' && path[i] != '\0') continue;
    memcpy(part, path, i);
    part[i] = '\0';
    if (mkdir(part, 0755) != 0 && errno != EEXIST) return false;
  }
  return true;
}

Outcome open_source_path(const plan::OpenSource &op, Fd *source) {
  AsCaller caller(op);
  if (!caller.done()) return FAIL("%s (as user %u)", op.source, op.uid);
  source->reset(open(op.source, O_PATH | O_CLOEXEC));
  if (!source->valid() && errno == ENOENT && op.create != 0 && make_directories(op.source))
    source->reset(open(op.source, O_PATH | O_CLOEXEC));
  return source->valid() ? ok() : FAIL("%s", op.source);
}

// In this user namespace the caller alone has an id: that of the container's root. A process has to be in it while it is
// being made.
Outcome make_callers_namespace(const Host &host, const plan::OpenSource &op, Fd *user_namespace) {
  clone_args arguments{};
  arguments.flags = CLONE_NEWUSER;
  arguments.exit_signal = SIGCHLD;
  pid_t pid = sys::clone3(&arguments);
  if (pid < 0) return FAIL("user namespace");
  if (pid == 0) {
    pause();
    _exit(0);
  }
  char path[64], uids[64], gids[64];
  snprintf(path, sizeof path, "/proc/%d", pid);
  snprintf(uids, sizeof uids, "%u %u 1\n", op.uid, host.root_uid);
  snprintf(gids, sizeof gids, "%u %u 1\n", op.gid, host.root_gid);
  Fd process(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Outcome outcome = write_file(process.get(), "uid_map", uids);
  if (!outcome.failed) outcome = write_file(process.get(), "gid_map", gids);
  user_namespace->reset(openat(process.get(), "ns/user", O_RDONLY | O_CLOEXEC));
  if (!outcome.failed && !user_namespace->valid()) outcome = FAIL("ns/user");
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return outcome;
}

Outcome open_source(Host &host, const plan::OpenSource &op) {
  Fd source, callers;
  TRY(open_source_path(op, &source));
  mount_attr attr{};
  attr.attr_set = op.attributes;
  attr.propagation = op.propagation;
  if (op.idmapped == 2) TRY(make_callers_namespace(host, op, &callers));
  if (op.idmapped != 0) {
    attr.attr_set |= MOUNT_ATTR_IDMAP;
    attr.userns_fd = static_cast<uint64_t>(op.idmapped == 2 ? callers.get() : host.user_namespace.get());
  }
  // With everything mounted below it; without, where one of those cannot be id-mapped.
  const unsigned depths[] = {AT_RECURSIVE, 0};
  for (unsigned recursive : depths) {
    Fd tree(sys::open_tree(source.get(), "", AT_EMPTY_PATH | recursive));
    if (!tree.valid()) return FAIL("%s", op.source);
    if (sys::mount_setattr(tree.get(), recursive, attr) == 0) return channel::send(host.channel, channel::kMount, tree.get());
    if (errno != EINVAL) break;
  }
  return FAIL("%s%s", op.source, op.idmapped == 0 ? "" : " (does its file system support id-mapped mounts?)");
}

Outcome connect_network(Host &host, const plan::ConnectNetwork &op) {
  uint8_t mac[6];
  if (!rtnetlink::parse_mac(op.mac, mac)) return fail_with(EINVAL, "%s", op.mac);
  Fd socket(rtnetlink::open_socket());
  if (!socket.valid()) return FAIL("netlink");
  int bridge = rtnetlink::link_index(socket.get(), op.bridge);
  if (bridge == 0) return FAIL("%s", op.bridge);
  if (rtnetlink::add_veth(socket.get(), op.link, bridge, op.name, host.pid, mac) != 0) return FAIL("%s", op.link);
  return channel::send(host.channel, channel::kLink);
}

uint64_t number_after(const char *text, const char *key) {
  const char *at = strstr(text, key);
  return at == nullptr ? 0 : strtoull(at + strlen(key), nullptr, 10);
}

}  // namespace

Outcome carry_out(Host &host, plan::Code code, plan::Reader fields) {
  using plan::Code;
  switch (code) {
    case Code::kCreateCgroup:
      return create_cgroup(host, plan::CreateCgroup(fields));
    case Code::kSetCgroupLimit: {
      plan::SetCgroupLimit limit(fields);
      return write_file(host.cgroup_directory.get(), limit.file, limit.value);
    }
    case Code::kJoinContainer:
      return join_container(host, plan::JoinContainer(fields));
    case Code::kUseCgroup:
      return use_cgroup(host, plan::UseCgroup(fields));
    case Code::kNewMountNamespaceForLayers:
      return new_mount_namespace_for_layers(host, plan::NewMountNamespaceForLayers(fields).scratch);
    case Code::kMapIds:
      return map_ids(host, plan::MapIds(fields));
    case Code::kAddLayer:
      return add_layer(host, plan::AddLayer(fields));
    case Code::kRecordOpens:
      host.opens.reset(opens::start());
      return host.opens.valid() ? ok() : FAIL("fanotify");
    case Code::kMountOverlay:
      return mount_overlay(host, plan::MountOverlay(fields));
    case Code::kJoinNetwork:
      return join_network(plan::JoinNetwork(fields));
    case Code::kOpenSource:
      return open_source(host, plan::OpenSource(fields));
    case Code::kConnectNetwork:
      return connect_network(host, plan::ConnectNetwork(fields));
    default:
      return fail_with(ENOSYS, "operation %u is not the watcher's", static_cast<unsigned>(code));
  }
}

uint64_t oom_kills(const Host &host) {
  uint64_t kills = 0;
  static const char *const kFiles[] = {"memory.events", "memory.oom_control"};  // v2, v1
  for (int i = 0; i < host.cgroups; i++) {
    for (const char *file : kFiles) {
      char path[PATH_MAX], text[512];
      snprintf(path, sizeof path, "%s/%s", host.cgroup[i], file);
      Fd fd(open(path, O_RDONLY | O_CLOEXEC));
      if (!fd.valid()) continue;
      ssize_t got = read(fd.get(), text, sizeof text - 1);
      if (got <= 0) continue;
      text[got] = '\0';
      kills += number_after(text, "oom_kill ");
    }
  }
  return kills;
}

void remove_cgroups(const Host &host) {
  for (int i = host.cgroups - 1; i >= 0; i--) {
    for (int tries = 0; rmdir(host.cgroup[i]) != 0 && errno == EBUSY && tries < 200; tries++) {
      timespec pause{0, 5'000'000};
      nanosleep(&pause, nullptr);
    }
  }
}
