// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { SpdyClient } from '../../../../test/support/spdy-client.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { systemClock } from '../../../util/clock.ts'
import type { Clock } from '../../../util/clock.ts'
import { ProtocolError } from './protocol-error.ts'
import { dataHead } from './spdy-frames.ts'
import { SpdySession, maxStreams } from './spdy-session.ts'
import type { SpdyStream } from './spdy-stream.ts'
import { tries } from '../../../../test/support/test-size.ts'

interface World {
  readonly client: SpdyClient
  readonly session: SpdySession
  readonly streams: SpdyStream[]
  readonly running: Promise<void>
  readonly wire: Duplex
}

function start(options: { onStream?: (stream: SpdyStream) => void; clock?: Clock } = {}): World {
  const [wire, server] = duplexPair()
  const streams: SpdyStream[] = []
  const session = new SpdySession(server, {
    clock: options.clock ?? systemClock,
    idleTimeoutMs: 10_000,
    onStream(stream) {
      streams.push(stream)
      options.onStream?.(stream)
    },
  })
  const running = session.run()
  running.catch(() => {})
  return { client: new SpdyClient(wire), session, streams, running, wire }
}

test('answers every stream at once, in one compression context', async () => {
  const { client, streams } = start()
  for (let i = 0; i < 5; i += 1) {
    const stream = await client.open({ streamtype: 'data', port: String(i) })
    assert.equal(stream.isReplied, true)
  }
  assert.deepEqual(
    streams.map((stream) => [stream.id, stream.header('port')]),
    [1, 3, 5, 7, 9].map((id, i) => [id, String(i)]),
  )
  client.destroy()
})

test('echoes pings of the other side and no others', async () => {
  const { client } = start()
  client.ping(1)
  client.ping(2)
  client.ping(7)
  await client.until(() => client.pings.length === 2)
  assert.deepEqual(client.pings, [1, 7])
  client.destroy()
})

test('each stream gets its own bytes in order, whatever the others do', async () => {
  const chunk = fc.uint8Array({ minLength: 1, maxLength: 5000 }).map((array) => Buffer.from(array))
  const sent = fc.array(fc.tuple(fc.nat(3), chunk), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(sent, async (chunks) => {
      const { client } = start({ onStream: (stream) => stream.pipe(stream) })
      const streams = [0, 1, 2, 3].map(() => client.open({ streamtype: 'x' }))
      const opened = await Promise.all(streams)
      for (const [i, bytes] of chunks) client.data(opened[i]?.id ?? 0, bytes)
      for (const { id } of opened) client.data(id, '', true)
      await client.until(() => opened.every(({ hasEnded }) => hasEnded))
      for (const [i, stream] of opened.entries()) {
        const wanted = Buffer.concat(chunks.filter(([to]) => to === i).map(([, bytes]) => bytes))
        assert.ok(wanted.equals(Buffer.concat(stream.received)))
      }
      client.destroy()
    }),
    { numRuns: tries(50, 10) },
  )
})

test('half a stream ends without the other', async () => {
  const { client, streams } = start()
  const stream = await client.open({ streamtype: 'x' })
  client.data(stream.id, 'in', true)
  const [served] = streams
  assert.ok(served)
  const read: string[] = []
  for await (const piece of served as AsyncIterable<Buffer>) read.push(piece.toString())
  assert.deepEqual(read, ['in'])
  served.write('still ')
  served.end('out')
  await client.until(() => stream.hasEnded)
  assert.equal(client.text(stream), 'still out')
  assert.equal(stream.resetStatus, undefined)
  client.destroy()
})

test('ids that are even, repeated or lower are reset, and their headers are read all the same', async () => {
  const { client, streams } = start()
  await client.open({ streamtype: 'a' })
  await client.begin({ only: 'once' }, { id: 2 })
  await client.begin({ only: 'once' }, { id: 1 })
  const later = await client.open({ only: 'once' })
  await client.until(() => client.resets.length === 2)
  assert.deepEqual(client.resets, [
    [2, 1],
    [1, 1],
  ])
  assert.equal(later.isReplied, true)
  assert.equal(streams.at(-1)?.header('only'), 'once')
  client.destroy()
})

test('a stream that is destroyed is reset, and what comes for it later is dropped', async () => {
  const { client, streams } = start()
  const stream = await client.open({ streamtype: 'x' })
  streams[0]?.destroy()
  await client.until(() => stream.resetStatus !== undefined)
  client.data(stream.id, 'late')
  const next = await client.open({ streamtype: 'y' })
  assert.equal(next.isReplied, true)
  client.destroy()
})

test('closing resets what is open, says goodbye and ends the connection', async () => {
  const { client, session, streams, running } = start()
  const open = await client.open({ streamtype: 'x' })
  const done = await client.open({ streamtype: 'y' })
  streams[1]?.end('last words')
  await once(streams[1] as SpdyStream, 'finish')
  session.close()
  client.raw(Buffer.alloc(0))
  await client.until(() => client.goAway !== undefined)
  assert.equal(open.resetStatus, 5)
  assert.equal(client.text(done), 'last words')
  assert.equal(client.goAway, 3)
  client.destroy()
  await running
  assert.equal(session.ended.aborted, true)
})

