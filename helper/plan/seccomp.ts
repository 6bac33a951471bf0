/**
 * The default seccomp filter: what no rule allows fails with EPERM. Groups say what a call is for; a call that is not
 * here reaches into the kernel's own workings (mounts, modules, keys, tracing of the kernel, new namespaces) or is a
 * large surface that containers seldom need (io_uring, userfaultfd, bpf).
 */
import type { Seccomp, SeccompSyscall } from './runtimeSpec.ts'

const EPERM = 1
const ENOSYS = 38

const groups = {
  files: `access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
    fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync
    fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate
    ftruncate64 futimesat getcwd getdents getdents64 getxattr getxattrat ioctl lchown lchown32 lgetxattr link linkat
    listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat
    name_to_handle_at newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read
    readahead readlink readlinkat readv removexattr removexattrat rename renameat renameat2 rmdir sendfile sendfile64
    setxattr setxattrat splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range syncfs tee
    truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev`,
  waiting: `epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
    eventfd2 inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents
    io_pgetevents io_pgetevents_time64 io_setup io_submit _newselect poll ppoll ppoll_time64 pselect6 pselect6_time64
    select signalfd signalfd4 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64`,
  memory: `brk cachestat get_mempolicy madvise map_shadow_stack mbind membarrier memfd_create memfd_secret mincore mlock
    mlock2 mlockall mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect
    process_madvise process_mrelease remap_file_pages set_mempolicy set_mempolicy_home_node`,
  processes: `arch_prctl capget capset execve execveat exit exit_group fork getpgid getpgrp getpid getppid getpriority
    getrlimit getrusage getsid gettid get_thread_area kcmp kill modify_ldt pause pidfd_getfd pidfd_open
    pidfd_send_signal prctl prlimit64 process_vm_readv process_vm_writev ptrace restart_syscall rseq
    sched_getaffinity sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min
    sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr
    sched_setparam sched_setscheduler sched_yield seccomp setpgid setpriority setrlimit setsid set_thread_area
    set_tid_address sysinfo tgkill times tkill ugetrlimit uname vfork wait4 waitid waitpid`,
  identity: `getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32 getresuid
    getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setregid
    setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32`,
  signals: `alarm getitimer rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
    rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo setitimer sigaction sigaltstack signal sigpending
    sigprocmask sigreturn sigsuspend`,
  threads: `futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake get_robust_list set_robust_list getcpu`,
  time: `adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 gettimeofday nanosleep time timer_create timer_delete timer_getoverrun
    timer_gettime timer_gettime64 timer_settime timer_settime64`,
  sockets: `accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg
    recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketpair`,
  ipc: `ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
    mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`,
  /** Each still asks the kernel for a capability, or limits the caller itself. */
  limited: `chroot getrandom ioprio_get ioprio_set landlock_add_rule landlock_create_ruleset landlock_restrict_self
    lsm_get_self_attr lsm_list_modules lsm_set_self_attr riscv_hwprobe`,
} as const

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const newNamespaces = 0x7e02_0000

/** personality(2): Linux, 32-bit, and each without address randomisation; and the query. */
const personalities = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff]

const AF_ALG = 38
const AF_VSOCK = 40

const conditional: readonly SeccompSyscall[] = [
  ...personalities.map((value): SeccompSyscall => ({
    names: ['personality'],
    action: 'SCMP_ACT_ALLOW',
    args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
  })),
  {
    names: ['clone'],
    action: 'SCMP_ACT_ALLOW',
    args: [{ index: 0, value: newNamespaces, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
  },
  // Its flags lie in memory where a filter cannot look: C libraries fall back to clone.
  { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
  // All families but AF_ALG and AF_VSOCK: the first has let containers write to each other's page cache, the second
  // reaches the hypervisor. socketcall(2), whose arguments lie in memory too, is not allowed at all.
  { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: AF_ALG, op: 'SCMP_CMP_LT' }] },
  { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: AF_ALG + 1, op: 'SCMP_CMP_EQ' }] },
  { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: AF_VSOCK, op: 'SCMP_CMP_GT' }] },
]

export const defaultSeccomp: Seccomp = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: EPERM,
  syscalls: [
    ...Object.values(groups).map((names): SeccompSyscall => ({ names: names.split(/\s+/), action: 'SCMP_ACT_ALLOW' })),
    ...conditional,
  ],
}
