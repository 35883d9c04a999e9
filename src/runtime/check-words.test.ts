// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResolvedContainer, ResolvedEnvVar } from '../provider/provider.ts'
import { VkError } from '../util/vk-error.ts'
import { checkWords } from './check-words.ts'

function refusalOf(words: Partial<ResolvedContainer>, workingDir = '/'): string | undefined {
  const spec = { name: 'main', workingDir }
  try {
    checkWords(spec, { command: ['sh'], args: [], env: [], ...words })
    return undefined
  } catch (error) {
    assert.ok(error instanceof VkError)
    assert.equal(error.podReason, 'CreateContainerConfigError')
    return error.message
  }
}

const variable = (name: string, value: string): ResolvedEnvVar => ({ name, value, isSecret: true })

test('a variable that no process can be given is named, and its value is not', () => {
  const env = [variable('FINE', 'a=b\n'), variable('TOKEN', 'hidden\0too')]
  const message = refusalOf({ env }) ?? ''
  assert.match(
    message,
    /^Cannot start container "main": environment variable "TOKEN" has a value with a zero byte, /,
  )
  assert.doesNotMatch(message, /hidden|too|\0/)
})

test('a name that ends early or goes on in its value is refused in one line', () => {
  assert.match(
    refusalOf({ env: [variable('A=B', 'v')] }) ?? '',
    /variable "A=B" has a "=" in its name/,
  )
  const zero = refusalOf({ env: [variable('A\0\nB', 'v')] }) ?? ''
  assert.match(zero, /variable "A\\u0000\\nB" has a zero byte in its name/)
  assert.match(refusalOf({ env: [variable('', 'v')] }) ?? '', /variable "" has no name/)
})

test('of command, arguments and directory the place is told', () => {
  assert.match(refusalOf({ command: ['sh', 'a\0'] }) ?? '', /: command\[1\] holds a zero byte, /)
  assert.match(refusalOf({ args: ['\0'] }) ?? '', /: args\[0\] holds a zero byte, /)
  assert.match(refusalOf({}, '/a\0b') ?? '', /: workingDir holds a zero byte, /)
  assert.equal(refusalOf({ args: ['', '=', 'ü\n'], env: [variable('a.b-c', '')] }), undefined)
})
