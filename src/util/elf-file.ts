// SPDX-License-Identifier: Apache-2.0
// The smallest executable that Linux starts: headers, machine code, data. For programs of a few instructions
// that are written here, so that no foreign binary lies in the package; with the words of both machines'
// instruction sets that such programs need.

/** Architectures as container images call them, with e_machine of the header. */
const machineIds = { amd64: 62, arm64: 183 } as const

/** An architecture that programs are written for. */
export type Architecture = keyof typeof machineIds

export interface Program {
  /** Machine code; `dataAddress` is where `data` will lie. It is as long for every address. */
  readonly code: (dataAddress: number) => readonly number[]
  /** What it is for the address that it will have; as long for every address. */
  readonly data?: (dataAddress: number) => Uint8Array
}

const baseAddress = 0x400000
const fileHeaderBytes = 64
const programHeaderBytes = 56
/** Where the code is in the file. */
export const codeOffset: number = fileHeaderBytes + 2 * programHeaderBytes

/** Is there a program for it? */
export function isArchitecture(name: string): name is Architecture {
  return Object.hasOwn(machineIds, name)
}

/** The file; it is loaded whole, readable and executable, and has a stack that is not executable. */
export function elfFile(
  architecture: Architecture,
  { code, data = () => new Uint8Array() }: Program,
): Buffer {
  const codeBytes = code(0).length
  // Data follows on an address that is a multiple of 8.
  const dataOffset = Math.ceil((codeOffset + codeBytes) / 8) * 8
  const dataAddress = baseAddress + dataOffset
  const dataBytes = data(dataAddress)
  const size = dataBytes.length === 0 ? codeOffset + codeBytes : dataOffset + dataBytes.length
  const file = Buffer.alloc(size)
  writeFileHeader(file, machineIds[architecture])
  writeLoadHeader(file, size)
  writeStackHeader(file)
  Buffer.from(code(dataAddress)).copy(file, codeOffset)
  file.set(dataBytes, dataBytes.length === 0 ? 0 : dataOffset)
  return file
}

function writeFileHeader(file: Buffer, machine: number): void {
  file.write('\x7fELF', 0, 'latin1')
  // 64 bits, little endian, version 1.
  Buffer.from([2, 1, 1]).copy(file, 4)
  file.writeUInt16LE(2, 16) // e_type: executable
  file.writeUInt16LE(machine, 18)
  file.writeUInt32LE(1, 20) // e_version
  file.writeBigUInt64LE(BigInt(baseAddress + codeOffset), 24) // e_entry
  file.writeBigUInt64LE(BigInt(fileHeaderBytes), 32) // e_phoff
  file.writeUInt16LE(fileHeaderBytes, 52)
  file.writeUInt16LE(programHeaderBytes, 54)
  file.writeUInt16LE(2, 56) // e_phnum
}

function writeLoadHeader(file: Buffer, size: number): void {
  const at = fileHeaderBytes
  file.writeUInt32LE(1, at) // PT_LOAD
  file.writeUInt32LE(5, at + 4) // readable, executable
  file.writeBigUInt64LE(BigInt(baseAddress), at + 16) // virtual address
  file.writeBigUInt64LE(BigInt(baseAddress), at + 24) // physical address
  file.writeBigUInt64LE(BigInt(size), at + 32)
  file.writeBigUInt64LE(BigInt(size), at + 40)
  file.writeBigUInt64LE(0x10000n, at + 48) // alignment: the largest page size of either machine
}

function writeStackHeader(file: Buffer): void {
  const at = fileHeaderBytes + programHeaderBytes
  file.writeUInt32LE(0x6474e551, at) // PT_GNU_STACK
  file.writeUInt32LE(6, at + 4) // readable, writable
  file.writeBigUInt64LE(16n, at + 48) // alignment
}

/** svc #0 of arm64. */
export const supervisorCall = 0xd4000001

/** movz register, #value (16 bits) of arm64. */
export function movz(register: number, value: number): number {
  return 0xd2800000 | (value << 5) | register
}

/** movk register, #value (16 bits), lsl #16 of arm64: the upper half, for a lower one that is there. */
export function movkUpper(register: number, value: number): number {
  return 0xf2a00000 | (value << 5) | register
}

/** A word as it lies in memory. */
export function int32(value: number): readonly number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff]
}
