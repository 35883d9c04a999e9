// SPDX-License-Identifier: Apache-2.0
// A program of some three hundred bytes that puts a filter on itself and becomes the program in its arguments.
// No tool that every Linux has does that where it must be done: after rights have been given up, for each
// command that is run in a container later, and with nothing left behind. It reads no file, looks nothing
// up and needs no library; docs/decisions/0012-a-filter-after-the-rights.md says what was weighed. In C:
//   prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 || _exit(126);
//   syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 || _exit(126);
//   execve(argv[1], argv + 1, environ); _exit(126);
import { encode, type Instruction } from './bpf.ts'
import type { FilterArchitecture } from './filter-program.ts'

/** Where the kernel maps the file; above any vm.mmap_min_addr, at a multiple of any page size. */
const base = 0x40_0000
const fileHeaderBytes = 64
const segmentHeaderBytes = 56
const headerBytes = fileHeaderBytes + 2 * segmentHeaderBytes
/** `struct sock_fprog`: a count, and a pointer after padding. */
const countBytes = 16

/** e_machine. */
const machines: Readonly<Record<FilterArchitecture, number>> = { x64: 62, arm64: 183 }

/** The executable file for a filter. */
export function starterFile(
  filter: readonly Instruction[],
  architecture: FilterArchitecture,
): Buffer {
  const code = codeOf(architecture)
  const countAt = headerBytes + code.length
  const count = Buffer.alloc(countBytes)
  count.writeUInt16LE(filter.length, 0)
  count.writeBigUInt64LE(BigInt(base + countAt + countBytes), 8)
  const body = Buffer.concat([code, count, encode(filter)])
  return Buffer.concat([headers(machines[architecture], headerBytes + body.length), body])
}

/** The code, filled up to a multiple of 16, with the address of what follows it in place of zeros. */
function codeOf(architecture: FilterArchitecture): Buffer {
  const { bytes, patch } = architecture === 'x64' ? x64Code : { bytes: arm64Bytes(), patch: -1 }
  const code = Buffer.alloc(Math.ceil(bytes.length / 16) * 16)
  bytes.copy(code)
  const countAddress = base + headerBytes + code.length
  if (patch >= 0) code.writeUInt32LE(countAddress, patch)
  // An address in pieces: movz and movk take 16 bits each.
  else for (const [at, word] of addressIntoX2(countAddress)) code.writeUInt32LE(word, at)
  return code
}

/** x86-64; `patch` is where the address of the count stands. */
const x64Code: { readonly bytes: Buffer; readonly patch: number } = {
  bytes: Buffer.from(
    [
      'b89d000000', //   mov eax, 157          prctl
      'bf26000000', //   mov edi, 38           PR_SET_NO_NEW_PRIVS
      'be01000000', //   mov esi, 1
      '31d2', //         xor edx, edx
      '4d31d2', //       xor r10, r10
      '4d31c0', //       xor r8, r8
      '0f05', //         syscall
      '85c0', //         test eax, eax
      '752e', //         jnz fail
      'b83d010000', //   mov eax, 317          seccomp
      'bf01000000', //   mov edi, 1            SECCOMP_SET_MODE_FILTER
      '31f6', //         xor esi, esi
      'ba00000000', //   mov edx, address of the count
      '0f05', //         syscall
      '85c0', //         test eax, eax
      '7517', //         jnz fail
      '488b0c24', //     mov rcx, [rsp]        argc
      '488d742410', //   lea rsi, [rsp + 16]   argv + 1
      '488b3e', //       mov rdi, [rsi]
      '488d14ce', //     lea rdx, [rsi + rcx * 8]   environ
      'b83b000000', //   mov eax, 59           execve
      '0f05', //         syscall
      'bf7e000000', //   fail: mov edi, 126
      'b8e7000000', //   mov eax, 231          exit_group
      '0f05', //         syscall
    ].join(''),
    'hex',
  ),
  patch: 42,
}

const arm64AddressAt = 40

function arm64Bytes(): Buffer {
  const words = [
    put(8, 167), //            prctl
    put(0, 38), //             PR_SET_NO_NEW_PRIVS
    put(1, 1),
    put(2, 0),
    put(3, 0),
    put(4, 0),
    call,
    failsUnlessZero(14),
    put(8, 277), //            seccomp
    put(0, 1), //              SECCOMP_SET_MODE_FILTER
    0, //                      x2: address of the count, two words
    0,
    put(1, 0),
    call,
    failsUnlessZero(7),
    0xf940_03f3, //            ldr x19, [sp]             argc
    0x9100_43e1, //            add x1, sp, #16           argv + 1
    0xf940_0020, //            ldr x0, [x1]
    0x8b13_0c22, //            add x2, x1, x19, lsl #3   environ
    put(8, 221), //            execve
    call,
    put(0, 126), //            fail:
    put(8, 94), //             exit_group
    call,
  ]
  const bytes = Buffer.alloc(words.length * 4)
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word >>> 0, index * 4)
  return bytes
}

/** svc #0 */
const call = 0xd400_0001

/** movz */
function put(register: number, value: number): number {
  return 0xd280_0000 + value * 32 + register
}

/** cbnz x0, so many instructions further. */
function failsUnlessZero(further: number): number {
  return 0xb500_0000 + further * 32
}

function addressIntoX2(address: number): readonly (readonly [number, number])[] {
  const low = put(2, address & 0xffff)
  const high = 0xf2a0_0000 + (address >>> 16) * 32 + 2
  return [
    [arm64AddressAt, low],
    [arm64AddressAt + 4, high],
  ]
}

/** ELF: one segment with everything, readable and executable, and a stack that is not. */
function headers(machine: number, fileBytes: number): Buffer {
  const bytes = Buffer.alloc(headerBytes)
  Buffer.from('7f454c46020101', 'hex').copy(bytes)
  bytes.writeUInt16LE(2, 16)
  bytes.writeUInt16LE(machine, 18)
  bytes.writeUInt32LE(1, 20)
  bytes.writeBigUInt64LE(BigInt(base + headerBytes), 24)
  bytes.writeBigUInt64LE(BigInt(fileHeaderBytes), 32)
  bytes.writeUInt16LE(fileHeaderBytes, 52)
  bytes.writeUInt16LE(segmentHeaderBytes, 54)
  bytes.writeUInt16LE(2, 56)
  const load = fileHeaderBytes
  bytes.writeUInt32LE(1, load)
  bytes.writeUInt32LE(5, load + 4)
  for (const at of [16, 24]) bytes.writeBigUInt64LE(BigInt(base), load + at)
  for (const at of [32, 40]) bytes.writeBigUInt64LE(BigInt(fileBytes), load + at)
  bytes.writeBigUInt64LE(0x1_0000n, load + 48)
  const stack = load + segmentHeaderBytes
  bytes.writeUInt32LE(0x6474_e551, stack)
  bytes.writeUInt32LE(6, stack + 4)
  bytes.writeBigUInt64LE(16n, stack + 48)
  return bytes
}
