// Who the container's process is: user namespace root, then user, groups, capabilities and the system call filter.
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "channel.h"
#include "container.h"
#include "syscalls.h"

namespace {

constexpr size_t kMaxDatabase = 1 << 20;  // bytes of /etc/passwd or /etc/group that are looked at
constexpr int kMaxGroups = 256;

struct User {
  uint32_t uid;
  uint32_t gid;
  bool known;  // found in /etc/passwd
  char name[64];
};

// Decimal digits alone, at most 2^31 - 1: "-1", "0x0", " 1" and 2^32 are not numbers here (CVE-2024-40635).
bool parse_id(const char *text, size_t length, uint32_t *id) {
  uint64_t value = 0;
  if (length == 0 || length > 10) return false;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + static_cast<uint64_t>(text[i] - '0');
  }
  if (value > INT32_MAX) return false;
  *id = static_cast<uint32_t>(value);
  return true;
}

// The file's text in memory of its own, NUL at the end; "" when there is none. Never anything but a regular file:
// an image's /etc/passwd may be a FIFO, a device, or a link out of the root.
Outcome read_database(const char *path, const char **text) {
  *text = "";
  Fd file(sys::openat2(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0, RESOLVE_NO_MAGICLINKS));
  if (!file.valid()) return errno == ENOENT || errno == ENOTDIR ? ok() : FAIL("%s", path);
  struct stat status;
  if (fstat(file.get(), &status) != 0) return FAIL("%s", path);
  if (!S_ISREG(status.st_mode)) return fail_with(EINVAL, "%s is not a regular file", path);
  if (status.st_size > static_cast<off_t>(kMaxDatabase)) return fail_with(EFBIG, "%s is larger than 1 MiB", path);
  void *memory = mmap(nullptr, kMaxDatabase + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return FAIL("%s", path);
  ssize_t got = read(file.get(), memory, kMaxDatabase);
  if (got < 0) return FAIL("%s", path);
  *text = static_cast<const char *>(memory);
  return ok();
}

struct Field {
  const char *start;
  size_t length;
  bool is(const char *text, size_t size) const { return length == size && memcmp(start, text, size) == 0; }
};

// The fields of one line of passwd(5) or group(5); returns how many there are.
int split_line(const char *line, size_t length, Field *fields, int most) {
  int count = 0;
  const char *end = line + length;
  while (count < most) {
    const char *colon = static_cast<const char *>(memchr(line, ':', static_cast<size_t>(end - line)));
    const char *stop = colon == nullptr ? end : colon;
    fields[count++] = {line, static_cast<size_t>(stop - line)};
    if (colon == nullptr) break;
    line = colon + 1;
  }
  return count;
}

template <typename Visit>
void each_line(const char *text, Visit visit) {
  while (*text != '\0') {
    const char *newline = strchr(text, '\n');
    size_t length = newline == nullptr ? strlen(text) : static_cast<size_t>(newline - text);
    if (!visit(text, length)) return;
    text += length + (newline == nullptr ? 0 : 1);
  }
}

Outcome find_user(const char *wanted, size_t length, User *user, char *home, size_t home_size) {
  const char *passwd;
  TRY(read_database("/etc/passwd", &passwd));
  bool numeric = parse_id(wanted, length, &user->uid);
  each_line(passwd, [&](const char *line, size_t size) {
    Field f[7]{};
    uint32_t uid, gid;
    if (split_line(line, size, f, 7) < 6 || !parse_id(f[2].start, f[2].length, &uid) ||
        !parse_id(f[3].start, f[3].length, &gid))
      return true;
    if (numeric ? uid != user->uid : !f[0].is(wanted, length)) return true;
    user->known = true;
    user->uid = uid;
    user->gid = gid;
    snprintf(user->name, sizeof user->name, "%.*s", static_cast<int>(f[0].length), f[0].start);
    snprintf(home, home_size, "%.*s", static_cast<int>(f[5].length), f[5].start);
    return false;
  });
  if (!numeric && !user->known)
    return fail_with(ESRCH, "user %.*s is not in the container's /etc/passwd", static_cast<int>(length), wanted);
  return ok();
}

Outcome find_groups(const char *wanted, User *user, gid_t *groups, int *count) {
  const char *text;
  TRY(read_database("/etc/group", &text));
  bool found = wanted == nullptr || parse_id(wanted, strlen(wanted), &user->gid);
  each_line(text, [&](const char *line, size_t size) {
    Field f[4]{};
    uint32_t gid;
    int fields = split_line(line, size, f, 4);
    if (fields < 3 || !parse_id(f[2].start, f[2].length, &gid)) return true;
    if (!found && f[0].is(wanted, strlen(wanted))) {
      user->gid = gid;
      found = true;
    }
    // An explicit group replaces the supplementary ones, as with Docker.
    if (wanted != nullptr || fields < 4 || user->name[0] == '\0') return true;
    const char *member = f[3].start, *end = member + f[3].length;
    while (member < end) {
      const char *comma = static_cast<const char *>(memchr(member, ',', static_cast<size_t>(end - member)));
      const char *stop = comma == nullptr ? end : comma;
      Field name{member, static_cast<size_t>(stop - member)};
      if (name.is(user->name, strlen(user->name)) && *count < kMaxGroups) groups[(*count)++] = gid;
      member = stop + 1;
    }
    return true;
  });
  return found ? ok() : fail_with(ESRCH, "group %s is not in the container's /etc/group", wanted);
}

}  // namespace