test('a client that vanishes ends every stream and all that waits to be sent', async () => {
  const { client, session, streams, running } = start()
  await client.open({ streamtype: 'x' })
  const [stream] = streams
  assert.ok(stream)
  const closed = new Promise<void>((resolve) => stream.once('close', resolve))
  client.destroy()
  await running
  await closed
  assert.equal(session.ended.aborted, true)
  await assert.rejects(
    new Promise((resolve, reject) => {
      stream.write('x', (error) => (error ? reject(error) : resolve(undefined)))
    }),
  )
})

test('a stream that nobody reads stops the connection, and reading it goes on', async () => {
  const { client, streams, wire } = start()
  const stream = await client.open({ streamtype: 'x' })
  const piece = Buffer.alloc(64 * 1024)
  let sent = 0
  // As long as the other side takes them; a bound that is missing makes this go on for ever.
  while (wire.writableLength === 0 && sent < 64 * 1024 * 1024) {
    client.data(stream.id, piece)
    sent += piece.length
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(sent < 4 * 1024 * 1024, `${sent} bytes were taken`)
  client.data(stream.id, '', true)
  const [served] = streams
  assert.ok(served)
  let received = 0
  for await (const part of served as AsyncIterable<Buffer>) received += part.length
  assert.equal(received, sent)
  client.destroy()
})

test('bytes that come one by one, and that nobody reads, count for what they cost', async () => {
  const { client, wire } = start()
  const stream = await client.open({ streamtype: 'x' })
  const head = dataHead(stream.id, { length: 1, isLast: false })
  const many = Buffer.concat(Array.from({ length: 500 }, () => Buffer.concat([head, Buffer.of(1)])))
  let sent = 0
  // As long as the other side takes them: without what each costs, that are 256 Ki.
  while (wire.writableLength === 0 && sent < 20_000) {
    client.raw(many)
    sent += 500
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(sent < 10_000, `${sent} pieces were taken`)
  client.destroy()
})

test('what came before the end of a connection, or a reset, is still delivered', async () => {
  for (const cut of ['end', 'reset']) {
    const received: Buffer[] = []
    const { client, running } = start({
      onStream: (stream) => stream.on('data', (bytes: Buffer) => received.push(bytes)),
    })
    const stream = await client.open({ streamtype: 'x' })
    client.data(stream.id, Buffer.alloc(20_000, 'x'))
    if (cut === 'reset') client.reset(stream.id)
    client.destroy()
    await running
    assert.equal(Buffer.concat(received).length, 20_000, cut)
  }
})

test('a client that reads nothing makes writers wait', async () => {
  const [wire, server] = duplexPair()
  const streams: SpdyStream[] = []
  const session = new SpdySession(server, {
    clock: systemClock,
    idleTimeoutMs: 10_000,
    onStream: (stream) => streams.push(stream),
  })
  void session.run()
  const client = new SpdyClient(wire)
  await client.open({ streamtype: 'x' })
  wire.pause()
  const [stream] = streams
  assert.ok(stream)
  let taken = 0
  const piece = Buffer.alloc(64 * 1024)
  while (stream.writableLength < 256 * 1024 && taken < 64 * 1024 * 1024) {
    stream.write(piece)
    taken += piece.length
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(taken < 4 * 1024 * 1024, `${taken} bytes were taken`)
  client.destroy()
})

test('too many streams are refused', async () => {
  const { client, streams } = start()
  for (let i = 0; i < maxStreams; i += 1) await client.begin({ streamtype: 'x' })
  const refused = await client.open({ streamtype: 'x' })
  assert.equal(refused.resetStatus, 3)
  assert.equal(streams.length, maxStreams)
  client.destroy()
})

test('a connection on which nothing moves is closed, and a ping is a move', async () => {
  const clock = new FakeClock()
  const { client } = start({ clock })
  await client.open({ streamtype: 'x' })
  await clock.advance(9000)
  client.ping(1)
  await client.until(() => client.pings.length === 1)
  await clock.advance(9000)
  assert.equal(client.goAway, undefined)
  await clock.advance(2000)
  await client.until(() => client.goAway !== undefined)
  client.destroy()
})

test('random bytes end the connection or do not, but nothing hangs and nothing else breaks', async () => {
  const start_ = fc.constantFrom('', '80030001', '80030002', '80030006', '00000001')
  const chunks = fc.array(fc.tuple(start_, fc.uint8Array({ maxLength: 100 })), { maxLength: 10 })
  await fc.assert(
    fc.asyncProperty(chunks, async (pieces) => {
      const { client, running, wire } = start({ onStream: (stream) => stream.resume() })
      await client.open({ streamtype: 'x' })
      for (const [prefix, array] of pieces) {
        wire.write(Buffer.concat([Buffer.from(prefix, 'hex'), array]))
      }
      wire.end()
      await running.catch((error: unknown) =>
        assert.ok(error instanceof ProtocolError, String(error)),
      )
    }),
    { numRuns: tries(200, 40) },
  )
})
