// SPDX-License-Identifier: Apache-2.0
// A program beside the one that a sandbox runs: it connects its standard streams with a port, from inside of the
// pod's network. On its error stream it says a byte when it begins to connect (255), one of how that went and one of
// how the connection ended (0, or the error's number of Linux). Its input is what a client sends, in pieces: their
// length in two bytes, the lower one first, and so many bytes; no bytes at all mean that the client sends no more.
// When the input ends there is no client: so does the program, whatever it waits for. Pieces are to be sent once it
// is connected; what the other side does not take any more is thrown away.
//
//   say(255); fd = socket(…); say(connect(fd, ADDRESS)); say(copy(fd, 1)); exit_group(0)
//   a thread: while (read(0, length) > 0) if (length == 0) shutdown(fd) else copy(0, fd, length); exit_group(0)
//
// There is no memory of its own but the stack: the address, what is said at 32, the length of a piece at 48, the
// buffers of both threads from 64 on. Both have the same stack, and put nothing on it.
import { elfFile, int32, isArchitecture, movkUpper, movz } from '../../../util/elf-file.ts'
import {
  assemble,
  branch,
  jump,
  systemCallAmd64,
  systemCallArm64,
  type CodeLine,
} from '../../../util/machine-code.ts'

const codes = { amd64: amd64Code, arm64: arm64Code }

/** The file for an architecture (as the engine calls it); undefined for one that is not known here. */
export function dialProgram(architecture: string): Buffer | undefined {
  if (!isArchitecture(architecture)) return undefined
  return elfFile(architecture, { code: codes[architecture] })
}

const always = (to: string): CodeLine => jump([0xe9], to)
const ifZero = (to: string): CodeLine => jump([0x0f, 0x84], to)
const ifNotZero = (to: string): CodeLine => jump([0x0f, 0x85], to)
const ifNegative = (to: string): CodeLine => jump([0x0f, 0x88], to)
const ifNotPositive = (to: string): CodeLine => jump([0x0f, 0x8e], to)

/** Says al. */
const sayAmd64: readonly CodeLine[] = [
  [0x88, 0x44, 0x24, 0x20], //                  mov   [rsp+32], al
  [0x48, 0x8d, 0x74, 0x24, 0x20], //            lea   rsi, [rsp+32]
  [0xbf, ...int32(2)], //                       mov   edi, 2
  [0xba, ...int32(1)], //                       mov   edx, 1
  ...systemCallAmd64(1), //                     write
]

