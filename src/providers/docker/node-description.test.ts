// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeEngine, json } from '../../../test/support/fake-engine.ts'
import type { DockerConfig } from './docker-config.ts'
import type { Engine } from './engine/connect-engine.ts'
import { EngineNode } from './node-description.ts'

const info = 'GET /info'
const image = { names: ['i:1'], sizeBytes: 5 }

function open(fake: FakeEngine): EngineNode {
  const { client, clock } = fake
  const known = { NCPU: 2, MemTotal: 4096 }
  const engine = { client, kind: 'podman', version: '1', isLocal: true, info: known }
  const config: Partial<DockerConfig> = {}
  const images = { list: async () => [image] }
  return new EngineNode(engine as Engine, { config: config as DockerConfig, images, clock })
}

test('a node is as its engine says now', async () => {
  await using fake = await FakeEngine.open()
  fake.answers.set(info, json({ NCPU: 3, MemTotal: 8192 }))
  const { capacity, images } = await open(fake).describe(new AbortController().signal)
  assert.deepEqual([capacity['cpu'], capacity['memory'], images], ['3', '8Ki', [image]])
})

test('an engine that is too busy to say what it is like is as it was', async () => {
  await using fake = await FakeEngine.open()
  const node = open(fake)
  const { signal } = new AbortController()
  const first = node.describe(signal)
  await fake.untilAsked(info)
  await fake.clock.advance(5000)
  const { capacity, images } = await first
  assert.deepEqual([capacity['cpu'], capacity['memory'], images], ['2', '4Ki', [image]])
  fake.answers.set(info, json({ NCPU: 3, MemTotal: 8192 }))
  assert.equal((await node.describe(signal)).capacity['cpu'], '3')
  fake.answers.delete(info)
  const again = node.describe(signal)
  await fake.untilAsked(info, 3)
  await fake.clock.advance(5000)
  assert.equal((await again).capacity['cpu'], '3')
})

test('whoever asks can give up', async () => {
  await using fake = await FakeEngine.open()
  const asking = new AbortController()
  const asked = open(fake).describe(asking.signal)
  await fake.untilAsked(info)
  asking.abort(new Error('no more'))
  await assert.rejects(asked, /no more/)
})
