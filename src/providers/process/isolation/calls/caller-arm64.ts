// SPDX-License-Identifier: Apache-2.0
// The program that makes a list of system calls, for arm64; caller-file.ts says what it does. The words are those
// of `as`, with what they mean beside them. x19 points to the call at hand. The pages are
// copied when they are mapped (MAP_POPULATE): whoever comes to write to the file later changes no call.
import { int32 } from '../../../../util/elf-file.ts'

/** Its machine code, which runs at any address. */
export const arm64Caller: readonly number[] = [
  0xd2801bc8, // mov x8, #0xde
  0xd2a20000, // mov x0, #0x10000000
  0xd2a08001, // mov x1, #0x4000000
  0xd2800062, // mov x2, #0x3
  0xd2980243, // mov x3, #0xc012
  0xd2800004, // mov x4, #0x0
  0xd2800005, // mov x5, #0x0
  0xd2a20013, // mov x19, #0x10000000
  0xd4000001, // svc #0x0
  0xeb13001f, // cmp x0, x19
  0x54000601, // b.ne broken
  0x91008273, // add x19, x19, #0x20
  0xf94007e0, // ldr x0, [sp, #8]
  0xd1002261, // sub x1, x19, #0x8
  // rename:
  0x39400009, // ldrb w9, [x0]
  0x340000c9, // cbz w9, next
  0x39400029, // ldrb w9, [x1]
  0x38001409, // strb w9, [x0], #1
  0x34ffff89, // cbz w9, rename
  0x91000421, // add x1, x1, #0x1
  0x17fffffa, // b rename
  // next:
  0xa9400268, // ldp x8, x0, [x19]
  0xa9410a61, // ldp x1, x2, [x19, #16]
  0xa9421263, // ldp x3, x4, [x19, #32]
  0xa9432665, // ldp x5, x9, [x19, #48]
  0xd350fd0a, // lsr x10, x8, #16
  0xb500046a, // cbnz x10, special
  0xd4000001, // svc #0x0
  0xf9000120, // str x0, [x9]
  // done:
  0xb40000c0, // cbz x0, following
  0xb7f800e0, // tbnz x0, #63, failed
  0xf9402269, // ldr x9, [x19, #64]
  0xb4000069, // cbz x9, following
  0xaa0903f3, // mov x19, x9
  0x17fffff3, // b next
  // following:
  0x91016273, // add x19, x19, #0x58
  0x17fffff1, // b next
  // failed:
  0xf9402669, // ldr x9, [x19, #72]
  0xb4000069, // cbz x9, complain
  0xaa0903f3, // mov x19, x9
  0x17ffffed, // b next
  // complain:
  0xcb0003e9, // neg x9, x0
  0xf9402a61, // ldr x1, [x19, #80]
  0xf8408422, // ldr x2, [x1], #8
  0x8b020023, // add x3, x1, x2
  0xd1000463, // sub x3, x3, #0x1
  0xd2800064, // mov x4, #0x3
  0xd2800145, // mov x5, #0xa
  // digit:
  0x9ac50926, // udiv x6, x9, x5
  0x9b05a4c7, // msub x7, x6, x5, x9
  0x1100c0e7, // add w7, w7, #0x30
  0x381ffc67, // strb w7, [x3, #-1]!
  0xaa0603e9, // mov x9, x6
  0xd1000484, // sub x4, x4, #0x1
  0xb5ffff44, // cbnz x4, digit
  0xd2800808, // mov x8, #0x40
  0xd2800040, // mov x0, #0x2
  0xd4000001, // svc #0x0
  // broken:
  0xd2800fa0, // mov x0, #0x7d
  // exit:
  0xd2800bc8, // mov x8, #0x5e
  0xd4000001, // svc #0x0
  // special:
  0x37000248, // tbnz w8, #0, same
  0xaa0003f4, // mov x20, x0
  // again:
  0xd2802088, // mov x8, #0x104
  0x92800000, // mov x0, #0xffffffffffffffff
  0xd10043e1, // sub x1, sp, #0x10
  0xd2800002, // mov x2, #0x0
  0xd2800003, // mov x3, #0x0
  0xd4000001, // svc #0x0
  0xb7fffea0, // tbnz x0, #63, broken
  0xeb14001f, // cmp x0, x20
  0x54ffff01, // b.ne again
  0xb85f03e9, // ldur w9, [sp, #-16]
  0x72001920, // ands w0, w9, #0x7f
  0x54000060, // b.eq returned
  0x11020000, // add w0, w0, #0x80
  0x17ffffef, // b exit
  // returned:
  0x53087d20, // lsr w0, w9, #8
  0x17ffffed, // b exit
  // same:
  0x8b000021, // add x1, x1, x0
  // bracket:
  0x385ffc29, // ldrb w9, [x1, #-1]!
  0x7100a53f, // cmp w9, #0x29
  0x54ffffc1, // b.ne bracket
  0xd2800284, // mov x4, #0x14
  // blank:
  0x38401c29, // ldrb w9, [x1, #1]!
  0x7100813f, // cmp w9, #0x20
  0x54ffffc1, // b.ne blank
  0xd1000484, // sub x4, x4, #0x1
  0xb5ffff84, // cbnz x4, blank
  // letter:
  0x38401c29, // ldrb w9, [x1, #1]!
  0x3840144a, // ldrb w10, [x2], #1
  0x6b0a013f, // cmp w9, w10
  0x540000a1, // b.ne other
  0x7100813f, // cmp w9, #0x20
  0x54ffff61, // b.ne letter
  0xd2800000, // mov x0, #0x0
  0x17ffffbd, // b done
  // other:
  0x92800040, // mov x0, #0xfffffffffffffffd
  0x17ffffbb, // b done
].flatMap(int32)
