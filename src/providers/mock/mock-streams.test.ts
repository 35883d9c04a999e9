// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { collectProcess } from '../../../test/support/collected-process.ts'
import { mockAttach, mockExec, mockPort } from './mock-streams.ts'

const { signal } = new AbortController()
const choice = { stdin: true, stdout: true, stderr: true, tty: false }

test('a few commands pretend to run', async () => {
  const cases = [
    [['echo', 'a', 'b'], { stdout: 'a b\n', stderr: '', exitCode: 0 }],
    [['cat'], { stdout: 'input', stderr: '', exitCode: 0 }],
    [['false'], { stdout: '', stderr: '', exitCode: 1 }],
    [['exit', '7'], { stdout: '', stderr: 'exit 7\n', exitCode: 7 }],
  ] as const
  for (const [command, wanted] of cases) {
    const run = mockExec({ ...choice, command }, signal)
    assert.deepEqual(await collectProcess(run, 'input'), wanted)
  }
})

test('any other is not found, and the message names those that are', () => {
  const run = (): unknown => mockExec({ ...choice, command: ['__proto__'] }, signal)
  assert.throws(
    run,
    /exec: "__proto__": executable file not found in \$PATH \(a mock has echo, cat/,
  )
})

test('a client that leaves ends its command', async () => {
  const gone = new AbortController()
  const run = mockExec({ ...choice, command: ['cat'] }, gone.signal)
  gone.abort()
  assert.deepEqual(await run.exited, { exitCode: 137 })
})

test('who attaches gets back what they send, until the container ends', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const run = mockAttach(choice, { ended: promise, signal })
  run.stdin?.write('hello')
  run.stdout?.once('data', () => resolve())
  assert.equal((await collectProcess(run)).stdout, 'hello')
})

test('a port sends back what it gets', async () => {
  const connection = mockPort(signal)
  connection.end('hello')
  assert.equal(await text(connection), 'hello')
})
