// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { outputFrames, type OutputFrame } from './output-frames.ts'

function encode({ stream, bytes }: OutputFrame): Buffer {
  const header = Buffer.alloc(8)
  header[0] = stream === 'stdout' ? 1 : 2
  header.writeUInt32BE(bytes.length, 4)
  return Buffer.concat([header, bytes])
}

test('frames come whole and in order, wherever the connection cuts them', async () => {
  const frame = fc
    .tuple(fc.constantFrom('stdout' as const, 'stderr' as const), fc.uint8Array({ maxLength: 30 }))
    .map(([stream, bytes]) => ({ stream, bytes: Buffer.from(bytes) }))
  const frames = fc.array(frame, { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(frames, fc.integer({ min: 1, max: 20 }), async (sent, size) => {
      const all = Buffer.concat(sent.map(encode))
      const pieces = Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
        all.subarray(index * size, (index + 1) * size),
      )
      const read: OutputFrame[] = []
      for await (const some of outputFrames(Readable.from(pieces))) read.push(...some)
      assert.deepEqual(read, sent)
    }),
  )
})

test('a frame beyond all measure ends the reading', async () => {
  const header = Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])
  await assert.rejects(outputFrames(Readable.from([header])).next(), /beyond all measure/)
})