function amd64Code(): readonly number[] {
  return assemble([
    [0x48, 0x8b, 0x74, 0x24, 0x10], //          mov   rsi, [rsp+16]
    [0x48, 0x81, 0xec, ...int32(0x18080)], //   sub   rsp, 0x18080
    [0x48, 0x89, 0xe7], //                      mov   rdi, rsp
    'decode',
    [0x66, 0x8b, 0x06], //                      mov   ax, [rsi]
    [0x84, 0xc0], //                            test  al, al
    ifZero('decoded'),
    [0x66, 0x2d, 0x61, 0x61], //                sub   ax, 0x6161
    [0xc0, 0xe0, 0x04], //                      shl   al, 4
    [0x08, 0xe0], //                            or    al, ah
    [0xaa], //                                  stosb
    [0x48, 0x83, 0xc6, 0x02], //                add   rsi, 2
    always('decode'),
    'decoded',
    [0x49, 0x89, 0xfe], //                      mov   r14, rdi
    [0x49, 0x29, 0xe6], //                      sub   r14, rsp
    [0xb0, 0xff], //                            mov   al, 255
    ...sayAmd64,
    [0x0f, 0xb7, 0x3c, 0x24], //                movzx edi, word [rsp]
    [0xbe, ...int32(1)], //                     mov   esi, 1
    [0x31, 0xd2], //                            xor   edx, edx
    ...systemCallAmd64(41), //                  socket
    [0x41, 0x89, 0xc4], //                      mov   r12d, eax
    [0x85, 0xc0], //                            test  eax, eax
    ifNegative('tried'),
    [0xbf, ...int32(0x50f00)], //               mov   edi, 0x50f00
    [0x31, 0xf6], //                            xor   esi, esi
    [0x31, 0xd2], //                            xor   edx, edx
    [0x45, 0x31, 0xd2], //                      xor   r10d, r10d
    [0x45, 0x31, 0xc0], //                      xor   r8d, r8d
    ...systemCallAmd64(56), //                  clone: a thread
    [0x85, 0xc0], //                            test  eax, eax
    ifNegative('tried'),
    ifZero('input'),
    [0x44, 0x89, 0xe7], //                      mov   edi, r12d
    [0x48, 0x89, 0xe6], //                      mov   rsi, rsp
    [0x44, 0x89, 0xf2], //                      mov   edx, r14d
    ...systemCallAmd64(42), //                  connect
    'tried',
    [0xf7, 0xd8], //                            neg   eax
    [0x89, 0xc3], //                            mov   ebx, eax
    ...sayAmd64,
    [0x85, 0xdb], //                            test  ebx, ebx
    ifNotZero('exit'),
    'output',
    [0x44, 0x89, 0xe7], //                      mov   edi, r12d
    [0x48, 0x8d, 0x74, 0x24, 0x40], //          lea   rsi, [rsp+64]
    [0xba, ...int32(0x8000)], //                mov   edx, 0x8000
    ...systemCallAmd64(0), //                   read
    [0x85, 0xc0], //                            test  eax, eax
    ifNotPositive('ended'),
    [0x89, 0xc2], //                            mov   edx, eax
    'write',
    [0xbf, ...int32(1)], //                     mov   edi, 1
    ...systemCallAmd64(1), //                   write
    [0x85, 0xc0], //                            test  eax, eax
    ifNotPositive('exit'),
    [0x48, 0x01, 0xc6], //                      add   rsi, rax
    [0x29, 0xc2], //                            sub   edx, eax
    ifNotZero('write'),
    always('output'),
    'ended',
    [0xf7, 0xd8], //                            neg   eax
    ...sayAmd64,
    'exit',
    [0x31, 0xff], //                            xor   edi, edi
    ...systemCallAmd64(231), //                 exit_group
    'input',
    [0x41, 0xba, ...int32(0x4000)], //          mov   r10d, 0x4000: no signal where nobody takes it
    'piece',
    [0x48, 0x8d, 0x74, 0x24, 0x30], //          lea   rsi, [rsp+48]
    [0xbb, ...int32(2)], //                     mov   ebx, 2
    'length',
    [0x31, 0xff], //                            xor   edi, edi
    [0x89, 0xda], //                            mov   edx, ebx
    ...systemCallAmd64(0), //                   read
    [0x85, 0xc0], //                            test  eax, eax
    ifNotPositive('exit'),
    [0x48, 0x01, 0xc6], //                      add   rsi, rax
    [0x29, 0xc3], //                            sub   ebx, eax
    ifNotZero('length'),
    [0x0f, 0xb7, 0x5c, 0x24, 0x30], //          movzx ebx, word [rsp+48]
    [0x85, 0xdb], //                            test  ebx, ebx
    ifZero('last'),
    'rest',
    [0x31, 0xff], //                            xor   edi, edi
    [0x48, 0x8d, 0xb4, 0x24, ...int32(0x8040)], // lea rsi, [rsp+0x8040]
    [0x89, 0xda], //                            mov   edx, ebx
    ...systemCallAmd64(0), //                   read
    [0x85, 0xc0], //                            test  eax, eax
    ifNotPositive('exit'),
    [0x29, 0xc3], //                            sub   ebx, eax
    [0x89, 0xc2], //                            mov   edx, eax
    'send',
    [0x44, 0x89, 0xe7], //                      mov   edi, r12d
    ...systemCallAmd64(44), //                  sendto
    [0x85, 0xc0], //                            test  eax, eax
    ifNotPositive('sent'),
    [0x48, 0x01, 0xc6], //                      add   rsi, rax
    [0x29, 0xc2], //                            sub   edx, eax
    ifNotZero('send'),
    'sent',
    [0x85, 0xdb], //                            test  ebx, ebx
    ifNotZero('rest'),
    always('piece'),
    'last',
    [0x44, 0x89, 0xe7], //                      mov   edi, r12d
    [0xbe, ...int32(1)], //                     mov   esi, 1
    ...systemCallAmd64(48), //                  shutdown
    always('piece'),
  ])
}

/** Says w20. */
const sayArm64: readonly CodeLine[] = [
  int32(0x39008334), //       strb w20, [x25, #32]
  int32(movz(0, 2)), //       mov  x0, #2
  int32(0x91008321), //       add  x1, x25, #32
  int32(movz(2, 1)), //       mov  x2, #1
  ...systemCallArm64(64), //  write
]

const compareResult = int32(0x7100001f) // cmp w0, #0
const onTheNext = int32(0x8b000021) // add x1, x1, x0
const lessThat = int32(0x6b000042) // subs w2, w2, w0

const b = (to: string): CodeLine => branch(0x14000000, { to, bits: 26, shift: 0 })
const onCondition = (word: number, to: string): CodeLine => branch(word, { to, bits: 19, shift: 5 })
const notEqual = (to: string): CodeLine => onCondition(0x54000001, to)
const lessOrEqual = (to: string): CodeLine => onCondition(0x5400000d, to)
const zero = (register: number, to: string): CodeLine => onCondition(0x34000000 | register, to)
const notZero = (register: number, to: string): CodeLine => onCondition(0x35000000 | register, to)
/** tbnz w0, #31 */
const negativeResult = (to: string): CodeLine => branch(0x37f80000, { to, bits: 14, shift: 5 })

