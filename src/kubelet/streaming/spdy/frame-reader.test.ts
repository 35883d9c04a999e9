// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { FrameReader, maxControlLength } from './frame-reader.ts'
import type { Frame } from './frame-reader.ts'
import { ProtocolError } from './protocol-error.ts'
import { dataHead, goAwayFrame, headersFrame, pingFrame, resetFrame } from './spdy-frames.ts'

const streamId = fc.integer({ min: 1, max: 2 ** 31 - 1 })
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))

/** A frame as it goes over the wire, and what is read from it. */
const framePair: fc.Arbitrary<readonly [Buffer, Frame]> = fc.oneof(
  fc
    .record({ streamId, bytes, isLast: fc.boolean() })
    .map(
      (frame) =>
        [
          Buffer.concat([
            dataHead(frame.streamId, { length: frame.bytes.length, isLast: frame.isLast }),
            frame.bytes,
          ]),
          { kind: 'data', ...frame },
        ] as const,
    ),
  fc.record({ streamId, block: bytes, isLast: fc.boolean() }).map(
    (frame) =>
      [
        headersFrame(2, {
          fixed: [frame.streamId],
          block: frame.block,
          flags: frame.isLast ? 1 : 0,
        }),
        { kind: 'synReply', ...frame },
      ] as const,
  ),
  streamId.map((id) => [pingFrame(id), { kind: 'ping', id }] as const),
  streamId.map(
    (id) => [resetFrame(id, 5), { kind: 'rstStream', streamId: id, status: 5 }] as const,
  ),
  streamId.map((id) => [goAwayFrame(id), { kind: 'goAway' }] as const),
)

/** Cuts a buffer at these places, which wrap around. */
function split(whole: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [...new Set(places.map((place) => place % (whole.length + 1)))].sort((a, b) => a - b)
  return [0, ...cuts].map((from, i) => whole.subarray(from, cuts[i] ?? whole.length))
}

function* framesOf(reader: FrameReader, chunk: Buffer): Generator<Frame> {
  reader.feed(chunk)
  for (let frame; (frame = reader.next());) yield frame
}

/** Pieces of one data frame put together again. */
function joined(frames: readonly Frame[], lengths: readonly number[]): Frame[] {
  const whole: Frame[] = []
  const left = [...lengths]
  let open: Extract<Frame, { kind: 'data' }> | undefined
  for (const frame of frames) {
    if (frame.kind !== 'data') {
      whole.push(frame)
      continue
    }
    open = open ? { ...frame, bytes: Buffer.concat([open.bytes, frame.bytes]) } : frame
    if (open.bytes.length < (left[0] ?? 0)) continue
    whole.push(open)
    open = undefined
    left.shift()
  }
  return whole
}

test('reads the same frames however they are split', () => {
  fc.assert(
    fc.property(fc.array(framePair), fc.array(fc.nat()), (pairs, places) => {
      const reader = new FrameReader()
      const chunks = split(Buffer.concat(pairs.map(([wire]) => wire)), places)
      const frames = chunks.flatMap((chunk) => [...framesOf(reader, chunk)])
      const wanted = pairs.map(([, frame]) => frame)
      const lengths = wanted.flatMap((frame) => (frame.kind === 'data' ? [frame.bytes.length] : []))
      assert.deepEqual(joined(frames, lengths), wanted)
    }),
  )
})

test('only the last piece of a data frame ends the stream', () => {
  const reader = new FrameReader()
  const wire = Buffer.concat([dataHead(7, { length: 4, isLast: true }), Buffer.from('abcd')])
  const frames = [wire.subarray(0, 10), wire.subarray(10)].flatMap((part) => [
    ...framesOf(reader, part),
  ])
  assert.deepEqual(
    frames.map((frame) => frame.kind === 'data' && [frame.bytes.toString(), frame.isLast]),
    [
      ['ab', false],
      ['cd', true],
    ],
  )
})

test('random bytes are frames or a ProtocolError, never anything else', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
      const reader = new FrameReader()
      try {
        for (const chunk of chunks) for (const _ of framesOf(reader, Buffer.from(chunk)));
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error))
      }
    }),
    { numRuns: 1000 },
  )
})

test('what breaks the rules ends the connection', () => {
  const broken: Readonly<Record<string, Buffer>> = {
    'data on stream 0': dataHead(0, { length: 1, isLast: false }),
    'ping without an id': Buffer.from('8003000600000000', 'hex'),
    'ping 0': pingFrame(0),
    'an unknown type': Buffer.from('8003000500000000', 'hex'),
    'another version': Buffer.from('8002000600000004', 'hex'),
    'a control frame that is too long': Buffer.from(
      `80030001${(maxControlLength + 1).toString(16).padStart(8, '0')}`,
      'hex',
    ),
    'SYN_STREAM that is cut short': Buffer.from('800300010000000400000001', 'hex'),
  }
  for (const [name, wire] of Object.entries(broken)) {
    assert.throws(() => [...framesOf(new FrameReader(), wire)], ProtocolError, name)
  }
})

test('what is fed before the last was read comes behind it', () => {
  const reader = new FrameReader()
  const wire = Buffer.concat([pingFrame(1), pingFrame(3), pingFrame(5)])
  reader.feed(wire.subarray(0, 20))
  assert.deepEqual(reader.next(), { kind: 'ping', id: 1 })
  assert.deepEqual(
    [...framesOf(reader, wire.subarray(20))],
    [3, 5].map((id) => ({ kind: 'ping', id })),
  )
})

test('settings and windows are passed over', () => {
  const settings = Buffer.from('800300040000000400000000', 'hex')
  const window = Buffer.from('80030009000000080000000100010000', 'hex')
  const wire = Buffer.concat([settings, window, pingFrame(1)])
  const frames = [...framesOf(new FrameReader(), wire)]
  assert.deepEqual(
    frames.map(({ kind }) => kind),
    ['ignored', 'ignored', 'ping'],
  )
})
