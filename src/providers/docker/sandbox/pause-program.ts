// SPDX-License-Identifier: Apache-2.0
// The one program that a pod's sandbox runs: it sleeps for ever, and its namespaces live as long as it does.
// Written here instruction by instruction, so that nothing has to be pulled and no foreign binary lies in
// the package. It says that it does not care for its children, so that the kernel buries them: with
// a shared process namespace it is their init.
//
//   rt_sigaction(SIGCHLD, { handler: SIG_IGN }, NULL, 8)
//   for (;;) ppoll(NULL, 0, NULL, NULL, 0)
import {
  elfFile,
  int32,
  isArchitecture,
  movkUpper,
  movz,
  supervisorCall,
} from '../../../util/elf-file.ts'

const codes = { amd64: amd64Code, arm64: arm64Code }

/** handler, flags, restorer, mask: 8 bytes each. Only the handler is not zero: SIG_IGN is 1. */
const sigaction = Uint8Array.of(1, ...new Uint8Array(31))

/** The file for an architecture (as the engine calls it); undefined for one that is not known here. */
export function pauseProgram(architecture: string): Buffer | undefined {
  if (!isArchitecture(architecture)) return undefined
  return elfFile(architecture, { code: codes[architecture], data: () => sigaction })
}

/** `action` is the address of the sigaction structure. */
function amd64Code(action: number): readonly number[] {
  return [
    [0xb8, ...int32(13)], //                  mov  eax, 13         rt_sigaction
    [0xbf, ...int32(17)], //                  mov  edi, 17         SIGCHLD
    [0xbe, ...int32(action)], //              mov  esi, action
    [0x31, 0xd2], //                          xor  edx, edx        no old action
    [0x41, 0xba, ...int32(8)], //             mov  r10d, 8         size of a signal set
    [0x0f, 0x05], //                          syscall
    // again:
    [0xb8, ...int32(271)], //                 mov  eax, 271        ppoll
    [0x31, 0xff], //                          xor  edi, edi        no descriptors
    [0x31, 0xf6], //                          xor  esi, esi        none of them
    [0x31, 0xd2], //                          xor  edx, edx        no time limit
    [0x45, 0x31, 0xd2], //                    xor  r10d, r10d      no signal mask
    [0x45, 0x31, 0xc0], //                    xor  r8d, r8d
    [0x0f, 0x05], //                          syscall
    [0xeb, 0x100 - 21], //                    jmp  again           back over these 21 bytes
  ].flat()
}

function arm64Code(action: number): readonly number[] {
  return [
    movz(8, 134), //                             mov  x8, #134        rt_sigaction
    movz(0, 17), //                              mov  x0, #17         SIGCHLD
    movz(1, action & 0xffff), //                 mov  x1, #action, low half
    movkUpper(1, action >>> 16), //                 movk x1, #action, high half, lsl #16
    movz(2, 0), //                               mov  x2, #0          no old action
    movz(3, 8), //                               mov  x3, #8          size of a signal set
    supervisorCall, //                           svc  #0
    // again:
    movz(8, 73), //                              mov  x8, #73         ppoll
    movz(0, 0), //                               mov  x0, #0          no descriptors
    movz(1, 0), //                               mov  x1, #0          none of them
    movz(2, 0), //                               mov  x2, #0          no time limit
    movz(3, 0), //                               mov  x3, #0          no signal mask
    movz(4, 0), //                               mov  x4, #0
    supervisorCall, //                           svc  #0
    0x14000000 | (-7 & 0x3ffffff), //            b    again           seven instructions back
  ].flatMap(int32)
}
