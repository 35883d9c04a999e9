// SPDX-License-Identifier: Apache-2.0
// Makes a seccomp filter of a profile: a search by halves over ranges of numbers with the same verdict, some
// eight comparisons for any call. Numbers mean something for one processor only, so calls of another
// (32-bit programs) and those of x32 end the program, whatever the profile says.
import { VkError } from '../../../../util/vk-error.ts'
import { argumentBlock } from './argument-tests.ts'
import {
  codes,
  jump,
  load,
  maxInstructions,
  offsets,
  returns,
  test,
  type Instruction,
} from './bpf.ts'
import { enosys, failsWith, verdicts } from './seccomp-profile.ts'
import type { SeccompProfile, SyscallRule, Verdict } from './seccomp-profile.ts'
import { syscallNumbers } from './syscall-numbers.gen.ts'

/** Processors whose numbers are known. */
export type FilterArchitecture = keyof typeof syscallNumbers

/** AUDIT_ARCH_* of linux/audit.h. */
const architectureWords: Readonly<Record<FilterArchitecture, number>> = {
  x64: 0xc000_003e,
  arm64: 0xc000_00b7,
}

/** Calls of x32 have this bit. */
const x32Bit = 0x4000_0000
/** What a tracer leaves of a call that it has cut out. */
const noCall = 0xffff_ffff

/** Calls from `first` to the next range's. */
interface NumberRange {
  readonly first: number
  readonly rules: readonly SyscallRule[]
  readonly otherwise: Verdict
}

/** Compiles it; throws a VkError for one that is larger than the kernel takes. */
export function filterProgram(
  profile: SeccompProfile,
  architecture: FilterArchitecture,
): readonly Instruction[] {
  const program = [
    load(offsets.architecture),
    test(codes.jumpEqual, architectureWords[architecture], { whenTrue: 1 }),
    returns(verdicts.killProcess),
    load(offsets.number),
    ...search(rangesOf(profile, architecture)),
  ]
  if (program.length > maxInstructions) {
    throw new VkError('Invalid', `it comes to ${program.length} steps, of ${maxInstructions}`)
  }
  return program
}

/** Is there such a system call on any processor? */
export function numberOf(name: string, architecture: FilterArchitecture): number | undefined {
  return tables[architecture].get(name)
}

const tables: Readonly<Record<FilterArchitecture, ReadonlyMap<string, number>>> = {
  x64: tableOf(syscallNumbers.x64),
  arm64: tableOf(syscallNumbers.arm64),
}

function tableOf(text: string): ReadonlyMap<string, number> {
  return new Map(
    text.split(' ').map((pair): [string, number] => {
      const [name = '', number] = pair.split(':')
      return [name, Number(number)]
    }),
  )
}

/** In order, beginning with 0; no two neighbours are the same. */
function rangesOf(
  profile: SeccompProfile,
  architecture: FilterArchitecture,
): readonly NumberRange[] {
  const { otherwise } = profile
  const byNumber = rulesByNumber(profile, architecture)
  const highest = Math.max(-1, ...byNumber.keys())
  const ranges: NumberRange[] = []
  const add = (range: NumberRange): void => {
    const last = ranges.at(-1)
    if (last === undefined || !isSame(last, range)) ranges.push(range)
  }
  for (let number = 0; number <= highest; number += 1) {
    add({ first: number, ...outcomeOf(byNumber.get(number) ?? [], otherwise) })
  }
  add({ first: highest + 1, rules: [], otherwise: verdictOfNewCalls(otherwise) })
  if (architecture === 'x64') add({ first: x32Bit, rules: [], otherwise: verdicts.killProcess })
  add({ first: noCall, rules: [], otherwise })
  return ranges
}

/** Those that come after all that the profile knows: programs try these, and do without where there are none. */
function verdictOfNewCalls(otherwise: Verdict): Verdict {
  const isPermissive = otherwise >= 0x7ff0_0000 && otherwise <= verdicts.allow
  return isPermissive ? otherwise : failsWith(enosys)
}

function rulesByNumber(
  { rules }: SeccompProfile,
  architecture: FilterArchitecture,
): ReadonlyMap<number, readonly SyscallRule[]> {
  const found = new Map<number, SyscallRule[]>()
  for (const rule of rules) {
    for (const name of rule.names) {
      const number = numberOf(name, architecture)
      if (number === undefined) continue
      const known = found.get(number)
      if (known) known.push(rule)
      else found.set(number, [rule])
    }
  }
  return found
}

function outcomeOf(
  rules: readonly SyscallRule[],
  otherwise: Verdict,
): Pick<NumberRange, 'rules' | 'otherwise'> {
  const telling = rules.filter(({ verdict }) => verdict !== otherwise)
  const whole = telling.find(({ tests }) => tests.length === 0)
  return whole ? { rules: [], otherwise: whole.verdict } : { rules: telling, otherwise }
}

function isSame(a: NumberRange, b: NumberRange): boolean {
  return (
    a.otherwise === b.otherwise &&
    a.rules.length === b.rules.length &&
    a.rules.every((rule, index) => rule === b.rules[index])
  )
}

function search(ranges: readonly NumberRange[]): readonly Instruction[] {
  const [only] = ranges
  if (only === undefined) return []
  if (ranges.length === 1) {
    return [...only.rules.flatMap(argumentBlock), returns(only.otherwise)]
  }
  const half = ranges.length >> 1
  const [lower, upper] = [search(ranges.slice(0, half)), search(ranges.slice(half))]
  const border = ranges[half]?.first ?? 0
  const isFar = lower.length > 255
  return [
    test(codes.jumpGreaterEqual, border, isFar ? { whenFalse: 1 } : { whenTrue: lower.length }),
    ...(isFar ? [jump(lower.length)] : []),
    ...lower,
    ...upper,
  ]
}
