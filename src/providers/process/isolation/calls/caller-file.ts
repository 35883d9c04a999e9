// SPDX-License-Identifier: Apache-2.0
// A program of some three hundred bytes that makes the system calls of a list, one after the other, and so is all
// programs that would otherwise stand between a container's stage and its program. It decides nothing: the
// list comes on descriptor 0, a nameless file that only its maker has written to. In C:
//   write the name in the list's head over argv[0], which all may read, and zeros to its end
//   for (call = mmap(listAddress, …, 0, 0) + 32; ; ) {
//     if (call->number == WAIT) exit with what process a0 ends with, and bury others meanwhile
//     if (call->number == COMPARE) result = is field 22 at a0, in a1 bytes of /proc/<pid>/stat, the text at a2? 0 : -ESRCH
//     else *call->resultAt = result = syscall(call->number, a0 … a5)
//     if (result < 0 && !call->whenNegative) say call->complaint with the error's number in it, exit 125
//     call = result > 0 && call->whenPositive ?: result < 0 && call->whenNegative ?: call + 1
//   }
import { elfFile } from '../../../../util/elf-file.ts'
import type { FilterArchitecture } from '../seccomp/filter-program.ts'
import { amd64Caller } from './caller-amd64.ts'
import { arm64Caller } from './caller-arm64.ts'

/** Where the list lies in the program's memory, and how much there is room for. */
export const listAddress = 0x1000_0000
export const maxListBytes = 0x400_0000

/** What its command line shows in place of a path of the host; it has room for seven letters. */
export const callerName = 'sandbox'

/** What is no system call: see above. */
export const specialCalls = { wait: 0x1_0000, compare: 0x1_0001 } as const

/** Makes the calls of a list that it finds on descriptor 0. */
export interface Caller {
  readonly path: string
  readonly architecture: FilterArchitecture
  /** Number of the last capability that the kernel knows. */
  readonly lastCapability: number
}

/** The executable file. */
export function callerFile(architecture: FilterArchitecture): Buffer {
  return architecture === 'x64'
    ? elfFile('amd64', { code: () => amd64Caller })
    : elfFile('arm64', { code: () => arm64Caller })
}
