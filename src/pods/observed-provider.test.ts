// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metrics } from '../observe/metrics.ts'
import { FakeClock } from '../util/fake-clock.ts'
import { silentLogger } from '../util/logger.ts'
import { VkError } from '../util/vk-error.ts'
import { FakeBackend } from '../../test/support/fake-backend.ts'
import { observeProvider } from './observed-provider.ts'

test('counts calls by outcome and times them', async () => {
  const metrics = new Metrics()
  const clock = new FakeClock()
  const backend = new FakeBackend()
  const provider = observeProvider(backend, { name: 'test', clock, metrics })
  const context = { signal: new AbortController().signal, log: silentLogger }
  await provider.listPods(context)
  backend.before = () => {
    throw new VkError('QuotaExceeded', 'full')
  }
  await assert.rejects(provider.listPods(context), /full/)
  const { values } = await metrics.providerCalls.get()
  assert.deepEqual(
    values.map(({ labels, value }) => [labels.call, labels.code, value]),
    [
      ['listPods', 'ok', 1],
      ['listPods', 'QuotaExceeded', 1],
    ],
  )
})

test('fails a call that hangs, and aborts its signal', async () => {
  const clock = new FakeClock()
  const backend = new FakeBackend()
  const provider = observeProvider(backend, { name: 'test', clock, timeoutMs: 5000 })
  const signals: AbortSignal[] = []
  backend.listPods = ({ signal }) => {
    signals.push(signal)
    return new Promise(() => {})
  }
  const outer = new AbortController()
  const call = provider.listPods({ signal: outer.signal, log: silentLogger })
  const failed = assert.rejects(call, (error: unknown) => {
    return error instanceof VkError && error.code === 'Timeout'
  })
  await clock.advance(5000)
  await failed
  assert.equal(signals[0]?.aborted, true)
  assert.equal(clock.pending, 0)
  const second = provider.listPods({ signal: outer.signal, log: silentLogger })
  outer.abort(new Error('closing'))
  await assert.rejects(second, /closing/)
  assert.equal(signals[1]?.aborted, true)
})

test('leaves out what the provider lacks', () => {
  const clock = new FakeClock()
  const bare = new FakeBackend({ isPushed: false, hasCleanUp: false })
  const provider = observeProvider(bare, { name: 'test', clock })
  assert.equal(provider.watchPods, undefined)
  assert.equal(provider.cleanUpPod, undefined)
})
