// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'
import { codes, maxInstructions, type Instruction } from './bpf.ts'
import { defaultProfile } from './default-profile.ts'
import { filterProgram, numberOf, type FilterArchitecture } from './filter-program.ts'
import { enosys, eperm, failsWith, verdicts } from './seccomp-profile.ts'
import type { ArgumentTest, SeccompProfile, Verdict } from './seccomp-profile.ts'
import { syscallNumbers } from './syscall-numbers.gen.ts'

interface Call {
  readonly architecture: number
  readonly number: number
  readonly args: readonly bigint[]
}

const words = { x64: 0xc000_003e, arm64: 0xc000_00b7 } as const

suite('seccomp filters', () => {
  test('judge every call as their profile says', () => {
    fc.assert(
      fc.property(architectures, profiles, fc.array(calls, { minLength: 20 }), (...given) => {
        const [architecture, profile, some] = given
        const program = filterProgram(profile, architecture)
        checkJumps(program)
        for (const call of some) {
          const whole = { ...call, architecture: words[architecture] }
          assert.equal(run(program, whole), judge(profile, architecture, whole))
        }
      }),
      { numRuns: 300 },
    )
  })

  test('end programs of another processor and those that call by x32', () => {
    for (const otherwise of [verdicts.allow, failsWith(eperm)]) {
      const program = filterProgram({ otherwise, rules: [] }, 'x64')
      assert.equal(
        run(program, { architecture: 0x4000_0003, number: 1, args: [] }),
        verdicts.killProcess,
      )
      assert.equal(run(program, call('x64', 0x4000_0001)), verdicts.killProcess)
      assert.equal(run(program, call('x64', 0xffff_ffff)), otherwise)
    }
  })

  test('let programs find out that a call newer than the profile is not there', () => {
    const rules = [{ names: ['read', 'write'], verdict: verdicts.allow, tests: [] }]
    const strict = filterProgram({ otherwise: failsWith(eperm), rules }, 'x64')
    assert.equal(run(strict, call('x64', 0)), verdicts.allow)
    assert.equal(run(strict, call('x64', 2)), failsWith(enosys))
    const lenient = filterProgram({ otherwise: verdicts.log, rules }, 'x64')
    assert.equal(run(lenient, call('x64', 2)), verdicts.log)
  })

  test('of the default profile need few steps for any call', () => {
    for (const architecture of ['x64', 'arm64'] as const) {
      const program = filterProgram(defaultProfile([]), architecture)
      checkJumps(program)
      assert.ok(program.length < maxInstructions / 8, `${program.length} instructions`)
      for (const name of ['read', 'futex', 'newfstatat', 'mmap']) {
        const steps = { count: 0 }
        run(program, call(architecture, numberOf(name, architecture)), steps)
        assert.ok(steps.count <= 14, `${name}: ${steps.count} steps`)
      }
    }
  })
})

suite('the default profile', () => {
  const verdict = (
    name: string,
    args: readonly bigint[] = [],
    capabilities: string[] = [],
  ): Verdict =>
    run(filterProgram(defaultProfile(capabilities), 'x64'), {
      architecture: words.x64,
      number: numberOf(name, 'x64') ?? assert.fail(name),
      args,
    })

  test('names system calls that there are', () => {
    for (const { names } of defaultProfile(['SYS_ADMIN', 'BPF', 'SYS_TIME', 'SYS_NICE']).rules) {
      for (const name of names) {
        assert.notEqual(numberOf(name, 'x64') ?? numberOf(name, 'arm64'), undefined, name)
      }
    }
  })

  test('has no namespaces, mounts, keys, modules or rings without a capability for them', () => {
    const refused =
      'unshare mount setns keyctl add_key bpf init_module io_uring_setup kexec_load userfaultfd reboot chroot'
    for (const name of refused.split(' ')) assert.equal(verdict(name), failsWith(eperm), name)
    for (const name of ['unshare', 'mount', 'setns', 'bpf', 'clone3']) {
      assert.equal(verdict(name, [], ['SYS_ADMIN']), verdicts.allow, name)
    }
    assert.equal(verdict('keyctl', [], ['SYS_ADMIN']), failsWith(eperm))
    assert.equal(verdict('chroot', [], ['SYS_CHROOT']), verdicts.allow)
  })

  test('has processes and threads, without namespaces of their own', () => {
    assert.equal(verdict('clone', [0x0100_0000n | 17n]), verdicts.allow)
    assert.equal(verdict('clone', [0x1000_0000n | 17n]), failsWith(eperm))
    assert.equal(verdict('clone', [0x1000_0000n], ['SYS_ADMIN']), verdicts.allow)
    assert.equal(verdict('clone3'), failsWith(enosys))
  })

  test('has no sockets to the host of a virtual machine, however the number is written', () => {
    assert.equal(verdict('socket', [2n]), verdicts.allow)
    assert.equal(verdict('socket', [40n]), failsWith(eperm))
    assert.equal(verdict('socket', [40n | (1n << 32n)]), failsWith(eperm))
    assert.equal(verdict('socket', [38n]), failsWith(eperm))
    assert.equal(verdict('personality', [0xffff_ffffn]), verdicts.allow)
    assert.equal(verdict('personality', [4n]), failsWith(eperm))
  })
})

