/**
 * System calls that containers may use under the default seccomp profile, by what they are for. A name that the
 * host's libseccomp or kernel doesn't know is skipped by the runtime, so calls of all architectures stand together.
 *
 * Kept from all containers, whatever their capabilities: io_uring (its requests pass by the filter), keyrings (they
 * know no namespaces), userfaultfd, kexec and swap.
 */

/** For every container, without a look at the arguments. */
export const everyday: Readonly<Record<string, string>> = {
  processes:
    "execve execveat exit exit_group fork vfork wait4 waitid waitpid kill tkill tgkill getpid getppid " +
    "gettid getpgid getpgrp setpgid getsid setsid getrusage times getpriority setpriority ioprio_get ioprio_set " +
    "getrlimit ugetrlimit setrlimit prlimit64 prctl seccomp umask sysinfo uname getcpu pidfd_open " +
    "pidfd_send_signal process_mrelease set_tid_address set_robust_list get_robust_list get_thread_area " +
    "set_thread_area rseq restart_syscall pause",
  scheduling: "sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam " +
    "sched_setparam sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min " +
    "sched_rr_get_interval sched_rr_get_interval_time64 membarrier",
  locks: "futex futex_time64 futex_wait futex_waitv futex_wake futex_requeue",
  memory:
    "brk mmap mmap2 munmap mremap mprotect msync madvise mincore mlock mlock2 mlockall munlock munlockall " +
    "mseal memfd_create memfd_secret remap_file_pages map_shadow_stack pkey_alloc pkey_free pkey_mprotect",
  users:
    "getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid " +
    "setresgid setfsuid setfsgid setgroups getuid32 geteuid32 getgid32 getegid32 getresuid32 getresgid32 " +
    "getgroups32 setuid32 setgid32 setreuid32 setregid32 setresuid32 setresgid32 setfsuid32 setfsgid32 " +
    "setgroups32 capget capset",
  signals:
    "rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait " +
    "rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn signalfd signalfd4 uretprobe",
  opening: "open openat openat2 creat close close_range dup dup2 dup3 pipe pipe2 fcntl fcntl64 flock ioctl " +
    "name_to_handle_at",
  reading:
    "read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek readahead " +
    "fadvise64 fadvise64_64 sendfile sendfile64 splice tee vmsplice copy_file_range",
  sizes:
    "truncate truncate64 ftruncate ftruncate64 fallocate sync syncfs fsync fdatasync sync_file_range cachestat",
  directories:
    "chdir fchdir getcwd getdents getdents64 mkdir mkdirat rmdir link linkat symlink symlinkat unlink " +
    "unlinkat rename renameat renameat2 readlink readlinkat mknod mknodat",
  attributes:
    "access faccessat faccessat2 stat stat64 fstat fstat64 fstatat64 newfstatat lstat lstat64 statx " +
    "statfs statfs64 fstatfs fstatfs64 statmount listmount chmod fchmod fchmodat fchmodat2 chown chown32 fchown " +
    "fchown32 fchownat lchown lchown32 utime utimes futimesat utimensat utimensat_time64",
  extendedAttributes:
    "getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat listxattr " +
    "llistxattr flistxattr listxattrat removexattr lremovexattr fremovexattr removexattrat",
  waiting: "select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create epoll_create1 " +
    "epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 inotify_init " +
    "inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark io_setup io_destroy io_submit io_cancel " +
    "io_getevents io_pgetevents io_pgetevents_time64",
  // "adjtimex" and "clock_adjtime" only read, without CAP_SYS_TIME.
  time:
    "time gettimeofday adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime " +
    "clock_gettime64 clock_nanosleep clock_nanosleep_time64 nanosleep alarm getitimer setitimer timer_create " +
    "timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create " +
    "timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64",
  // Not "socket" itself: its families are chosen. "socketcall" can't be looked into.
  sockets:
    "socketpair socketcall bind listen accept accept4 connect shutdown getsockname getpeername getsockopt " +
    "setsockopt send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64",
  systemV:
    "ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt " +
    "shmget",
  queues: "mq_open mq_unlink mq_notify mq_getsetattr mq_timedsend mq_timedsend_time64 mq_timedreceive " +
    "mq_timedreceive_time64",
  // What a process does to itself: it can only lose.
  selfRestraint: "landlock_create_ruleset landlock_add_rule landlock_restrict_self lsm_get_self_attr " +
    "lsm_set_self_attr lsm_list_modules",
  random: "getrandom",
  // Since Linux 4.8 a traced process can't get around the filter any more.
  tracing: "ptrace process_vm_readv process_vm_writev",
};

/** For containers with a capability in their bounding set. */
export const behind: Readonly<Record<string, string>> = {
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_SYS_ADMIN: "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount " +
    "mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns " +
    "syslog umount umount2 unshare",
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_CHROOT: "chroot",
  CAP_SYS_MODULE: "init_module finit_module delete_module",
  CAP_SYS_NICE: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "kcmp pidfd_getfd process_madvise",
  CAP_SYS_RAWIO: "ioperm iopl",
  CAP_SYS_TIME: "clock_settime clock_settime64 settimeofday stime",
  CAP_SYS_TTY_CONFIG: "vhangup",
  CAP_SYSLOG: "syslog",
  CAP_BPF: "bpf",
  CAP_PERFMON: "perf_event_open",
};

/** What an architecture is called by the kernel's filter, with those it runs too, and calls that it alone has. */
export const architectures: Readonly<Record<string, { filters: string; calls: string }>> = {
  x86_64: { filters: "X86_64 X86 X32", calls: "arch_prctl modify_ldt" },
  aarch64: {
    filters: "ARM AARCH64",
    calls: "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
  },
  riscv64: { filters: "RISCV64", calls: "riscv_flush_icache riscv_hwprobe" },
  ppc64le: { filters: "PPC64LE", calls: "sync_file_range2 swapcontext" },
  s390x: { filters: "S390 S390X", calls: "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr" },
};
