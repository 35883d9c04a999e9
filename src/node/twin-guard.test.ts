// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryKubeClient } from '../../test/support/memory-kube-client.ts'
import { setUpNode } from '../../test/support/node-fixture.ts'
import type { NodeUnderTest } from '../../test/support/node-fixture.ts'
import { ApiError } from '../kube/api-error.ts'
import { instanceAnnotation } from './twin-guard.ts'

/** A node that an instance `one` has registered and whose lease it has renewed. */
async function runningNode(): Promise<NodeUnderTest> {
  const one = setUpNode({ instanceId: 'one' })
  await one.start()
  await one.clock.advance(11_000)
  return one
}

function instanceOf(t: NodeUnderTest): string | undefined {
  return t.stored().metadata.annotations?.[instanceAnnotation]
}

/** Starts `next` at the time of the other; the outcome is read when `ms` have passed. */
async function outcomeOf(
  next: NodeUnderTest,
  { ms, other }: { readonly ms: number; readonly other?: NodeUnderTest },
): Promise<unknown> {
  let outcome: unknown = 'undecided'
  next.controller.start().then(
    () => (outcome = 'started'),
    (error: unknown) => (outcome = error),
  )
  for (let passed = 0; passed < ms; passed += 100) {
    await next.clock.advance(100)
    await other?.clock.advance(100)
  }
  return outcome
}

async function nextOf(
  one: NodeUnderTest,
  { instanceId, laterMs = 0 }: { readonly instanceId: string; readonly laterMs?: number },
): Promise<NodeUnderTest> {
  const next = setUpNode({ instanceId }, one.client)
  await next.clock.advance(one.clock.nowMs() - next.clock.nowMs() + laterMs)
  return next
}

test('refuses a node that another process runs, and leaves it as it is', async () => {
  await using one = await runningNode()
  assert.equal(instanceOf(one), 'one')
  await using two = await nextOf(one, { instanceId: 'two' })
  const outcome = await outcomeOf(two, { ms: 15_000, other: one })
  assert.match(
    String(outcome),
    /UserError: Cannot run node "n": another process runs it \(its lease was renewed [01] s ago\)/,
  )
  assert.equal(instanceOf(one), 'one')
})

test('of two processes that start a node at the same time one is refused', async () => {
  await using one = setUpNode({ instanceId: 'one' })
  await using two = setUpNode({ instanceId: 'two' }, one.client)
  const started = one.controller.start()
  const outcome = await outcomeOf(two, { ms: 15_000, other: one })
  await started
  assert.match(String(outcome), /another process runs it/)
  assert.equal(instanceOf(one), 'one')
})

test('takes over from a process that has crashed once its lease has stood still', async () => {
  const one = await runningNode()
  await one[Symbol.asyncDispose]()
  await using two = await nextOf(one, { instanceId: 'two' })
  assert.equal(await outcomeOf(two, { ms: 10_000 }), 'undecided')
  await two.clock.advance(4000)
  assert.equal(instanceOf(two), 'two')
})

test('takes over at once its own node, one whose lease is old, and one that was left', async () => {
  const one = await runningNode()
  await one[Symbol.asyncDispose]()
  await using again = await nextOf(one, { instanceId: 'one' })
  assert.equal(await outcomeOf(again, { ms: 100 }), 'started')
  await again[Symbol.asyncDispose]()
  const late = await nextOf(again, { instanceId: 'late', laterMs: 60_000 })
  assert.equal(await outcomeOf(late, { ms: 100 }), 'started')
  await late.controller.shutdown({ message: 'drains', isDraining: true })
  assert.equal(instanceOf(late), 'late')
  await late.controller.shutdown({ message: 'ends' })
  assert.equal(instanceOf(late), undefined)
  await late[Symbol.asyncDispose]()
  await using next = await nextOf(late, { instanceId: 'next' })
  assert.equal(await outcomeOf(next, { ms: 100 }), 'started')
  assert.equal(instanceOf(next), 'next')
})

test('takes over where it may not read leases, and reads none for a new node', async () => {
  const client = new MemoryKubeClient()
  client.before = ({ verb, plural }) => {
    if (verb === 'get' && plural === 'leases') throw new ApiError(403, 'Cannot get lease: no')
  }
  const one = setUpNode({ instanceId: 'one' }, client)
  await one.start()
  await one[Symbol.asyncDispose]()
  await using two = await nextOf(one, { instanceId: 'two' })
  assert.equal(await outcomeOf(two, { ms: 100 }), 'started')
  assert.equal(instanceOf(two), 'two')
})
