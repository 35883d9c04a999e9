// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Engine } from '../engine/connect-engine.ts'
import type { ContainerInspect } from '../engine/engine-objects.ts'
import { containerLabels } from './container-labels.ts'
import { ContainerTable } from './container-table.ts'
import { OutOfMemory } from './out-of-memory.ts'

const owner = { nodeName: 'node-a', clusterId: 'cluster' }
const key = { pod: { namespace: 'n', name: 'p', uid: 'u' }, name: 'main', attempt: 0 }

function inspected(isRunning: boolean): ContainerInspect {
  const at = '2026-01-01T00:00:00Z'
  const image = { name: 'i', reference: 'i' }
  return {
    Id: 'c1',
    Config: { Labels: containerLabels(owner, { key, image, spec: { name: 'main' } }) },
    HostConfig: {},
    State: { Status: isRunning ? 'running' : 'exited', Running: isRunning, StartedAt: at },
  } as unknown as ContainerInspect
}

test('the end of a container is waited for until it comes or nobody wants to know', async () => {
  const engine = { kind: 'docker', info: {} } as Engine
  const table = new ContainerTable({ engine, owner, outOfMemory: new OutOfMemory(engine) })
  table.take(inspected(true))
  const [first, second] = [new AbortController(), new AbortController()]
  const left = assert.rejects(table.whenEnded(key, first.signal), /gone/)
  const ended = table.whenEnded(key, second.signal)
  first.abort(new Error('gone'))
  await left
  table.take(inspected(false))
  await ended
})
