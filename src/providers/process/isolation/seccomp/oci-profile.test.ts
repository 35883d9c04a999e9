// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseOciProfile } from './oci-profile.ts'
import { eperm, failsWith, verdicts } from './seccomp-profile.ts'

suite('a profile on the node', () => {
  test('says what happens to which call', () => {
    const profile = parseOciProfile(
      JSON.stringify({
        defaultAction: 'SCMP_ACT_ERRNO',
        architectures: ['SCMP_ARCH_X86_64'],
        flags: ['SECCOMP_FILTER_FLAG_LOG'],
        syscalls: [
          { names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' },
          { names: ['kill'], action: 'SCMP_ACT_ERRNO', errnoRet: 13, args: [] },
        ],
      }),
    )
    assert.deepEqual(profile, {
      otherwise: failsWith(eperm),
      rules: [
        { names: ['read', 'write'], verdict: verdicts.allow, tests: [] },
        { names: ['kill'], verdict: failsWith(13), tests: [] },
      ],
    })
  })

  test('has several looks at one argument as alternatives, and else all must fit', () => {
    const rulesOf = (args: string): unknown =>
      parseOciProfile(
        `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["clone"],"action":"SCMP_ACT_TRAP","args":[${args}]}]}`,
      ).rules.map(({ tests }) => tests)
    const [a, b, c] = [
      '{"index":0,"value":1,"op":"SCMP_CMP_EQ"}',
      '{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_LT"}',
      '{"index":1,"value":7,"valueTwo":1,"op":"SCMP_CMP_MASKED_EQ"}',
    ]
    const masked = { index: 1, op: 'MASKED_EQ', mask: 7n, value: 1n }
    assert.deepEqual(rulesOf(`${a},${c}`), [[{ index: 0, op: 'EQ', value: 1n }, masked]])
    assert.deepEqual(rulesOf(`${a},${b}`), [
      [{ index: 0, op: 'EQ', value: 1n }],
      [{ index: 0, op: 'LT', value: 0xffff_ffff_ffff_ffffn }],
    ])
  })

  test('with a mistake is refused in one line that says where', () => {
    const mistakes: readonly (readonly [string, RegExp])[] = [
      ['', /not JSON/],
      ['{}', /"defaultAction" must be/],
      ['{"defaultAction":"SCMP_ACT_MAYBE"}', /"defaultAction" must be/],
      ['{"defaultAction":"SCMP_ACT_NOTIFY"}', /"defaultAction" must be/],
      [
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[],"action":"SCMP_ACT_TRAP"}]}',
        /"syscalls\.0\.names" must be/,
      ],
      [
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["x"],"action":"SCMP_ACT_TRAP","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}]}',
        /"syscalls\.0\.args\.0\.index" must be/,
      ],
      [
        '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["mount"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN"]},"excludes":{}}]}',
        /"syscalls\.0" has conditions/,
      ],
    ]
    for (const [text, expected] of mistakes) {
      assert.throws(
        () => parseOciProfile(text),
        (error: Error) => {
          assert.match(error.message, expected)
          assert.ok(!error.message.includes('\n'))
          return true
        },
      )
    }
  })
})
