// SPDX-License-Identifier: Apache-2.0
// Instructions of classic BPF as the kernel's seccomp takes them (linux/filter.h, linux/seccomp.h): one
// accumulator, words of `struct seccomp_data` to load, jumps forward only.

export interface Instruction {
  readonly code: number
  /** Instructions to leave out when a test holds, and when it does not: 255 at most. */
  readonly whenTrue: number
  readonly whenFalse: number
  readonly operand: number
}

/** Codes in use; their names are the kernel's without BPF_. */
export const codes = {
  loadWord: 0x20,
  jump: 0x05,
  jumpEqual: 0x15,
  jumpGreater: 0x25,
  jumpGreaterEqual: 0x35,
  and: 0x54,
  returnConstant: 0x06,
} as const

/** Where the words of `struct seccomp_data` lie. */
export const offsets = { number: 0, architecture: 4, args: 16 } as const

/** BPF_MAXINSNS. */
export const maxInstructions = 4096

export type TestCode =
  | typeof codes.jumpEqual
  | typeof codes.jumpGreater
  | typeof codes.jumpGreaterEqual

export function load(offset: number): Instruction {
  return plain(codes.loadWord, offset)
}

export function returns(verdict: number): Instruction {
  return plain(codes.returnConstant, verdict)
}

export function mask(bits: number): Instruction {
  return plain(codes.and, bits)
}

/** Leaves out so many instructions, however many. */
export function jump(over: number): Instruction {
  return plain(codes.jump, over)
}

export function test(
  code: TestCode,
  operand: number,
  { whenTrue = 0, whenFalse = 0 }: { readonly whenTrue?: number; readonly whenFalse?: number },
): Instruction {
  return { code, whenTrue, whenFalse, operand }
}

/** As an array of `struct sock_filter`, in the byte order of both processors. */
export function encode(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8)
  for (const [index, { code, whenTrue, whenFalse, operand }] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(whenTrue, index * 8 + 2)
    bytes.writeUInt8(whenFalse, index * 8 + 3)
    bytes.writeUInt32LE(operand, index * 8 + 4)
  }
  return bytes
}

function plain(code: number, operand: number): Instruction {
  return { code, whenTrue: 0, whenFalse: 0, operand }
}
