// SPDX-License-Identifier: Apache-2.0
// What stands between bwrap and the program in a container makes calls of its own: it gives up rights, becomes
// the user, puts the real filter on. A profile need not know of them. None reaches past the container, so
// bwrap's own process in there, which a program may come to control, can keep them.
import { verdicts, type SeccompProfile } from './seccomp-profile.ts'

const names = `
  access arch_prctl brk capget capset close dup dup2 dup3 execve exit_group faccessat faccessat2 fcntl
  fstat futex getegid geteuid getgid getgroups getpgid getpgrp getpid getppid getrandom getsid getuid ioctl
  lseek mmap mprotect munmap newfstatat open openat pread64 prctl prlimit64 read readlink readlinkat rseq
  rt_sigaction rt_sigprocmask rt_sigreturn seccomp set_robust_list set_tid_address setgid setgroups setregid
  setresgid setresuid setreuid setsid setuid stat statx uname wait4 write
`

/** The profile, for what runs before the program. */
export function withStartingCalls({ otherwise, rules }: SeccompProfile): SeccompProfile {
  const starting = new Set(names.split(/\s+/).filter(Boolean))
  const others = rules.map((rule) => ({
    ...rule,
    names: rule.names.filter((name) => !starting.has(name)),
  }))
  return {
    otherwise,
    rules: [{ names: [...starting], verdict: verdicts.allow, tests: [] }, ...others],
  }
}
