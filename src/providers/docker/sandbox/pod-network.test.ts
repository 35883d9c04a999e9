// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { FakeEngine, json } from '../../../../test/support/fake-engine.ts'
import { ownerLabels } from '../container/container-labels.ts'
import { PodNetwork } from './pod-network.ts'

const owner = { clusterId: 'cluster', nodeName: 'node' }
const patient = new AbortController().signal

/** An engine with one network of this node's making, which is looked for under its name. */
async function openWorld() {
  const engine = await FakeEngine.open()
  const { answers, client } = engine
  answers.set('GET /networks', json([{ Name: 'pods', Id: 'n1', Labels: ownerLabels(owner) }]))
  answers.set('GET /networks/pods', json({}))
  answers.set('DELETE /networks/n1', json({}))
  const network = new PodNetwork({ client, owner, name: 'pods' })
  return { engine, network, [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() }
}

test('a removal that failed does not stand in the way of the next pod', async () => {
  await using world = await openWorld()
  const { engine, network } = world
  engine.answers.delete('DELETE /networks/n1')
  const leaving = new AbortController()
  const tidying = network.tidy(false, leaving.signal)
  await engine.untilAsked('DELETE /networks/n1')
  leaving.abort()
  await assert.rejects(tidying, /abort/)
  assert.equal(await network.use(async () => 'made'), 'made')
})

test('a pod that comes while the network goes waits for that, and looks for it anew', async () => {
  await using world = await openWorld()
  const { engine, network } = world
  await network.use(async () => {})
  let removal: ServerResponse | undefined
  engine.answers.set('DELETE /networks/n1', (response) => void (removal = response))
  const tidying = network.tidy(false, patient)
  await engine.untilAsked('DELETE /networks/n1')
  let isMade = false
  const using = network.use(async () => void (isMade = true))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isMade, false)
  removal?.end('{}')
  await Promise.all([tidying, using])
  assert.equal(isMade, true)
  assert.equal(engine.asked.filter((what) => what === 'GET /networks/pods').length, 2)
})

test('a network stays while a pod is being made on it, and while there is one', async () => {
  await using world = await openWorld()
  const { engine, network } = world
  await network.use(async () => await network.tidy(false, patient))
  await network.tidy(true, patient)
  assert.equal(engine.asked.includes('DELETE /networks/n1'), false)
  await network.tidy(false, patient)
  assert.equal(engine.asked.includes('DELETE /networks/n1'), true)
})
