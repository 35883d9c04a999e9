// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { ApiError } from '../kube/api-error.ts'
import { UserError, VkError } from '../util/vk-error.ts'
import { failureReport } from './failure-report.ts'

function thrownBy(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  return assert.fail('nothing was thrown')
}

function systemError(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}, write`), { code, syscall: 'write' })
}

test("a user's mistake is a line with its hint, and exit 2", () => {
  assert.deepEqual(failureReport(new UserError('Cannot use x: why', { hint: 'Do y.' })), {
    exitCode: 2,
    text: 'Cannot use x: why\nDo y.\n',
  })
})

test('what the API server refuses is a line without a stack, and exit 1', () => {
  for (const status of [500, 503]) {
    const refused = new ApiError(status, `Cannot list nodes: the disk is full (${status})`)
    assert.deepEqual(failureReport(refused), { exitCode: 1, text: `${refused.message}\n` })
  }
  const gone = new VkError('Unavailable', 'Cannot reach it:\n  connection refused')
  assert.equal(failureReport(gone).text, 'Cannot reach it: connection refused\n')
})

test('a machine that is out of something is told in words, with what the system said', () => {
  const { exitCode, text } = failureReport(systemError('ENOSPC', 'no space left on device'))
  assert.equal(exitCode, 1)
  assert.match(
    text,
    /^Cannot go on: the disk is full \(ENOSPC: no space left on device, write\)\nMake room .*\n$/,
  )
  const readOnly = thrownBy(() => {
    throw systemError('EROFS', 'read-only file system')
  })
  assert.match(failureReport(readOnly).text, /^Cannot go on: the file system is read-only \(EROFS/)
})

test('a fault of this program keeps its stack', () => {
  const internal = [
    new TypeError('x is not a function'),
    new VkError('Internal', 'Cannot think'),
    thrownBy(() => readFileSync(`${mkdtempGone()}/none`)),
  ]
  for (const error of internal) {
    const { exitCode, text } = failureReport(error)
    assert.equal(exitCode, 1)
    assert.match(text, /\n\s+at /)
  }
  assert.equal(failureReport('text').text, 'text\n')
})

/** The path of a folder that is not there any more. */
function mkdtempGone(): string {
  const path = mkdtempSync('/tmp/vk-failure-')
  rmSync(path, { recursive: true })
  return path
}
