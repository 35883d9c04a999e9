// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { FakeEngine } from '../../../../test/support/fake-engine.ts'
import type { KnownContainer } from './container-state.ts'
import { EngineStats } from './engine-stats.ts'

const key = { pod: { namespace: 'n', name: 'p', uid: 'u' }, name: 'main', attempt: 0 }
const what = 'GET /containers/c1/stats'
const { signal } = new AbortController()

test('two who ask at the same time get one rate, over the time since the answer before', async () => {
  await using engine = await FakeEngine.open()
  const { clock, client } = engine
  const waiting: ServerResponse[] = []
  engine.answers.set(what, (response) => void waiting.push(response))
  const container: KnownContainer = {
    engineId: 'c1',
    run: {
      key,
      containerId: 'docker://c1',
      image: 'i',
      imageId: 'i',
      state: { kind: 'running', startedAtMs: clock.nowMs() },
    },
    isTerminal: false,
    logPath: undefined,
    stopSignal: undefined,
  }
  const stats = new EngineStats({
    engine: { client, isLocal: false, kind: 'docker', info: { NCPU: 1, MemTotal: 1 } },
    layers: { latest: () => new Map() },
    clock,
    table: { get: () => container, all: () => [container] },
    sandboxes: { get: () => undefined },
  })
  const answer = (nanoseconds: number): void => {
    waiting.shift()?.end(JSON.stringify({ cpu_stats: { cpu_usage: { total_usage: nanoseconds } } }))
  }
  const ask = async (times: number): Promise<() => Promise<number | undefined>> => {
    const asked = stats.read([key], signal)
    await engine.untilAsked(what, times)
    return async () => (await asked)[0]?.stats.cpu?.usageNanoCores
  }
  const before = await ask(1)
  answer(0)
  assert.equal(await before(), undefined)
  await clock.advance(10_000)
  const first = await ask(2)
  const second = await ask(3)
  answer(1e9)
  assert.equal(await first(), 1e8)
  await clock.advance(10)
  answer(1.5e9)
  assert.equal(await second(), 1e8)
})
