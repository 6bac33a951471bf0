#include "container.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace {

// v1 has no CLONE_INTO_CGROUP. Writing 0 to `tasks` moves just the writer, and (unlike a pid, or cgroup.procs) does
// not wait for the kernel's global thread-group lock, which costs milliseconds.
Outcome enter_cgroup(const Container &container) {
  for (int i = 0; i < container.tasks_count; i++)
    if (write(container.tasks[i], "0", 1) != 1) return FAIL("tasks of hierarchy %d", i);
  return ok();
}

// From here on the root, and every path, are the container's.
Outcome join_namespaces(Container &container, uint64_t flags) {
  if (flags != 0 && setns(container.joined, static_cast<int>(flags)) != 0)
    return FAIL("namespaces %#llx", static_cast<unsigned long long>(flags));
  container.user_namespace = (flags & CLONE_NEWUSER) != 0;
  container.root.reset(open("/", O_PATH | O_CLOEXEC));
  return container.root.valid() ? ok() : FAIL("/");
}

Outcome set_rlimit(const plan::SetRlimit &limit) {
  rlimit value{limit.soft, limit.hard};
  return setrlimit(static_cast<__rlimit_resource_t>(limit.resource), &value) == 0
             ? ok()
             : FAIL("resource %u to %llu", limit.resource, static_cast<unsigned long long>(limit.hard));
}

}  // namespace

Outcome carry_out(Container &container, plan::Code code, plan::Reader fields) {
  using plan::Code;
  switch (code) {
    case Code::kEnterCgroup:
      return enter_cgroup(container);
    case Code::kJoinNamespaces:
      return join_namespaces(container, plan::JoinNamespaces(fields).flags);
    case Code::kNewCgroupNamespace:
      return unshare(CLONE_NEWCGROUP) == 0 ? ok() : FAIL("unshare");
    case Code::kBecomeRootOfUserNamespace:
      return become_root_of_user_namespace(container);
    case Code::kSetHostname: {
      plan::SetHostname name(fields);
      return sethostname(name.hostname, strlen(name.hostname)) == 0 ? ok() : FAIL("%s", name.hostname);
    }
    case Code::kSetLoopbackUp:
      return set_loopback_up();
    case Code::kConfigureLink:
      return configure_link(container, plan::ConfigureLink(fields));
    case Code::kMakeMountsPrivate:
      return make_mounts_private();
    case Code::kAttachRoot:
      return attach_root(container);
    case Code::kMount:
      return mount_file_system(container, plan::Mount(fields));
    case Code::kBind:
      return bind_directory(container, plan::Bind(fields));
    case Code::kBindDevice:
      return bind_device(container, plan::BindDevice(fields));
    case Code::kSymlink:
      return make_symlink(container, plan::Symlink(fields));
    case Code::kAttachMount:
      return attach_mount(container, plan::AttachMount(fields));
    case Code::kMountTmpfs:
      return mount_tmpfs(container, plan::MountTmpfs(fields));
    case Code::kSetSysctl:
      return set_sysctl(container, plan::SetSysctl(fields));
    case Code::kBindFile:
      return bind_file(container, plan::BindFile(fields));
    case Code::kMaskPath:
      return mask_path(container, plan::MaskPath(fields).path);
    case Code::kMakePathReadOnly:
      return make_path_read_only(container, plan::MakePathReadOnly(fields).path);
    case Code::kOpenTerminal:
      return open_terminal(container, plan::OpenTerminal(fields));
    case Code::kPivotRoot:
      return pivot_root(container);
    case Code::kSetRootAttributes:
      return set_root_attributes(plan::SetRootAttributes(fields).attributes);
    case Code::kSetRlimit:
      return set_rlimit(plan::SetRlimit(fields));
    case Code::kLimitCapabilities:
      return limit_capabilities(plan::LimitCapabilities(fields).bounding);
    case Code::kSetUser:
      return set_user(container, plan::SetUser(fields));
    case Code::kSetCapabilities:
      return set_capabilities(plan::SetCapabilities(fields).effective);
    case Code::kSetNoNewPrivs:
      return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? ok() : FAIL("prctl");
    case Code::kStartInit:
      container.init = true;
      return ok();
    case Code::kSetWorkingDirectory:
      return set_working_directory(plan::SetWorkingDirectory(fields).path);
    case Code::kInstallSeccompFilter:
      return install_seccomp_filter(plan::InstallSeccompFilter(fields).program);
    case Code::kExec:
      return execute(container, plan::Exec(fields));
    case Code::kWatch:
    case Code::kCreateCgroup:
    case Code::kSetCgroupLimit:
    case Code::kJoinContainer:
    case Code::kUseCgroup:
    case Code::kNewMountNamespaceForLayers:
    case Code::kNewNamespaces:
    case Code::kMapIds:
    case Code::kAddLayer:
    case Code::kRecordOpens:
    case Code::kMountOverlay:
    case Code::kJoinNetwork:
    case Code::kOpenSource:
    case Code::kConnectNetwork:
      break;
  }
  return fail_with(ENOSYS, "operation %u is not the container's", static_cast<unsigned>(code));
}
