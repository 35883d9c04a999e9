// SPDX-License-Identifier: Apache-2.0
// A seccomp profile as people write it for container runtimes: JSON as the OCI runtime specification has it.
// What it does not know is a mistake, except for a name of a system call, which another kernel may have.
import * as v from 'valibot'
import { VkError } from '../../../../util/vk-error.ts'
import {
  asksTracer,
  eperm,
  failsWith,
  verdicts,
  type ArgumentTest,
  type SeccompProfile,
  type SyscallRule,
  type Verdict,
} from './seccomp-profile.ts'

/** What each comes to, with its errno or what a tracer is told. */
const actions = {
  SCMP_ACT_KILL: () => verdicts.killThread,
  SCMP_ACT_KILL_THREAD: () => verdicts.killThread,
  SCMP_ACT_KILL_PROCESS: () => verdicts.killProcess,
  SCMP_ACT_TRAP: () => verdicts.trap,
  SCMP_ACT_ERRNO: failsWith,
  SCMP_ACT_TRACE: asksTracer,
  SCMP_ACT_LOG: () => verdicts.log,
  SCMP_ACT_ALLOW: () => verdicts.allow,
} as const satisfies Readonly<Record<string, (data: number) => Verdict>>
type Action = keyof typeof actions

const operators = {
  SCMP_CMP_NE: 'NE',
  SCMP_CMP_LT: 'LT',
  SCMP_CMP_LE: 'LE',
  SCMP_CMP_EQ: 'EQ',
  SCMP_CMP_GE: 'GE',
  SCMP_CMP_GT: 'GT',
  SCMP_CMP_MASKED_EQ: 'MASKED_EQ',
} as const
type Operator = keyof typeof operators

const action = v.picklist(Object.keys(actions) as [Action, ...Action[]])
const errno = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(4095))
const largestWord = 2n ** 64n - 1n
const word = v.union([
  v.pipe(v.number(), v.integer(), v.minValue(0)),
  v.pipe(v.bigint(), v.minValue(0n), v.maxValue(largestWord)),
])
const args = v.object({
  index: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(5)),
  value: word,
  valueTwo: v.optional(word, 0),
  op: v.picklist(Object.keys(operators) as [Operator, ...Operator[]]),
})
/** Docker's own addition: a rule for containers with some capabilities, on some processors or kernels. */
const conditions = v.optional(v.nullable(v.record(v.string(), v.unknown())))
const syscalls = v.object({
  names: v.pipe(v.array(v.string()), v.minLength(1)),
  action,
  errnoRet: v.optional(errno, eperm),
  args: v.optional(v.nullable(v.array(args))),
  includes: conditions,
  excludes: conditions,
})
const schema = v.object({
  defaultAction: action,
  defaultErrnoRet: v.optional(errno, eperm),
  syscalls: v.optional(v.nullable(v.array(syscalls))),
})

/** Reads a profile; throws a VkError that completes "cannot load seccomp profile …: ". */
export function parseOciProfile(text: string): SeccompProfile {
  let json: unknown
  try {
    json = JSON.parse(text, exactWords)
  } catch (cause) {
    throw new VkError('Invalid', 'it is not JSON', { cause })
  }
  const result = v.safeParse(schema, json)
  if (!result.success) {
    const [issue] = result.issues
    const where = v.getDotPath(issue) ?? 'it'
    throw new VkError('Invalid', `"${where}" must be ${issue.expected}, and is ${issue.received}`)
  }
  const { defaultAction, defaultErrnoRet, syscalls: entries } = result.output
  refuseConditions(entries ?? [])
  return {
    otherwise: actions[defaultAction](defaultErrnoRet),
    rules: (entries ?? []).flatMap(rulesOf),
  }
}

/** Without its condition a rule would let through what it was to keep from most. */
function refuseConditions(entries: readonly v.InferOutput<typeof syscalls>[]): void {
  for (const [index, { includes, excludes }] of entries.entries()) {
    if (Object.keys({ ...includes, ...excludes }).length === 0) continue
    const what = `"syscalls.${index}" has conditions ("includes", "excludes")`
    throw new VkError('Invalid', `${what}, which are no part of an OCI profile`)
  }
}

/** Numbers past 53 bits would be rounded; their text is exact. */
function exactWords(_key: string, value: unknown, { source }: { source?: string } = {}): unknown {
  const isRounded = typeof value === 'number' && !Number.isSafeInteger(value)
  return isRounded && source !== undefined && /^\d+$/.test(source) ? BigInt(source) : value
}

function rulesOf(entry: v.InferOutput<typeof syscalls>): readonly SyscallRule[] {
  const tests = (entry.args ?? []).map(testOf)
  const verdict = actions[entry.action](entry.errnoRet)
  const rule = (some: readonly ArgumentTest[]): SyscallRule => ({
    names: entry.names,
    verdict,
    tests: some,
  })
  // More than one look at the same argument are alternatives, and then all are.
  const hasTwice = new Set(tests.map(({ index }) => index)).size < tests.length
  return hasTwice ? tests.map((test) => rule([test])) : [rule(tests)]
}

function testOf({ index, op, value, valueTwo }: v.InferOutput<typeof args>): ArgumentTest {
  const operator = operators[op]
  return operator === 'MASKED_EQ'
    ? { index, op: operator, mask: BigInt(value), value: BigInt(valueTwo) }
    : { index, op: operator, value: BigInt(value) }
}
