// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { FakeEngine } from '../../../../test/support/fake-engine.ts'
import { LayerSizes } from './layer-sizes.ts'

const what = 'GET /containers/json'

async function open(): Promise<{
  readonly engine: FakeEngine
  readonly sizes: LayerSizes
  readonly waiting: ServerResponse[]
}> {
  const engine = await FakeEngine.open()
  const waiting: ServerResponse[] = []
  engine.answers.set(what, (response) => void waiting.push(response))
  const { client, clock } = engine
  const owner = { nodeName: 'node-a', clusterId: 'cluster' }
  const { signal } = new AbortController()
  return { engine, sizes: new LayerSizes({ client, clock, owner, signal }), waiting }
}

async function untilTold(sizes: LayerSizes, id: string): Promise<number | undefined> {
  while (!sizes.latest().has(id)) await turn()
  return sizes.latest().get(id)
}

test('nobody waits for sizes, and one measurement serves all who ask for a while', async () => {
  const { engine, sizes, waiting } = await open()
  await using _engine = engine
  assert.equal(sizes.latest().size, 0)
  assert.equal(sizes.latest().size, 0)
  await engine.untilAsked(what)
  // One that has written nothing has no size in Docker's words.
  waiting.shift()?.end(JSON.stringify([{ Id: 'a', SizeRw: 12 }, { Id: 'b' }]))
  assert.equal(await untilTold(sizes, 'a'), 12)
  assert.equal(sizes.latest().get('b'), 0)
  await engine.clock.advance(19_000)
  sizes.latest()
  await turn()
  assert.equal(engine.asked.length, 1)
  await engine.clock.advance(1000)
  assert.equal(sizes.latest().get('a'), 12)
  await engine.untilAsked(what, 2)
})

test('an engine that takes long is asked less often, and one that fails is asked again', async () => {
  const { engine, sizes, waiting } = await open()
  await using _engine = engine
  sizes.latest()
  await engine.untilAsked(what)
  await engine.clock.advance(60_000)
  waiting.shift()?.writeHead(500).end()
  let asked = 1
  for (let atMs = 60_000; asked === 1; atMs += 60_000) {
    await engine.clock.advance(60_000)
    sizes.latest()
    for (let turns = 0; turns < 20; turns += 1) await turn()
    asked = engine.asked.length
    assert.ok(asked === 1 || atMs >= 600_000, `it was asked again after ${atMs} ms`)
  }
  waiting.shift()?.end(JSON.stringify([{ Id: 'a', SizeRw: 7 }]))
  assert.equal(await untilTold(sizes, 'a'), 7)
})
