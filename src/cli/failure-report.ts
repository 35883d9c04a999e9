// SPDX-License-Identifier: Apache-2.0
// What a person reads of an error that ends a command, and its exit code. A stack is for faults of this
// program alone: a mistake of the user's, a refusal by the API server and a machine that is out of
// something are each a line, and where there is something to do about it, one more.
import { ApiError } from '../kube/api-error.ts'
import { messageOf, UserError, VkError } from '../util/vk-error.ts'

/** How a command ends that failed. */
export interface FailureReport {
  /** 2 for a mistake in what the user gave, else 1. */
  readonly exitCode: 1 | 2
  /** Whole lines, for standard error. */
  readonly text: string
}

/** Tells of whatever was thrown. */
export function failureReport(error: unknown): FailureReport {
  if (error instanceof UserError) {
    return { exitCode: 2, text: lines(error.message, error.hint) }
  }
  if (error instanceof ApiError || (error instanceof VkError && error.code !== 'Internal')) {
    return { exitCode: 1, text: lines(messageOf(error)) }
  }
  const lack = lackOf(error)
  if (lack) {
    return {
      exitCode: 1,
      text: lines(`Cannot go on: ${lack.what} (${messageOf(error)})`, lack.hint),
    }
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { exitCode: 1, text: lines(stack) }
}

interface Lack {
  readonly what: string
  readonly hint?: string
}

const elsewhere = '--data-dir, --root-dir or TMPDIR'

/** What the machine has too little of, by the code of the system call that failed. */
const lacks: Readonly<Record<string, Lack>> = {
  ENOSPC: { what: 'the disk is full', hint: `Make room there, or name another one: ${elsewhere}.` },
  EDQUOT: {
    what: "this user's share of the disk is used up",
    hint: `Make room there, or name another one: ${elsewhere}.`,
  },
  EROFS: {
    what: 'the file system is read-only',
    hint: `Name a directory that can be written to: ${elsewhere}.`,
  },
  EACCES: { what: 'this user may not do that', hint: `Own files can be elsewhere: ${elsewhere}.` },
  EPERM: { what: 'this user may not do that' },
  EIO: { what: 'the disk does not work' },
  EMFILE: { what: 'too many files are open', hint: 'Raise the limit with: ulimit -n' },
  ENFILE: { what: 'too many files are open on this machine' },
  ENOMEM: { what: 'the machine has no memory left' },
  EAGAIN: {
    what: 'this user may start no more processes',
    hint: 'Raise the limit with: ulimit -u',
  },
}

function lackOf(error: unknown): Lack | undefined {
  const { code, syscall } = error as NodeJS.ErrnoException
  if (!(error instanceof Error) || syscall === undefined || code === undefined) return undefined
  return Object.hasOwn(lacks, code) ? lacks[code] : undefined
}

function lines(...parts: readonly (string | undefined)[]): string {
  return parts.map((part) => (part ? `${part}\n` : '')).join('')
}
