// SPDX-License-Identifier: Apache-2.0
// What a seccomp profile says, whoever wrote it: a verdict for each system call, by its arguments where the
// profile looks at them. Verdicts are the kernel's own numbers (linux/seccomp.h).

/** What the kernel does with a call: SECCOMP_RET_* with its data. */
export type Verdict = number

export const verdicts = {
  killThread: 0,
  killProcess: 0x8000_0000,
  trap: 0x0003_0000,
  log: 0x7ffc_0000,
  allow: 0x7fff_0000,
} as const

/** The call fails with this errno. */
export function failsWith(errno: number): Verdict {
  return 0x0005_0000 + (errno & 0xffff)
}

/** A tracer is asked, and told this number. */
export function asksTracer(data: number): Verdict {
  return 0x7ff0_0000 + (data & 0xffff)
}

export const eperm = 1
export const enosys = 38

export type Comparison =
  | { readonly op: 'NE' | 'LT' | 'LE' | 'EQ' | 'GE' | 'GT'; readonly value: bigint }
  | { readonly op: 'MASKED_EQ'; readonly mask: bigint; readonly value: bigint }

/** A look at one argument, all 64 bits of it unless it is an int, of which the kernel takes the lower half. */
export type ArgumentTest = Comparison & { readonly index: number; readonly isInt?: true }

/** The verdict of calls of these names whose arguments pass all tests. */
export interface SyscallRule {
  readonly names: readonly string[]
  readonly verdict: Verdict
  readonly tests: readonly ArgumentTest[]
}

/**
 * Rules by their rank: one without tests stands above those with tests, and else the first one that fits
 * counts. A rule that says what counts anyway (`otherwise`) says nothing.
 */
export interface SeccompProfile {
  readonly otherwise: Verdict
  readonly rules: readonly SyscallRule[]
}
