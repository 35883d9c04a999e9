// SPDX-License-Identifier: Apache-2.0
// The profile of containers that ask for RuntimeDefault: what programs are written for, as engines of
// containers have it, so that one that runs there runs here. Left out is what speaks to the kernel about more
// than the container: namespaces, mounts, modules, keys, other programs' insides, io_uring, unusual sockets. A
// capability brings back what it stands for.
import {
  enosys,
  eperm,
  failsWith,
  verdicts,
  type ArgumentTest,
  type SeccompProfile,
  type SyscallRule,
} from './seccomp-profile.ts'

/** Harmless with any capability, by what they are about. */
const allowed = `
  access faccessat faccessat2 chdir fchdir getcwd chmod fchmod fchmodat fchmodat2 chown fchown fchownat lchown
  creat open openat openat2 close close_range dup dup2 dup3 fcntl flock ioctl umask
  read readv pread64 preadv preadv2 readahead write writev pwrite64 pwritev pwritev2 lseek
  copy_file_range sendfile splice tee vmsplice fadvise64 fallocate truncate ftruncate
  sync syncfs fsync fdatasync sync_file_range cachestat
  stat fstat lstat newfstatat statx statfs fstatfs statmount listmount name_to_handle_at
  getdents getdents64 mkdir mkdirat rmdir link linkat symlink symlinkat readlink readlinkat
  rename renameat renameat2 unlink unlinkat mknod mknodat utime utimes utimensat futimesat
  getxattr getxattrat fgetxattr lgetxattr setxattr setxattrat fsetxattr lsetxattr
  listxattr listxattrat flistxattr llistxattr removexattr removexattrat fremovexattr lremovexattr
  inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark

  pipe pipe2 poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_ctl_old
  epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4
  io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents ioprio_get ioprio_set

  socketpair bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt
  sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg

  brk mmap mremap munmap mprotect madvise msync mincore mlock mlock2 mlockall munlock munlockall mseal
  memfd_create memfd_secret membarrier remap_file_pages map_shadow_stack pkey_alloc pkey_free pkey_mprotect
  shmget shmat shmdt shmctl semget semop semctl semtimedop msgget msgsnd msgrcv msgctl
  mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr

  fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill pause restart_syscall
  rt_sigaction rt_sigprocmask rt_sigpending rt_sigqueueinfo rt_tgsigqueueinfo rt_sigreturn rt_sigsuspend
  rt_sigtimedwait sigaltstack uretprobe pidfd_open pidfd_send_signal process_mrelease
  getpid getppid gettid getpgid getpgrp getsid setpgid setsid set_tid_address set_robust_list get_robust_list
  rseq futex futex_wait futex_wake futex_waitv futex_requeue arch_prctl modify_ldt set_thread_area
  get_thread_area prctl seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self
  ptrace process_vm_readv process_vm_writev

  getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid
  setresgid setfsuid setfsgid setgroups capget capset
  getpriority setpriority getrlimit setrlimit prlimit64 getrusage getcpu sysinfo times uname getrandom
  sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
  sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval

  time gettimeofday clock_gettime clock_getres clock_nanosleep clock_adjtime adjtimex nanosleep alarm
  getitimer setitimer timer_create timer_delete timer_gettime timer_settime timer_getoverrun
  timerfd_create timerfd_gettime timerfd_settime
`

/** What each capability brings back; without its `CAP_`. */
const byCapability: Readonly<Record<string, string>> = {
  BPF: 'bpf',
  DAC_READ_SEARCH: 'open_by_handle_at',
  PERFMON: 'perf_event_open',
  SYSLOG: 'syslog',
  SYS_ADMIN: `
    bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr
    lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl
    quotactl_fd setdomainname sethostname setns syslog umount2 unshare`,
  SYS_BOOT: 'reboot',
  SYS_CHROOT: 'chroot',
  SYS_MODULE: 'init_module finit_module delete_module',
  SYS_NICE: 'get_mempolicy set_mempolicy set_mempolicy_home_node mbind',
  SYS_PACCT: 'acct',
  SYS_PTRACE: 'kcmp pidfd_getfd process_madvise',
  SYS_RAWIO: 'iopl ioperm',
  SYS_TIME: 'settimeofday clock_settime',
  SYS_TTY_CONFIG: 'vhangup',
}

/** CLONE_NEW* of linux/sched.h, all but CLONE_NEWTIME, which clone does not take. */
const newNamespaces = 0x7e02_0000n

/**
 * Families of sockets, as ranges; all others fail. Among these are some that reach past the container
 * (AF_VSOCK, 40) or that are known for holes in the kernel and for little else (AF_ALG, 38).
 */
const socketFamilies: readonly (readonly [number, number])[] = [
  [0, 11],
  [13, 18],
  [21, 22],
  [24, 24],
  [26, 33],
  [35, 36],
  [39, 39],
  [41, 45],
]

/** Linux, Linux with 16-bit uids' names (PER_LINUX32), UNAME26 with both, and the question which it is. */
const personalities = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff]

/** RuntimeDefault for a container that can have these capabilities at most. */
export function defaultProfile(capabilities: readonly string[]): SeccompProfile {
  const isAdministrator = capabilities.includes('SYS_ADMIN')
  return {
    otherwise: failsWith(eperm),
    rules: [
      rule(namesIn(allowed)),
      rule(capabilities.flatMap((name) => namesIn(byCapability[name] ?? ''))),
      ...personalities.map((value) => rule(['personality'], [int('EQ', value)])),
      ...socketFamilies.map(([from, to]) => rule(['socket'], [int('GE', from), int('LE', to)])),
      ...(isAdministrator ? [] : withoutNamespaces),
    ],
  }
}

/** A filter cannot look into what clone3 is given; without it, programs use clone. */
const withoutNamespaces: readonly SyscallRule[] = [
  rule(['clone'], [{ index: 0, op: 'MASKED_EQ', mask: newNamespaces, value: 0n }]),
  { names: ['clone3'], verdict: failsWith(enosys), tests: [] },
]

function rule(names: readonly string[], tests: readonly ArgumentTest[] = []): SyscallRule {
  return { names, verdict: verdicts.allow, tests }
}

function int(op: 'EQ' | 'GE' | 'LE', value: number): ArgumentTest {
  return { index: 0, op, value: BigInt(value), isInt: true }
}

function namesIn(text: string): readonly string[] {
  return text.split(/\s+/).filter(Boolean)
}
