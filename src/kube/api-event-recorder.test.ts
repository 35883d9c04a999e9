// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startFakeApiServer } from '../../test/support/fake-api-server.ts'
import { MemoryKubeClient } from '../../test/support/memory-kube-client.ts'
import { Metrics } from '../observe/metrics.ts'
import { FakeClock } from '../util/fake-clock.ts'
import { silentLogger } from '../util/logger.ts'
import { VkError } from '../util/vk-error.ts'
import { ApiEventRecorder } from './api-event-recorder.ts'
import type { KubeClient } from './kube-client.ts'
import { events } from './resources.ts'

const pod = { kind: 'Pod', namespace: 'team', name: 'web', uid: 'u1', apiVersion: 'v1' }
const started = { type: 'Normal', reason: 'Started', message: 'Container started' } as const

function newRecorder(client: KubeClient) {
  const clock = new FakeClock(Date.UTC(2026, 0, 1))
  const metrics = new Metrics()
  const options = { component: 'kubelet', host: 'node-1', clock, log: silentLogger, metrics }
  const recorder = new ApiEventRecorder(client, options)
  const flushed = async (): Promise<void> => {
    const abort = new AbortController()
    const done = recorder.flush().finally(() => abort.abort())
    while (!abort.signal.aborted) {
      await sleep(1)
      await clock.advance(20)
    }
    await done
  }
  const dropped = async (): Promise<object> =>
    Object.fromEntries(
      (await metrics.eventsDropped.get()).values.map(({ labels, value }) => [labels.cause, value]),
    )
  return { recorder, clock, flushed, dropped }
}

test('writes an event with all that kubectl describe shows', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  const { recorder, flushed } = newRecorder(client)
  await using _recorder = recorder
  recorder.record({ ...pod, fieldPath: 'spec.containers{c}' }, started)
  await flushed()
  const [event] = server.list(events)
  assert.ok(event)
  const { name, namespace } = event.metadata
  assert.match(name, /^web\.[0-9a-f]{16}$/)
  assert.equal(namespace, 'team')
  assert.deepEqual(event.involvedObject, { ...pod, fieldPath: 'spec.containers{c}' })
  assert.deepEqual(event.source, { component: 'kubelet', host: 'node-1' })
  assert.equal(event.reportingComponent, 'kubelet')
  assert.equal(event.reportingInstance, 'node-1')
  assert.deepEqual([event.type, event.reason, event.message], Object.values(started))
  assert.equal(event.count, 1)
  assert.equal(event.firstTimestamp, '2026-01-01T00:00:00Z')
})

test('counts repetitions up with a PATCH, one for many that pile up', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  const { recorder, flushed } = newRecorder(client)
  await using _recorder = recorder
  recorder.record(pod, started)
  await flushed()
  for (let i = 0; i < 5; i++) recorder.record(pod, started)
  await flushed()
  const [event, ...others] = server.list(events)
  assert.equal(event?.count, 6)
  assert.deepEqual(others, [])
  assert.ok(server.requests.length <= 3)
})

test('makes an event anew when the server has forgotten it', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  const { recorder, flushed } = newRecorder(client)
  await using _recorder = recorder
  recorder.record(pod, started)
  await flushed()
  const [event] = server.list(events)
  server.delete(events, { namespace: 'team', name: event?.metadata.name ?? '' })
  recorder.record(pod, started)
  await flushed()
  assert.deepEqual(
    server.list(events).map(({ count }) => count),
    [2],
  )
})

test('tries again after failures, also when only the reply was lost', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  const { recorder, flushed, dropped } = newRecorder(client)
  await using _recorder = recorder
  server.fail({ verb: 'create' }, { status: 503 })
  server.fail({ verb: 'create' }, { destroy: true, afterApply: true })
  recorder.record(pod, started)
  await flushed()
  assert.equal(server.list(events).length, 1)
  recorder.record(pod, started)
  await flushed()
  assert.equal(server.list(events)[0]?.count, 2)
  assert.deepEqual(await dropped(), {})
})

test('drops an event that the server refuses, and goes on with the next', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  const { recorder, flushed, dropped } = newRecorder(client)
  await using _recorder = recorder
  server.fail({ verb: 'create' }, { status: 403 })
  recorder.record(pod, started)
  recorder.record(pod, { ...started, message: 'second' })
  await flushed()
  assert.equal(server.list(events).length, 1)
  assert.deepEqual(await dropped(), { error: 1 })
})

test('limits rate, queue and the chatter of one object, and never throws', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  const { recorder, clock, dropped } = newRecorder(client)
  await using _recorder = recorder
  for (let i = 0; i < 30; i++) recorder.record(pod, started)
  for (let i = 0; i < 5000; i++) recorder.record({ ...pod, uid: `u${i}`, name: `p${i}` }, started)
  const { rate, full } = (await dropped()) as { rate: number; full: number }
  assert.equal(rate, 5)
  assert.ok(full > 850 && full < 950, `${full} dropped as the queue was full`)
  /** As many come, and no more of them. */
  const written = async (count: number): Promise<void> => {
    for (let turns = 0; turns < 20; turns++) {
      while (server.list(events).length < count) await sleep(1)
      await sleep(1)
      await clock.advance(0)
    }
    assert.equal(server.list(events).length, count)
  }
  await written(100)
  await clock.advance(1000)
  await written(150)
})

test('brings an event through an outage of a minute, and gives it up after some', async () => {
  const client = new MemoryKubeClient()
  const { recorder, clock, dropped } = newRecorder(client)
  await using _recorder = recorder
  let isAway = true
  client.before = () => {
    if (isAway) throw new VkError('Unavailable', 'Cannot reach the API server')
  }
  const written = (): number => client.store.list('v1/events').length
  recorder.record(pod, started)
  await clock.advance(60_000)
  assert.ok(client.count('create', 'events') < 10, 'a server that is away is asked little')
  isAway = false
  await clock.advance(10_000)
  assert.equal(written(), 1)
  isAway = true
  for (let i = 0; i < 20; i++) recorder.record({ ...pod, uid: `u${i}`, name: `p${i}` }, started)
  await clock.advance(150_000)
  assert.deepEqual(await dropped(), { error: 4 })
  isAway = false
  await clock.advance(10_000)
  assert.equal(written(), 17)
})
