// The container's side of a plan: what the cloned process does to itself before exec.
#pragma once
#include "../plan/operations.h"
#include "fail.h"
#include "fd.h"

// What the operations of the container process share. All descriptors are close-on-exec.
struct Container {
  int watcher;           // SOCK_SEQPACKET to the watcher: see `channel.h`
  const int *tasks;      // v1: `tasks` files to write 0 to
  int tasks_count;
  bool user_namespace;
  int joined;            // exec: pidfd of the container's first process; -1 when the container is being made
  int stdio[3];          // what exec gets as 0, 1, 2
  Fd root;               // the overlay, attached
  Fd aside;              // a tmpfs under the root: generated files, and the empty directory that masks
  Fd null;               // the host's /dev/null, checked
  Fd masked;             // a read-only clone of the empty directory, attached
  char home[256];        // the user's, from /etc/passwd
  bool init;             // the first process stays, and the command is its child
};

// Carries out one operation. exec returns only when it failed.
Outcome carry_out(Container &container, plan::Code code, plan::Reader fields);

// mounts.cc
Outcome make_mounts_private();
Outcome attach_root(Container &container);
Outcome mount_file_system(Container &container, const plan::Mount &mount);
Outcome bind_directory(Container &container, const plan::Bind &bind);
Outcome attach_mount(Container &container, const plan::AttachMount &mount);
Outcome mount_tmpfs(Container &container, const plan::MountTmpfs &mount);
Outcome set_sysctl(Container &container, const plan::SetSysctl &sysctl);
Outcome bind_device(Container &container, const plan::BindDevice &device);
Outcome make_symlink(Container &container, const plan::Symlink &symlink);
Outcome bind_file(Container &container, const plan::BindFile &file);
Outcome mask_path(Container &container, const char *path);
Outcome make_path_read_only(Container &container, const char *path);
Outcome open_terminal(Container &container, const plan::OpenTerminal &terminal);
Outcome pivot_root(Container &container);
Outcome set_root_attributes(uint64_t attributes);

// identity.cc
Outcome become_root_of_user_namespace(Container &container);
Outcome limit_capabilities(uint64_t bounding);
Outcome set_user(Container &container, const plan::SetUser &user);
Outcome set_capabilities(uint64_t effective);
Outcome install_seccomp_filter(plan::Bytes program);

// process.cc
Outcome set_loopback_up();
Outcome configure_link(Container &container, const plan::ConfigureLink &link);
Outcome set_working_directory(const char *path);
Outcome execute(Container &container, const plan::Exec &exec);
