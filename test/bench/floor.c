/*
 * The floor: what the kernel itself needs to run /bin/true in a container.
 *
 *   floor ROOT SCRATCH CGROUP COUNT
 *
 * It does clone3 with Bulkhead's namespaces, the cgroup writes, an overlay over ROOT, pivot_root, exec and wait,
 * and nothing else; then prints one line a start: the microseconds from before the first system call to the
 * reaped child. Directories and cgroups are removed outside of the measured time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
  perror(what);
  exit(1);
}

static double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) die(path);
  close(fd);
}

static int v2;
static char cgroup[3][256];

static void cgroup_make(const char *name) {
  static const char *controllers[] = {"memory", "cpu", "pids"};
  char path[400];
  for (int i = 0; i < (v2 ? 1 : 3); i++) {
    snprintf(cgroup[i], sizeof cgroup[i], "/sys/fs/cgroup/%s%s%s", v2 ? "" : controllers[i], v2 ? "" : "/", name);
    if (mkdir(cgroup[i], 0755) && errno != EEXIST) die(cgroup[i]);
  }
  snprintf(path, sizeof path, "%s/%s", cgroup[0], v2 ? "memory.max" : "memory.limit_in_bytes");
  put(path, "268435456");
  if (v2) {
    snprintf(path, sizeof path, "%s/cpu.max", cgroup[0]);
    put(path, "100000 100000");
  } else {
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", cgroup[1]);
    put(path, "100000");
  }
  snprintf(path, sizeof path, "%s/pids.max", cgroup[v2 ? 0 : 2]);
  put(path, "100");
}

int main(int argc, char **argv) {
  if (argc != 5) return fprintf(stderr, "usage: floor ROOT SCRATCH CGROUP COUNT\n"), 2;
  v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
  for (int n = 0, count = atoi(argv[4]); n < count; n++) {
    char upper[300], work[300], merged[300], options[1200], name[200], path[400];
    snprintf(upper, sizeof upper, "%s/u%d", argv[2], n);
    snprintf(work, sizeof work, "%s/w%d", argv[2], n);
    snprintf(merged, sizeof merged, "%s/m", argv[2]);
    snprintf(name, sizeof name, "%s-%d", argv[3], n);
    mkdir(merged, 0755);

    double start = now_us();
    if (mkdir(upper, 0755) || mkdir(work, 0700)) die("mkdir");
    cgroup_make(name);
    int go[2], into = -1;
    if (pipe2(go, O_CLOEXEC)) die("pipe2");
    struct clone_args args = {
        .flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWTIME,
        .exit_signal = SIGCHLD,
    };
    if (v2) {
      into = open(cgroup[0], O_DIRECTORY | O_CLOEXEC);
      args.flags |= CLONE_INTO_CGROUP | CLONE_NEWCGROUP;
      args.cgroup = (uint64_t)into;
    }
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) die("clone3");
    if (pid == 0) {
      char byte;
      if (read(go[0], &byte, 1) != 1) _exit(1);
      if (!v2) {
        for (int i = 0; i < 3; i++) {
          snprintf(path, sizeof path, "%s/tasks", cgroup[i]);
          put(path, "0");
        }
        if (unshare(CLONE_NEWCGROUP)) die("unshare cgroup");
      }
      if (setresgid(0, 0, 0) || setresuid(0, 0, 0)) die("setresuid");
      if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) die("private");
      snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s,userxattr", argv[1], upper, work);
      if (mount("overlay", merged, "overlay", 0, options)) die("overlay");
      if (chdir(merged)) die("chdir");
      if (syscall(SYS_pivot_root, ".", ".")) die("pivot_root");
      if (umount2(".", MNT_DETACH)) die("umount");
      execl("/bin/true", "true", (char *)NULL);
      die("exec");
    }
    char map[64];
    snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
    snprintf(map, sizeof map, "0 0 65536");
    put(path, map);
    snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
    put(path, map);
    if (write(go[1], "g", 1) != 1) die("go");
    int status;
    if (waitpid(pid, &status, 0) != pid) die("waitpid");
    double took = now_us() - start;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return fprintf(stderr, "child failed: %x\n", status), 1;
    printf("%.0f\n", took);

    close(go[0]);
    close(go[1]);
    if (into >= 0) close(into);
    for (int i = 0; i < (v2 ? 1 : 3); i++)
      for (int tries = 0; rmdir(cgroup[i]) && errno == EBUSY && tries < 100; tries++) usleep(1000);
    snprintf(path, sizeof path, "%s/work", work);
    rmdir(path);
    rmdir(work);
    rmdir(upper);
  }
  return 0;
}
