// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import * as fc from 'fast-check'
import { ProtocolError } from './protocol-error.ts'
import { RawInflate } from './raw-inflate.ts'
import { tries } from '../../../../test/support/test-size.ts'

const maxLength = 4096
const text = 'content-length accept-encoding streamtype stdin stdout error'
/** Goes behind what is inflated: a last block, whose bytes come out as they are if all before was whole. */
const endMark = Buffer.from('010400fbff5a5a5a5a', 'hex')

/** What zlib makes of it; undefined for what is no such piece. */
function byZlib(input: Buffer, dictionary: Buffer): Buffer | undefined {
  try {
    const marked = inflateRawSync(Buffer.concat([input, endMark]), {
      // Without one it would have no window.
      ...(dictionary.length > 0 && { dictionary }),
      maxOutputLength: maxLength + 4,
    })
    const output = marked.subarray(0, Math.max(marked.length - 4, 0))
    return marked.subarray(output.length).toString('latin1') === 'ZZZZ' ? output : undefined
  } catch {
    return undefined
  }
}

function byUs(input: Buffer, dictionary: Buffer): Buffer | undefined {
  try {
    return new RawInflate(dictionary).inflate(input, { maxLength, maxBlocks: Infinity })
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error))
    return undefined
  }
}

/** Bytes with repetitions near and far. */
const piece = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)),
      fc.constantFrom(...text.split(' ')).map((word) => Buffer.from(word)),
      fc.nat(300).map((length) => Buffer.alloc(length, 'ab')),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts).subarray(0, maxLength))

const how = fc.record({
  level: fc.integer({ min: 0, max: 9 }),
  strategy: fc.constantFrom(
    constants.Z_DEFAULT_STRATEGY,
    constants.Z_FILTERED,
    constants.Z_HUFFMAN_ONLY,
    constants.Z_RLE,
    constants.Z_FIXED,
  ),
})
const dictionary = Buffer.from(text)

function deflated(bytes: Buffer, options: { level: number; strategy: number }): Buffer {
  return deflateRawSync(bytes, { ...options, dictionary, finishFlush: constants.Z_SYNC_FLUSH })
}

test('what zlib deflates comes out as it was, whatever kinds of blocks it chose', () => {
  fc.assert(
    fc.property(piece, how, (bytes, options) => {
      assert.deepEqual(byUs(deflated(bytes, options), dictionary), bytes)
    }),
    { numRuns: tries(300, 60) },
  )
})

test('what is damaged is refused, or comes out, exactly as from zlib', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 })
  fc.assert(
    fc.property(piece, how, damage, fc.nat(5), (bytes, options, changes, cut) => {
      const whole = Buffer.from(deflated(bytes, options))
      for (const [at, value] of changes) whole[at % whole.length] = value
      const input = whole.subarray(0, whole.length - cut)
      assert.deepEqual(byUs(input, dictionary), byZlib(input, dictionary))
    }),
    { numRuns: tries(1000, 200) },
  )
})

test('random bytes are refused, or come out, exactly as from zlib', () => {
  // Often a block of the kind that brings its own codes.
  const start = fc.constantFrom([], [0x04], [0x05], [0x0c, 0x82])
  fc.assert(
    fc.property(start, fc.uint8Array({ minLength: 1, maxLength: 80 }), (head, array) => {
      const input = Buffer.concat([Buffer.from(head), array])
      assert.deepEqual(byUs(input, dictionary), byZlib(input, dictionary))
    }),
    { numRuns: tries(1000, 200) },
  )
})

test('a piece may be as long as is allowed, and no longer', () => {
  for (const fill of ['a', text]) {
    const [most, more] = [Buffer.alloc(maxLength, fill), Buffer.alloc(maxLength + 1, fill)]
    for (const level of [0, 1, 9]) {
      const options = { level, strategy: constants.Z_DEFAULT_STRATEGY }
      assert.deepEqual(byUs(deflated(most, options), dictionary), most)
      assert.equal(byUs(deflated(more, options), dictionary), undefined)
    }
  }
})

test('a piece may have so many blocks, and no more', () => {
  // Empty ones, of the kind that zlib ends a flush with.
  const block = Buffer.from('000000ffff', 'hex')
  const inflate = (count: number): Buffer =>
    new RawInflate(dictionary).inflate(Buffer.concat(Array.from({ length: count }, () => block)), {
      maxLength,
      maxBlocks: 8,
    })
  assert.equal(inflate(8).length, 0)
  assert.throws(() => inflate(9), ProtocolError)
})