Outcome become_root_of_user_namespace(Container &container) {
  TRY(channel::expect(container.watcher, channel::kIdsMapped));
  if (!container.user_namespace) return ok();
  if (setgroups(0, nullptr) != 0) return FAIL("setgroups");
  if (setresgid(0, 0, 0) != 0) return FAIL("gid 0");
  return setresuid(0, 0, 0) == 0 ? ok() : FAIL("uid 0");
}

Outcome limit_capabilities(uint64_t bounding) {
  for (int capability = 0; capability < 64; capability++) {
    if ((bounding >> capability & 1) != 0) continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // past the kernel's last capability
    return FAIL("capability %d", capability);
  }
  return ok();
}

Outcome set_user(Container &container, const plan::SetUser &op) {
  const char *colon = strchr(op.user, ':');
  size_t length = colon == nullptr ? strlen(op.user) : static_cast<size_t>(colon - op.user);
  User user{};
  gid_t groups[kMaxGroups];
  int count = 0;
  if (length > 0) TRY(find_user(op.user, length, &user, container.home, sizeof container.home));
  if (length == 0) TRY(find_user("0", 1, &user, container.home, sizeof container.home));
  TRY(find_groups(colon == nullptr ? nullptr : colon + 1, &user, groups, &count));
  if (count == 0) groups[count++] = user.gid;

  // So that the user can open /dev/stdout again. /dev/null as stdin is the host's own: left alone.
  for (int fd : container.stdio) {
    struct stat status;
    if (fstat(fd, &status) != 0) return FAIL("stdio");
    bool is_null = S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
    if (!is_null && fchown(fd, user.uid, static_cast<gid_t>(-1)) != 0) return FAIL("owner of stdio");
  }
  if (setgroups(static_cast<size_t>(count), groups) != 0) return FAIL("groups of user %s", op.user);
  if (setresgid(user.gid, user.gid, user.gid) != 0) return FAIL("group %u (is it in the container's id range?)", user.gid);
  if (setresuid(user.uid, user.uid, user.uid) != 0) return FAIL("user %u (is it in the container's id range?)", user.uid);
  umask(op.umask);
  return ok();
}

Outcome set_capabilities(uint64_t effective) {
  uint64_t kept = geteuid() == 0 ? effective : 0;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (int half = 0; half < 2; half++) {
    uint32_t bits = static_cast<uint32_t>(kept >> (32 * half));
    data[half].effective = bits;
    data[half].permitted = bits;
    data[half].inheritable = 0;
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return FAIL("ambient set");
  return syscall(SYS_capset, &header, data) == 0 ? ok() : FAIL("capset");
}

Outcome install_seccomp_filter(plan::Bytes program) {
  if (program.size % sizeof(sock_filter) != 0 || program.size / sizeof(sock_filter) > BPF_MAXINSNS)
    return fail_with(EINVAL, "a program of %u bytes", program.size);
  // A copy, since the plan's bytes are not aligned.
  static sock_filter instructions[BPF_MAXINSNS];
  memcpy(instructions, program.data, program.size);
  sock_fprog filter{static_cast<unsigned short>(program.size / sizeof(sock_filter)), instructions};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0 ? ok() : FAIL("seccomp");
}
