// bulkhead-unpack [--layer] [--shift N] [--squash-owners] [--into PATH] --entries N --bytes N < archive 3<> directory
//
// Unpacks a tar archive (ustar, GNU, PAX), as it is or compressed with gzip or zstd, into the directory on descriptor 3.
// Three processes, each with what it needs and no more:
//   inflate   decompresses and hashes; no rights at all
//   reader    reads the archive and makes its files; the rights of owners and modes
//   this one  waits for both, then makes what the reader asked for: device nodes, opaque directories
// All of them have the directory as their root before the first byte is read. A reader that an archive has taken over can
// therefore neither leave the directory, nor lie about what the archive's digest is.
// Prints {"entries":N,"bytes":N,"diffId":"sha256:...","compression":"gzip"}, or what is wrong on standard error, and exits
// 1; 28 (ENOSPC) when the disk is full.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deferred.h"
#include "decompress.h"
#include "reader.h"

namespace {

constexpr int kDirectory = 3;
constexpr int kPipeSize = 1 << 20;

[[noreturn]] void die(const char *what) {
  int status = errno == ENOSPC || errno == EDQUOT ? ENOSPC : 1;
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(status);
}

uint32_t bit(unsigned capability) { return 1U << capability; }

// For good: what is dropped here cannot come back.
void keep_capabilities(uint32_t kept) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  data[0].permitted = data[0].effective = kept;
  if (syscall(SYS_capset, &header, data) != 0) die("capset");
}

constexpr uint32_t kOwnerBits = (1U << CAP_CHOWN) | (1U << CAP_DAC_OVERRIDE) | (1U << CAP_FOWNER) | (1U << CAP_FSETID);

// The directory to unpack into becomes the one on descriptor 3; links in its name, and in the archive's, lead nowhere else.
void enter(const char *path) {
  open_how how{O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  while (*path == '/') path++;
  int fd = static_cast<int>(syscall(SYS_openat2, kDirectory, *path == '\0' ? "." : path, &how, sizeof how));
  if (fd < 0 || dup2(fd, kDirectory) < 0 || fchdir(kDirectory) != 0) die(path);
}

// Its exit status; what it has to say is on standard error already.
int wait_for(pid_t child) {
  int status;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

reader::Options parse(int argc, char **argv, const char **into) {
  static const option kOptions[] = {{"layer", no_argument, nullptr, 'l'},          {"shift", required_argument, nullptr, 's'},
                                    {"squash-owners", no_argument, nullptr, 'o'}, {"entries", required_argument, nullptr, 'e'},
                                    {"bytes", required_argument, nullptr, 'b'},   {"into", required_argument, nullptr, 'i'},
                                    {nullptr, 0, nullptr, 0}};
  reader::Options options{{0, 0}, 0, false, true};
  for (int found; (found = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    if (found == 'l') options.is_layer = true;
    else if (found == 's') options.shift = static_cast<unsigned>(strtoul(optarg, nullptr, 10));
    else if (found == 'o') options.keep_owners = false;
    else if (found == 'e') options.limits.entries = strtoull(optarg, nullptr, 10);
    else if (found == 'i') *into = optarg;
    else if (found == 'b') options.limits.bytes = strtoull(optarg, nullptr, 10);
    else exit(2);
  }
  return options;
}

}  // namespace

int main(int argc, char **argv) {
  const char *into = nullptr;
  reader::Options options = parse(argc, argv, &into);
  setlocale(LC_CTYPE, "C.UTF-8");  // PAX names are UTF-8; built into the C library, nothing is loaded
  umask(0);
  int archive[2], inflate_report[2], reader_report[2];
  int requests = static_cast<int>(syscall(SYS_memfd_create, "deferred", MFD_CLOEXEC));
  if (requests < 0 || pipe2(archive, O_CLOEXEC) != 0 || pipe2(inflate_report, O_CLOEXEC) != 0 ||
      pipe2(reader_report, O_CLOEXEC) != 0)
    die("pipe");
  fcntl(archive[1], F_SETPIPE_SZ, kPipeSize);
  if (fchdir(kDirectory) != 0 || chroot(".") != 0) die("the target directory");
  if (into != nullptr) enter(into);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("no_new_privs");

  pid_t inflater = fork();
  if (inflater < 0) die("fork");
  if (inflater == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    keep_capabilities(0);
    close(kDirectory);
    close(archive[0]);
    decompress::run(STDIN_FILENO, archive[1], inflate_report[1]);
  }
  close(archive[1]);
  pid_t unpacker = fork();
  if (unpacker < 0) die("fork");
  if (unpacker == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // The inflater must end when this one does, and its input with it.
    close(STDIN_FILENO);
    close(inflate_report[0]);
    close(inflate_report[1]);
    keep_capabilities(kOwnerBits | bit(CAP_SETFCAP));
    reader::run(archive[0], kDirectory, requests, reader_report[1], options);
  }
  close(archive[0]);
  close(inflate_report[1]);
  close(reader_report[1]);
  close(STDIN_FILENO);
  keep_capabilities(kOwnerBits | bit(CAP_MKNOD) | bit(CAP_SYS_ADMIN));

  int read_status = wait_for(unpacker);
  if (read_status != 0) kill(inflater, SIGPIPE);
  int inflate_status = wait_for(inflater);
  // Damaged data is the cause when both have something to say.
  if (inflate_status == 1) return 1;
  if (read_status != 0) {
    if (read_status > 128) fprintf(stderr, "the reader of the archive was killed by signal %d\n", read_status - 128);
    return read_status == ENOSPC ? ENOSPC : 1;
  }
  decompress::Report inflated;
  reader::Report made;
  if (inflate_status != 0 || read(inflate_report[0], &inflated, sizeof inflated) != sizeof inflated ||
      read(reader_report[0], &made, sizeof made) != sizeof made) {
    fprintf(stderr, "the archive could not be decompressed\n");
    return 1;
  }
  if (const char *problem = deferred::carry_out(requests, kDirectory)) {
    fprintf(stderr, "%s\n", problem);
    return errno == ENOSPC ? ENOSPC : 1;
  }
  static const char *const kNames[] = {"none", "gzip", "zstd"};
  char hex[65];
  for (int i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", inflated.diff_id[i]);
  printf("{\"entries\":%llu,\"bytes\":%llu,\"diffId\":\"sha256:%s\",\"compression\":\"%s\"}\n", made.entries, made.bytes, hex,
         kNames[static_cast<uint32_t>(inflated.compression)]);
  return 0;
}
