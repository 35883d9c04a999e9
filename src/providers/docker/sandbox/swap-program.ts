// SPDX-License-Identifier: Apache-2.0
// A program beside the one that a sandbox runs, for what an engine's API cannot do in a volume: give a file
// another's name in one step, and remove files. `swap FROM TO [OLD…]` ends with 0 when FROM is TO;
// whatever OLD could not be removed (a directory that is not empty) stays.
//
//   if (renameat(AT_FDCWD, FROM, AT_FDCWD, TO) != 0) exit(…)
//   for each OLD: unlink(OLD), rmdir(OLD)
//   exit(0)
import { elfFile, int32, isArchitecture, movz, supervisorCall } from '../../../util/elf-file.ts'

const codes = { amd64: amd64Code, arm64: arm64Code }

/** The file for an architecture (as the engine calls it); undefined for one that is not known here. */
export function swapProgram(architecture: string): Buffer | undefined {
  if (!isArchitecture(architecture)) return undefined
  return elfFile(architecture, { code: codes[architecture] })
}

/** At its start a program finds its arguments' count and then their addresses on the stack. */
function amd64Code(): readonly number[] {
  return [
    [0x48, 0x8b, 0x7c, 0x24, 16], //    mov  rdi, [rsp+16]   FROM
    [0x48, 0x8b, 0x74, 0x24, 24], //    mov  rsi, [rsp+24]   TO
    [0xb8, ...int32(82)], //            mov  eax, 82         rename
    [0x0f, 0x05], //                    syscall
    [0x85, 0xc0], //                    test eax, eax
    [0x75, 35], //                      jnz  exit            over the 35 bytes that follow
    [0x48, 0x8d, 0x5c, 0x24, 32], //    lea  rbx, [rsp+32]   where OLD are
    // again:
    [0x48, 0x8b, 0x3b], //              mov  rdi, [rbx]
    [0x48, 0x85, 0xff], //              test rdi, rdi
    [0x74, 20], //                      jz   done            over 20 bytes
    [0xb8, ...int32(87)], //            mov  eax, 87         unlink
    [0x0f, 0x05], //                    syscall
    [0xb8, ...int32(84)], //            mov  eax, 84         rmdir
    [0x0f, 0x05], //                    syscall
    [0x48, 0x83, 0xc3, 8], //           add  rbx, 8
    [0xeb, 0x100 - 28], //              jmp  again           back over these 28 bytes
    // done:
    [0x31, 0xc0], //                    xor  eax, eax
    // exit:
    [0x89, 0xc7], //                    mov  edi, eax
    [0xb8, ...int32(60)], //            mov  eax, 60         exit
    [0x0f, 0x05], //                    syscall
  ].flat()
}

const workingDirectory = 0x92800000 | (99 << 5) // movn x0, #99: -100, AT_FDCWD
const removeDirectory = 0x200

function arm64Code(): readonly number[] {
  return [
    workingDirectory, //                         mov  x0, #-100
    loadFromStack(1, 16), //                     ldr  x1, [sp, #16]   FROM
    workingDirectory | 2, //                     mov  x2, #-100
    loadFromStack(3, 24), //                     ldr  x3, [sp, #24]   TO
    movz(8, 38), //                              mov  x8, #38         renameat
    supervisorCall, //                           svc  #0
    0xb5000000 | (16 << 5), //                   cbnz x0, exit        16 instructions on
    0x91000000 | (32 << 10) | (31 << 5) | 20, // add  x20, sp, #32    where OLD are
    // again:
    0xf8400400 | (8 << 12) | (20 << 5) | 19, //  ldr  x19, [x20], #8
    0xb4000000 | (12 << 5) | 19, //              cbz  x19, done       12 instructions on
    workingDirectory, //                         mov  x0, #-100
    moveFrom19(1), //                            mov  x1, x19
    movz(2, 0), //                               mov  x2, #0
    movz(8, 35), //                              mov  x8, #35         unlinkat
    supervisorCall, //                           svc  #0
    workingDirectory, //                         mov  x0, #-100
    moveFrom19(1), //                            mov  x1, x19
    movz(2, removeDirectory), //                 mov  x2, #AT_REMOVEDIR
    movz(8, 35), //                              mov  x8, #35         unlinkat
    supervisorCall, //                           svc  #0
    0x14000000 | (-12 & 0x3ffffff), //           b    again           twelve instructions back
    // done:
    movz(0, 0), //                               mov  x0, #0
    // exit:
    movz(8, 93), //                              mov  x8, #93         exit
    supervisorCall, //                           svc  #0
  ].flatMap(int32)
}

function loadFromStack(register: number, offset: number): number {
  return 0xf9400000 | ((offset / 8) << 10) | (31 << 5) | register
}

function moveFrom19(register: number): number {
  return 0xaa0003e0 | (19 << 16) | register
}
