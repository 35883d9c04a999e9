// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { FakeEngine, json } from '../../../../test/support/fake-engine.ts'
import { silentLogger } from '../../../util/logger.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { containerLabels } from './container-labels.ts'
import { ContainerStops } from './container-stops.ts'
import { ContainerTable } from './container-table.ts'
import { OutOfMemory } from './out-of-memory.ts'

const owner = { nodeName: 'node-a', clusterId: 'cluster' }
const key = { pod: { namespace: 'n', name: 'p', uid: 'u' }, name: 'main', attempt: 0 }
const context = { signal: new AbortController().signal, log: silentLogger }
const [look, kill] = ['GET /containers/c1/json', 'POST /containers/c1/kill']

/** An engine with one container that runs, and that no signal but KILL ends. */
async function open(fake: FakeEngine): Promise<ContainerStops> {
  const engine = { client: fake.client, kind: 'docker', isLocal: true, info: {} } as Engine
  const table = new ContainerTable({ engine, owner, outOfMemory: new OutOfMemory(engine) })
  const image = { name: 'i', reference: 'i' }
  const inspected = (isRunning: boolean) => ({
    Id: 'c1',
    Config: { Labels: containerLabels(owner, { key, image, spec: { name: 'main' } }) },
    HostConfig: {},
    State: {
      Status: isRunning ? 'running' : 'exited',
      Running: isRunning,
      StartedAt: '2026-01-01T00:00:00Z',
      FinishedAt: isRunning ? '0001-01-01T00:00:00Z' : '2026-01-01T00:01:00Z',
      ExitCode: isRunning ? 0 : 137,
    },
  })
  fake.answers.set(look, json(inspected(true)))
  await table.refresh('c1', context.signal)
  fake.answers.set(kill, (response) => {
    response.writeHead(204).end()
    fake.answers.set(kill, (again) => {
      fake.answers.set(look, json(inspected(false)))
      again.writeHead(204).end()
    })
  })
  return new ContainerStops({ engine, table, clock: fake.clock })
}

test('what an engine takes to send the stop signal is no part of the grace', async () => {
  await using fake = await FakeEngine.open()
  const stops = await open(fake)
  const answer = fake.answers.get(kill)
  const { promise: isBusy, resolve: hasTime } = Promise.withResolvers<void>()
  fake.answers.set(kill, (response, body) => void isBusy.then(() => answer?.(response, body)))
  const stopped = stops.stop(key, { graceMs: 2000, signal: 'SIGTERM' }, context)
  await fake.untilAsked(kill)
  await fake.clock.advance(5000)
  hasTime()
  const isWaiting = async (): Promise<void> => {
    // The client's own timers are for longer.
    while ((fake.clock.nextInMs ?? Infinity) > 1000) await turn()
  }
  // It looks once a second; after the second look the grace is over.
  for (let looks = 2; looks <= 3; looks += 1) {
    await isWaiting()
    assert.equal(fake.asked.filter((what) => what === kill).length, 1)
    await fake.clock.advance(1000)
    await fake.untilAsked(look, looks)
  }
  await fake.untilAsked(kill, 2)
  await isWaiting()
  await fake.clock.advance(1000)
  await stopped
})
