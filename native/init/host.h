// The watcher's side of a plan: what is done as the host's root, outside of the container.
#pragma once
#include <sys/types.h>

#include "../plan/operations.h"
#include "fail.h"
#include "fd.h"

constexpr int kMaxCgroups = 16;
constexpr int kMaxLayers = 128;

// What the operations of the watcher make, in order. Everything is released by `remove_cgroups` and process exit.
struct Host {
  const char *cgroup[kMaxCgroups];  // directories made, for removal and for the OOM count
  int cgroups;
  Fd cgroup_directory;      // the one made last
  Fd unified;               // v2: for CLONE_INTO_CGROUP
  int tasks[kMaxCgroups];   // v1: the `tasks` file of each
  int tasks_count;
  const char *scratch;      // where layers are attached before Linux 6.15, or null
  Fd layer[kMaxLayers];
  int layers;
  pid_t pid;                // the container's first process; 0 before clone3
  Fd joined;                // exec: pidfd of the container's first process
  uint32_t root_uid;        // host ids of the container's root
  uint32_t root_gid;
  Fd user_namespace;
  Fd mount_namespace;       // held so that unmounting, which may flush to disk, comes after the exit is reported
  Fd root;                  // the overlay, held for the same reason
  Fd opens;                 // fanotify on its mount, or nothing
  int channel;              // SOCK_SEQPACKET to the container process
  int stdio[3];             // the container's ends
};

// Carries out one operation of the watcher but `watch` and `new namespaces`, which are main's.
Outcome carry_out(Host &host, plan::Code code, plan::Reader fields);

// Children killed by the kernel for want of memory in the container's cgroups so far (memory.events, memory.oom_control).
uint64_t oom_kills(const Host &host);

// Removes what `create cgroup` made, last first; waits up to a second for a cgroup that is still emptying.
void remove_cgroups(const Host &host);
