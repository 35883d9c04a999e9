// SPDX-License-Identifier: Apache-2.0
// One rule that looks at arguments, as instructions: each test goes on to the next, or past the rule's
// verdict. An argument is two words, of which the upper one decides first.
import { codes, load, mask, offsets, returns, test } from './bpf.ts'
import type { Instruction } from './bpf.ts'
import type { ArgumentTest, SyscallRule } from './seccomp-profile.ts'

/** Where a step leads; `next` is the instruction after the test, `fail` the one after the rule. */
type Way = 'on' | 'pass' | 'fail'

/** A step of a test. */
type Step =
  | { readonly kind: 'do'; readonly instruction: Instruction }
  | {
      readonly kind: 'ask'
      readonly code: Parameters<typeof test>[0]
      readonly operand: number
      readonly whenTrue: Way
      readonly whenFalse: Way
    }

/** The instructions of a rule with tests; those behind it are reached where it does not fit. */
export function argumentBlock({ tests, verdict }: SyscallRule): readonly Instruction[] {
  const parts = tests.map(stepsOf)
  const total = parts.reduce((sum, steps) => sum + steps.length, 0)
  const block: Instruction[] = []
  for (const steps of parts) {
    const passAt = block.length + steps.length
    for (const step of steps) {
      const at = block.length + 1
      const distance = (way: Way): number =>
        way === 'on' ? 0 : way === 'pass' ? passAt - at : total + 1 - at
      block.push(
        step.kind === 'do'
          ? step.instruction
          : test(step.code, step.operand, {
              whenTrue: distance(step.whenTrue),
              whenFalse: distance(step.whenFalse),
            }),
      )
    }
  }
  return [...block, returns(verdict)]
}

function stepsOf(one: ArgumentTest): readonly Step[] {
  const low = offsets.args + one.index * 8
  const lower = stepsOfWord(one, { at: low, shift: 0n, asks: lowerAsks })
  if (one.isInt) return lower
  return [...stepsOfWord(one, { at: low + 4, shift: 32n, asks: upperAsks }), ...lower]
}

type Ask = readonly [code: 'jumpEqual' | 'jumpGreater' | 'jumpGreaterEqual', yes: Way, no: Way]
type Asks = Readonly<Record<ArgumentTest['op'], readonly Ask[]>>

const isMore: readonly Ask[] = [
  ['jumpGreater', 'pass', 'on'],
  ['jumpEqual', 'on', 'fail'],
]
const isLess: readonly Ask[] = [
  ['jumpGreater', 'fail', 'on'],
  ['jumpEqual', 'on', 'pass'],
]
/** Where the upper words are the same, the lower ones decide. */
const upperAsks: Asks = {
  EQ: [['jumpEqual', 'on', 'fail']],
  NE: [['jumpEqual', 'on', 'pass']],
  MASKED_EQ: [['jumpEqual', 'on', 'fail']],
  GT: isMore,
  GE: isMore,
  LT: isLess,
  LE: isLess,
}
const lowerAsks: Asks = {
  EQ: [['jumpEqual', 'pass', 'fail']],
  NE: [['jumpEqual', 'fail', 'pass']],
  MASKED_EQ: [['jumpEqual', 'pass', 'fail']],
  GT: [['jumpGreater', 'pass', 'fail']],
  GE: [['jumpGreaterEqual', 'pass', 'fail']],
  LT: [['jumpGreaterEqual', 'fail', 'pass']],
  LE: [['jumpGreater', 'fail', 'pass']],
}

function stepsOfWord(
  one: ArgumentTest,
  { at, shift, asks }: { readonly at: number; readonly shift: bigint; readonly asks: Asks },
): readonly Step[] {
  const word = (value: bigint): number => Number((value >> shift) & 0xffff_ffffn)
  const operand = word(one.value)
  return [
    { kind: 'do', instruction: load(at) },
    ...(one.op === 'MASKED_EQ' ? [{ kind: 'do', instruction: mask(word(one.mask)) } as const] : []),
    ...asks[one.op].map(([code, whenTrue, whenFalse]): Step => ({
      kind: 'ask',
      code: codes[code],
      operand,
      whenTrue,
      whenFalse,
    })),
  ]
}
