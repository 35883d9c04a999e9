// SPDX-License-Identifier: Apache-2.0
// A program of some three hundred bytes that puts a filter on itself and becomes the program in its arguments.
// No tool that every Linux has does that where it must be done: after rights have been given up, for each
// command that is run in a container later, and with nothing left behind. It reads no file, looks nothing
// up and needs no library; docs/decisions/0012-a-filter-after-the-rights.md says what was weighed. In C:
//   prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 || _exit(126);
//   syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 || _exit(126);
//   execve(argv[1], argv + 1, environ); _exit(126);
import {
  elfFile,
  int32,
  movkUpper,
  movz,
  supervisorCall,
  type Architecture,
} from '../../../../util/elf-file.ts'
import { encode, type Instruction } from './bpf.ts'
import type { FilterArchitecture } from './filter-program.ts'

/** `struct sock_fprog`: a count, and a pointer after padding. */
const countBytes = 16

const programs: Readonly<
  Record<FilterArchitecture, readonly [Architecture, (countAddress: number) => readonly number[]]>
> = { x64: ['amd64', amd64Code], arm64: ['arm64', arm64Code] }

/** The executable file for a filter. */
export function starterFile(
  filter: readonly Instruction[],
  architecture: FilterArchitecture,
): Buffer {
  const [machine, code] = programs[architecture]
  const data = (address: number): Buffer => {
    const count = Buffer.alloc(countBytes)
    count.writeUInt16LE(filter.length, 0)
    count.writeBigUInt64LE(BigInt(address + countBytes), 8)
    return Buffer.concat([count, encode(filter)])
  }
  return elfFile(machine, { code, data })
}

function amd64Code(countAddress: number): readonly number[] {
  return [
    [0xb8, ...int32(157)], //               mov  eax, 157          prctl
    [0xbf, ...int32(38)], //                mov  edi, 38           PR_SET_NO_NEW_PRIVS
    [0xbe, ...int32(1)], //                 mov  esi, 1
    [0x31, 0xd2], //                        xor  edx, edx
    [0x4d, 0x31, 0xd2], //                  xor  r10, r10
    [0x4d, 0x31, 0xc0], //                  xor  r8, r8
    [0x0f, 0x05], //                        syscall
    [0x85, 0xc0], //                        test eax, eax
    [0x75, 46], //                          jnz  fail              over 46 bytes
    [0xb8, ...int32(317)], //               mov  eax, 317          seccomp
    [0xbf, ...int32(1)], //                 mov  edi, 1            SECCOMP_SET_MODE_FILTER
    [0x31, 0xf6], //                        xor  esi, esi
    [0xba, ...int32(countAddress)], //      mov  edx, countAddress
    [0x0f, 0x05], //                        syscall
    [0x85, 0xc0], //                        test eax, eax
    [0x75, 23], //                          jnz  fail              over 23 bytes
    [0x48, 0x8b, 0x0c, 0x24], //            mov  rcx, [rsp]        argc
    [0x48, 0x8d, 0x74, 0x24, 16], //        lea  rsi, [rsp+16]     argv + 1
    [0x48, 0x8b, 0x3e], //                  mov  rdi, [rsi]
    [0x48, 0x8d, 0x14, 0xce], //            lea  rdx, [rsi+rcx*8]  environ
    [0xb8, ...int32(59)], //                mov  eax, 59           execve
    [0x0f, 0x05], //                        syscall
    // fail:
    [0xbf, ...int32(126)], //               mov  edi, 126
    [0xb8, ...int32(231)], //               mov  eax, 231          exit_group
    [0x0f, 0x05], //                        syscall
  ].flat()
}

function arm64Code(countAddress: number): readonly number[] {
  return [
    movz(8, 167), //                        mov  x8, #167          prctl
    movz(0, 38), //                         mov  x0, #38           PR_SET_NO_NEW_PRIVS
    movz(1, 1), //                          mov  x1, #1
    movz(2, 0), //                          mov  x2, #0
    movz(3, 0), //                          mov  x3, #0
    movz(4, 0), //                          mov  x4, #0
    supervisorCall, //                      svc  #0
    failsUnlessZero(14), //                 cbnz x0, fail          14 instructions on
    movz(8, 277), //                        mov  x8, #277          seccomp
    movz(0, 1), //                          mov  x0, #1            SECCOMP_SET_MODE_FILTER
    movz(2, countAddress & 0xffff), //      mov  x2, #countAddress, low half
    movkUpper(2, countAddress >>> 16), //   movk x2, #countAddress, high half, lsl #16
    movz(1, 0), //                          mov  x1, #0
    supervisorCall, //                      svc  #0
    failsUnlessZero(7), //                  cbnz x0, fail          7 instructions on
    0xf94003f3, //                          ldr  x19, [sp]         argc
    0x910043e1, //                          add  x1, sp, #16       argv + 1
    0xf9400020, //                          ldr  x0, [x1]
    0x8b130c22, //                          add  x2, x1, x19, lsl #3   environ
    movz(8, 221), //                        mov  x8, #221          execve
    supervisorCall, //                      svc  #0
    // fail:
    movz(0, 126), //                        mov  x0, #126
    movz(8, 94), //                         mov  x8, #94           exit_group
    supervisorCall, //                      svc  #0
  ].flatMap(int32)
}

function failsUnlessZero(further: number): number {
  return 0xb5000000 | (further << 5)
}