const architectures = fc.constantFrom<FilterArchitecture>('x64', 'arm64')
const names = [
  ...syscallNumbers.x64.split(' ').map((pair) => pair.split(':')[0] ?? ''),
  'no_such_call',
]
const someVerdicts = fc.constantFrom<Verdict>(
  verdicts.allow,
  verdicts.killThread,
  verdicts.killProcess,
  verdicts.log,
  verdicts.trap,
  failsWith(eperm),
  failsWith(13),
)
/** Close to each other, so that tests are met and missed. */
const argumentWords = fc.oneof(
  fc.bigInt({ min: 0n, max: 4n }),
  fc.bigInt({ min: 0n, max: 2n }).map((high) => (high << 32n) | 1n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
)
const comparisons = fc.oneof(
  fc.record({
    op: fc.constantFrom('NE', 'LT', 'LE', 'EQ', 'GE', 'GT'),
    value: argumentWords,
  }),
  fc.record({ op: fc.constant('MASKED_EQ' as const), mask: argumentWords, value: argumentWords }),
)
const tests: fc.Arbitrary<ArgumentTest> = fc
  .tuple(comparisons, fc.nat({ max: 5 }), fc.boolean())
  .map(([comparison, index, isInt]) => ({
    ...(comparison as ArgumentTest),
    index,
    ...(isInt && { isInt: true as const }),
  }))
const profiles: fc.Arbitrary<SeccompProfile> = fc.record({
  otherwise: someVerdicts,
  rules: fc.array(
    fc.record({
      names: fc.oneof(
        fc.array(fc.constantFrom(...names.slice(0, 8)), { minLength: 1, maxLength: 4 }),
        fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 100 }),
      ),
      verdict: someVerdicts,
      tests: fc.array(tests, { maxLength: 3 }),
    }),
    { maxLength: 12 },
  ),
})
const calls = fc.record({
  number: fc.oneof(fc.nat({ max: 8 }), fc.nat({ max: 500 }), fc.nat({ max: 0xffff_ffff })),
  args: fc.array(argumentWords, { minLength: 6, maxLength: 6 }),
})

function call(architecture: FilterArchitecture, number = -1): Call {
  return { architecture: words[architecture], number, args: [] }
}

/** What a profile means, without any program. */
function judge(
  { otherwise, rules }: SeccompProfile,
  architecture: FilterArchitecture,
  { number, args }: Call,
): Verdict {
  if (number === 0xffff_ffff) return otherwise
  if (architecture === 'x64' && number >= 0x4000_0000) return verdicts.killProcess
  const numbers = (some: readonly string[]): readonly (number | undefined)[] =>
    some.map((name) => numberOf(name, architecture))
  const highest = Math.max(-1, ...rules.flatMap((rule) => numbers(rule.names)).map((n) => n ?? -1))
  if (number > highest) {
    const lenient: readonly Verdict[] = [verdicts.allow, verdicts.log]
    return lenient.includes(otherwise) ? otherwise : failsWith(enosys)
  }
  const telling = rules.filter(
    (rule) => rule.verdict !== otherwise && numbers(rule.names).includes(number),
  )
  const whole = telling.find((rule) => rule.tests.length === 0)
  return (
    (whole ?? telling.find((rule) => rule.tests.every((one) => holds(one, args))))?.verdict ??
    otherwise
  )
}

function holds(one: ArgumentTest, args: readonly bigint[]): boolean {
  const bits = one.isInt ? 32 : 64
  const given = BigInt.asUintN(bits, args[one.index] ?? 0n)
  const value = BigInt.asUintN(bits, one.value)
  const mask = one.op === 'MASKED_EQ' ? BigInt.asUintN(bits, one.mask) : 0n
  const results: Readonly<Record<ArgumentTest['op'], boolean>> = {
    EQ: given === value,
    NE: given !== value,
    LT: given < value,
    LE: given <= value,
    GT: given > value,
    GE: given >= value,
    MASKED_EQ: (given & mask) === value,
  }
  return results[one.op]
}

/** The kernel's machine, as far as filters use it. */
function run(
  program: readonly Instruction[],
  { architecture, number, args }: Call,
  steps = { count: 0 },
): Verdict {
  const data = Buffer.alloc(64)
  data.writeUInt32LE(number, 0)
  data.writeUInt32LE(architecture, 4)
  for (const [index, value] of args.entries()) data.writeBigUInt64LE(value, 16 + index * 8)
  let accumulator = 0
  for (let at = 0; ; at += 1) {
    const { code, operand, whenTrue, whenFalse } = program[at] ?? assert.fail('past the end')
    const go = (isTrue: boolean): void => void (at += isTrue ? whenTrue : whenFalse)
    steps.count += 1
    switch (code) {
      case codes.loadWord:
        accumulator = data.readUInt32LE(operand)
        break
      case codes.and:
        accumulator = (accumulator & operand) >>> 0
        break
      case codes.jump:
        at += operand
        break
      case codes.jumpEqual:
        go(accumulator === operand)
        break
      case codes.jumpGreater:
        go(accumulator > operand)
        break
      case codes.jumpGreaterEqual:
        go(accumulator >= operand)
        break
      case codes.returnConstant:
        return operand
      default:
        assert.fail(`code ${code}`)
    }
  }
}

function checkJumps(program: readonly Instruction[]): void {
  for (const { whenTrue, whenFalse, operand } of program) {
    assert.ok(whenTrue >= 0 && whenTrue <= 255 && whenFalse >= 0 && whenFalse <= 255)
    assert.ok(operand >= 0 && operand <= 0xffff_ffff)
  }
}
