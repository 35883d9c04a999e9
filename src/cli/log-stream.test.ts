// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { linesOf } from './log-stream.ts'

async function* inPieces(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  let start = 0
  for (const cut of [...cuts, bytes.length].sort((one, other) => one - other)) {
    const end = Math.min(cut, bytes.length)
    if (end > start) yield bytes.subarray(start, end)
    start = Math.max(start, end)
  }
}

async function all(lines: AsyncIterable<string>): Promise<readonly string[]> {
  const found: string[] = []
  for await (const line of lines) found.push(line)
  return found
}

test('lines are the same however the bytes are cut', async () => {
  const line = fc.stringMatching(/^[a-zé€ ]{0,20}$/u)
  await fc.assert(
    fc.asyncProperty(
      fc.array(line),
      fc.boolean(),
      fc.array(fc.nat(200)),
      async (lines, isCut, cuts) => {
        const text = lines.join('\n') + (isCut || lines.length === 0 ? '' : '\n')
        const expected = text.split('\n')
        if (expected.at(-1) === '') expected.pop()
        assert.deepEqual(await all(linesOf(inPieces(Buffer.from(text), cuts))), expected)
      },
    ),
  )
})

test('a line without end comes in pieces that fit the memory', async () => {
  const bytes = Buffer.alloc(200_000, 'x')
  const lines = await all(linesOf(inPieces(bytes, [70_000, 140_000])))
  assert.equal(lines.join('').length, bytes.length)
  assert.ok(Math.max(...lines.map(({ length }) => length)) <= 65_536)
})
