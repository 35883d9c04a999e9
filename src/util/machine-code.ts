// SPDX-License-Identifier: Apache-2.0
// Machine code as a list of lines, as one writes it: instructions, names of places, and jumps to those. How far a
// jump goes is counted here. The words are those of both machines that programs are written for (elf-file.ts).
import { int32, movz, supervisorCall } from './elf-file.ts'

/** The name of the place at which it stands, an instruction's bytes, or a jump. */
export type CodeLine = string | readonly number[] | Jump

/** An instruction that leads to a place. */
export interface Jump {
  readonly to: string
  readonly length: number
  /** Its bytes; `distance` is from its own beginning. */
  readonly encode: (distance: number) => readonly number[]
}

/** The bytes; throws when a jump leads nowhere. */
export function assemble(lines: readonly CodeLine[]): readonly number[] {
  const places = new Map<string, number>()
  let size = 0
  for (const line of lines) {
    if (typeof line === 'string') places.set(line, size)
    else size += line.length
  }
  let at = 0
  return lines.flatMap((line) => {
    if (typeof line === 'string') return []
    const bytes = 'to' in line ? line.encode(placeOf(line, places) - at) : line
    at += line.length
    return bytes
  })
}

function placeOf({ to }: Jump, places: ReadonlyMap<string, number>): number {
  const place = places.get(to)
  if (place === undefined) throw new RangeError(`Cannot jump to "${to}": no such place`)
  return place
}

/** A jump of amd64 by its opcode, such as `0xe9` or `0x0f, 0x84`; the distance is 32 bits. */
export function jump(opcode: readonly number[], to: string): Jump {
  const length = opcode.length + 4
  return { to, length, encode: (distance) => [...opcode, ...int32(distance - length)] }
}

/** mov eax, #number; syscall */
export function systemCallAmd64(number: number): readonly (readonly number[])[] {
  return [
    [0xb8, ...int32(number)],
    [0x0f, 0x05],
  ]
}

/** A branch of arm64; the distance is in words, in `bits` bits from bit `shift` on. */
export function branch(
  word: number,
  { to, bits, shift }: { readonly to: string; readonly bits: number; readonly shift: number },
): Jump {
  const field = (distance: number): number => ((distance / 4) & (2 ** bits - 1)) << shift
  return { to, length: 4, encode: (distance) => int32(word | field(distance)) }
}

/** mov x8, #number; svc #0 */
export function systemCallArm64(number: number): readonly (readonly number[])[] {
  return [movz(8, number), supervisorCall].map(int32)
}
