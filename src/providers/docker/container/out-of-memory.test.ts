// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerInspect } from '../engine/engine-objects.ts'
import { OutOfMemory } from './out-of-memory.ts'

const info = { NCPU: 1, MemTotal: 1, CgroupVersion: '1' }

function ended(ExitCode: number, more: object = {}): ContainerInspect {
  const State = { Running: false, ExitCode, OOMKilled: false, ...more }
  return { Id: 'c1', HostConfig: {}, State } as unknown as ContainerInspect
}

test('what an event said of a container is not forgotten, as the engine forgets it', () => {
  const outOfMemory = new OutOfMemory({ kind: 'docker', isLocal: false, info })
  assert.equal(outOfMemory.wasKilled(ended(137)), false)
  outOfMemory.tell('c1')
  assert.equal(outOfMemory.wasKilled(ended(137, { Running: true })), false)
  assert.equal(outOfMemory.wasKilled(ended(137)), true)
  assert.equal(outOfMemory.wasKilled({ ...ended(137), Id: 'c2' }), false)
  // It lost one of its programs, went on, and ended by itself.
  assert.equal(outOfMemory.wasKilled(ended(0)), false)
  outOfMemory.forgetContainer('c1')
  assert.equal(outOfMemory.wasKilled(ended(137)), false)
})
