// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeEngine } from '../../../../test/support/fake-engine.ts'
import { whileHeard } from './while-heard.ts'

const patient = new AbortController().signal
const silence = { message: 'The engine at unix:fake gave no answer for 60 s', code: 'Timeout' }

test('an engine that says nothing fails every kind of request after a minute', async () => {
  await using engine = await FakeEngine.open()
  const { client, clock } = engine
  const options = { signal: patient }
  const calls = [
    client.text({ path: '/text' }, options),
    client.bytes({ path: '/bytes' }, options),
    client.stream({ path: '/stream' }, options),
    client.hijack({ method: 'POST', path: '/hijack', body: {} }, options),
  ].map((call) => assert.rejects(call, silence))
  for (const what of ['GET /text', 'GET /bytes', 'GET /stream', 'POST /hijack']) {
    await engine.untilAsked(what)
  }
  await clock.advance(60_000)
  await Promise.all(calls)
})

test('a stream that has begun is not under the deadline, and ends with its own signal', async () => {
  await using engine = await FakeEngine.open()
  const { client, clock } = engine
  engine.answers.set('GET /events', (response) => void response.write('{}'))
  const leaving = new AbortController()
  const stream = await client.stream({ path: '/events' }, { signal: leaving.signal })
  await clock.advance(3_600_000)
  assert.equal(stream.destroyed, false)
  leaving.abort()
  await assert.rejects(async () => {
    for await (const piece of stream) assert.equal(String(piece), '{}')
  }, /abort/)
})

test('an answer that stalls in its middle fails whoever waits for it, and nobody who is busy with it', async () => {
  await using engine = await FakeEngine.open()
  const { client, clock } = engine
  engine.answers.set('GET /logs', (response) => void response.write('begun'))
  const stream = await client.stream({ path: '/logs' }, { signal: patient })
  const pieces = whileHeard(stream, { clock, maxSilenceMs: 1000, message: 'it stalls' })
  assert.equal(String((await pieces.next()).value), 'begun')
  await clock.advance(3_600_000)
  const next = assert.rejects(pieces.next(), { message: 'it stalls', code: 'Timeout' })
  await clock.advance(1000)
  await next
  assert.equal(stream.destroyed, true)
})