function arm64Code(): readonly number[] {
  return assemble([
    int32(0xf9400be1), //         ldr  x1, [sp, #16]
    int32(0xd14063ff), //         sub  sp, sp, #0x18, lsl #12
    int32(0xd10203ff), //         sub  sp, sp, #128
    int32(0x910003f9), //         mov  x25, sp
    int32(0xaa1903e0), //         mov  x0, x25
    'decode',
    int32(0x38401422), //         ldrb w2, [x1], #1
    zero(2, 'decoded'),
    int32(0x38401423), //         ldrb w3, [x1], #1
    int32(0x51018442), //         sub  w2, w2, #97
    int32(0x51018463), //         sub  w3, w3, #97
    int32(0x2a021062), //         orr  w2, w3, w2, lsl #4
    int32(0x38001402), //         strb w2, [x0], #1
    b('decode'),
    'decoded',
    int32(0xcb19001a), //         sub  x26, x0, x25
    int32(movz(20, 255)), //      mov  x20, #255
    ...sayArm64,
    int32(0x79400320), //         ldrh w0, [x25]
    int32(movz(1, 1)), //         mov  x1, #1
    int32(movz(2, 0)), //         mov  x2, #0
    ...systemCallArm64(198), //   socket
    int32(0x2a0003f8), //         mov  w24, w0
    negativeResult('tried'),
    int32(movz(0, 0xf00)), //     mov  x0, #0xf00
    int32(movkUpper(0, 5)), //    movk x0, #5, lsl #16
    ...[1, 2, 3, 4].map((register) => int32(movz(register, 0))),
    ...systemCallArm64(220), //   clone: a thread
    negativeResult('tried'),
    zero(0, 'input'),
    int32(0x2a1803e0), //         mov  w0, w24
    int32(0xaa1903e1), //         mov  x1, x25
    int32(0xaa1a03e2), //         mov  x2, x26
    ...systemCallArm64(203), //   connect
    'tried',
    int32(0x4b0003f4), //         neg  w20, w0
    ...sayArm64,
    notZero(20, 'exit'),
    'output',
    int32(0x2a1803e0), //         mov  w0, w24
    int32(0x91010321), //         add  x1, x25, #64
    int32(movz(2, 0x8000)), //    mov  x2, #0x8000
    ...systemCallArm64(63), //    read
    compareResult,
    lessOrEqual('ended'),
    int32(0x2a0003e2), //         mov  w2, w0
    'write',
    int32(movz(0, 1)), //         mov  x0, #1
    ...systemCallArm64(64), //    write
    compareResult,
    lessOrEqual('exit'),
    onTheNext,
    lessThat,
    notEqual('write'),
    b('output'),
    'ended',
    int32(0x4b0003f4), //         neg  w20, w0
    ...sayArm64,
    'exit',
    int32(movz(0, 0)), //         mov  x0, #0
    ...systemCallArm64(94), //    exit_group
    'input',
    int32(movz(3, 0x4000)), //    mov  x3, #0x4000: no signal where nobody takes it
    int32(movz(4, 0)), //         mov  x4, #0
    int32(0x91010337), //         add  x23, x25, #64
    int32(0x914022f7), //         add  x23, x23, #8, lsl #12
    'piece',
    int32(0x9100c321), //         add  x1, x25, #48
    int32(movz(2, 2)), //         mov  x2, #2
    'length',
    int32(movz(0, 0)), //         mov  x0, #0
    ...systemCallArm64(63), //    read
    compareResult,
    lessOrEqual('exit'),
    onTheNext,
    lessThat,
    notEqual('length'),
    int32(0x79406335), //         ldrh w21, [x25, #48]
    zero(21, 'last'),
    'rest',
    int32(movz(0, 0)), //         mov  x0, #0
    int32(0xaa1703e1), //         mov  x1, x23
    int32(0x2a1503e2), //         mov  w2, w21
    ...systemCallArm64(63), //    read
    compareResult,
    lessOrEqual('exit'),
    int32(0x4b0002b5), //         sub  w21, w21, w0
    int32(0x2a0003e2), //         mov  w2, w0
    'send',
    int32(0x2a1803e0), //         mov  w0, w24
    ...systemCallArm64(206), //   sendto
    compareResult,
    lessOrEqual('sent'),
    onTheNext,
    lessThat,
    notEqual('send'),
    'sent',
    notZero(21, 'rest'),
    b('piece'),
    'last',
    int32(0x2a1803e0), //         mov  w0, w24
    int32(movz(1, 1)), //         mov  x1, #1
    ...systemCallArm64(210), //   shutdown
    b('piece'),
  ])
}
