// A limit of bytes for everything below some directories: a project quota (quotactl(2), ioctl_fs(2) FS_IOC_FSSETXATTR).
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "errors.h"

#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif

Napi::Value set_project_quota(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Napi::Array directories = info[0].As<Napi::Array>();
  uint32_t project = info[1].As<Napi::Number>();
  uint64_t bytes = static_cast<uint64_t>(info[2].As<Napi::Number>().Int64Value());
  for (uint32_t i = 0; i < directories.Length(); i++) {
    std::string path = directories.Get(i).As<Napi::String>();
    int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) throw system_error(env, "open", path, errno);
    if_dqblk limit{};
    limit.dqb_bhardlimit = (bytes + QIF_DQBLKSIZE - 1) / QIF_DQBLKSIZE;
    limit.dqb_valid = QIF_BLIMITS;
    fsxattr attributes{};
    bool done = syscall(SYS_quotactl_fd, fd, QCMD(Q_SETQUOTA, PRJQUOTA), project, &limit) == 0 &&
                ioctl(fd, FS_IOC_FSGETXATTR, &attributes) == 0;
    attributes.fsx_projid = project;
    attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    done = done && ioctl(fd, FS_IOC_FSSETXATTR, &attributes) == 0;
    int error = errno;
    close(fd);
    if (!done) throw system_error(env, "set quota", path, error);
  }
  return env.Undefined();
}
