// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { constants, createDeflate, createInflate } from 'node:zlib'
import type { Deflate, Inflate } from 'node:zlib'
import * as fc from 'fast-check'
import { decodeHeaders, encodeHeaders } from './header-block.ts'
import { emptyBlocks, HeaderInflater, maxBlockLength } from './header-compression.ts'
import { ProtocolError } from './protocol-error.ts'
import { spdyDictionary } from './spdy-dictionary.ts'

const dictionary = Buffer.from(spdyDictionary)
const options = { dictionary, flush: constants.Z_SYNC_FLUSH }
const name = fc.stringMatching(/^[a-z-]{1,20}$/)
const value = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !text.includes('\0'))
const headers = fc
  .array(fc.tuple(name, fc.array(value, { minLength: 1, maxLength: 3 })), { maxLength: 10 })
  .map((entries) => new Map<string, readonly string[]>(entries))

/** What zlib makes of one block in the context of those before. */
async function through(zlib: Deflate | Inflate, block: Buffer): Promise<Buffer> {
  const parts: Buffer[] = []
  const take = (part: Buffer): void => void parts.push(part)
  zlib.on('data', take)
  await new Promise<void>((resolve, reject) => {
    zlib.write(block, (error) => (error ? reject(error) : resolve()))
  })
  zlib.off('data', take)
  return Buffer.concat(parts)
}

test('the dictionary is the one that everybody has', () => {
  assert.equal(spdyDictionary.length, 1423)
  assert.equal(
    createHash('sha256').update(spdyDictionary).digest('hex'),
    '51d27341373f923f3cd88e1eb7162aeaa3723d7585ff2399201dc06498407f02',
  )
})

test('headers survive encoding', () => {
  fc.assert(fc.property(headers, (map) => assert.deepEqual(decodeHeaders(encodeHeaders(map)), map)))
})

test('a block that is no list of headers is a ProtocolError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (array) => {
      try {
        decodeHeaders(Buffer.from(array))
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error))
      }
    }),
  )
  assert.throws(() => decodeHeaders(Buffer.from('ffffffff', 'hex')), ProtocolError)
  assert.throws(() => decodeHeaders(Buffer.from('0000000000', 'hex')), ProtocolError)
})

test('zlib understands what we send: no headers, as often as it is', async () => {
  const zlib = createInflate(options)
  for (const block of [emptyBlocks.first, emptyBlocks.later, emptyBlocks.later]) {
    assert.deepEqual(decodeHeaders(await through(zlib, block)), new Map())
  }
  zlib.destroy()
})

test('we understand zlib at any level, one block after the other', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(headers, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 0, max: 9 }),
      async (maps, level) => {
        const inflater = new HeaderInflater()
        const zlib = createDeflate({ ...options, level })
        for (const map of maps) {
          const block = inflater.inflate(await through(zlib, encodeHeaders(map)))
          assert.deepEqual(decodeHeaders(block), map)
        }
        zlib.destroy()
      },
    ),
    { numRuns: 50 },
  )
})

test('a block may refer to all of the last 32 KiB', async () => {
  const inflater = new HeaderInflater()
  const zlib = createDeflate(options)
  const random = Array.from(
    { length: 5 },
    (_, i) =>
      fc.sample(fc.uint8Array({ minLength: 9000, maxLength: 9000 }), { seed: i, numRuns: 1 })[0] ??
      [],
  )
  for (const bytes of [...random, ...random, ...random.slice(2)]) {
    const block = Buffer.from(bytes)
    assert.deepEqual(inflater.inflate(await through(zlib, block)), block)
  }
  zlib.destroy()
})

test('a stream that is ended, cut short or has another dictionary is a ProtocolError', async () => {
  const whole = await through(createDeflate(options), Buffer.from('some header block of a client'))
  const inflater = new HeaderInflater()
  inflater.inflate(whole)
  for (const bad of ['01', '0300', '010000ffff', 'ff']) {
    assert.throws(() => inflater.inflate(Buffer.from(bad, 'hex')), ProtocolError, bad)
  }
  for (let length = 0; length < whole.length; length += 1) {
    const cut = whole.subarray(0, length)
    assert.throws(() => decodeHeaders(new HeaderInflater().inflate(cut)), ProtocolError)
  }
  const other = await through(createDeflate({ flush: constants.Z_SYNC_FLUSH }), Buffer.alloc(9))
  assert.throws(() => new HeaderInflater().inflate(other), ProtocolError)
})

test('random bytes are a block or a ProtocolError', () => {
  const start = fc.constantFrom('', '78bbe3c6a7c2', '78f9e3c6a7c2', '789c')
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 60 }), (prefix, array) => {
      const inflater = new HeaderInflater()
      try {
        inflater.inflate(Buffer.concat([Buffer.from(prefix, 'hex'), array]))
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error))
      }
    }),
    { numRuns: 300 },
  )
})

test('a block that grows without bound is cut off', async () => {
  const inflater = new HeaderInflater()
  const bomb = await through(createDeflate(options), Buffer.alloc(maxBlockLength * 8))
  assert.ok(bomb.length < 1024)
  assert.throws(() => inflater.inflate(bomb), ProtocolError)
})

test('blocks that grow and grow are cut off, be each as long as is allowed', async () => {
  const zlib = createDeflate(options)
  const inflater = new HeaderInflater()
  let grown = 0
  const growOn = async (): Promise<void> => {
    for (let i = 0; i < 20; i += 1) {
      grown += inflater.inflate(await through(zlib, Buffer.alloc(16 * 1024))).length
    }
  }
  await assert.rejects(growOn, ProtocolError)
  assert.ok(grown <= 64 * 1024 + 8 * 2048, `${grown}`)
  zlib.destroy()
})

test('a client may open streams for ever', async () => {
  const zlib = createDeflate({ ...options, level: 9 })
  const inflater = new HeaderInflater()
  for (let i = 0; i < 3000; i += 1) {
    const map = new Map([
      ['streamtype', [i % 2 === 0 ? 'error' : 'data']],
      ['port', ['8080']],
      ['requestid', [String(i >> 1)]],
    ])
    assert.deepEqual(decodeHeaders(inflater.inflate(await through(zlib, encodeHeaders(map)))), map)
  }
  zlib.destroy()
})

test('more of deflate in a block than anybody needs is cut off', () => {
  const start = Buffer.from('78bbe3c6a7c2', 'hex')
  const block = Buffer.from('000000ffff', 'hex')
  const many = (count: number): Buffer =>
    Buffer.concat([start, ...Array.from({ length: count }, () => block)])
  assert.equal(new HeaderInflater().inflate(many(8)).length, 0)
  assert.throws(() => new HeaderInflater().inflate(many(1000)), ProtocolError)
})
