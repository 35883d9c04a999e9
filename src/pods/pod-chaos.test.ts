// SPDX-License-Identifier: Apache-2.0
// The whole pod loop under random faults: calls to API and backend are refused, or done and their
// replies lost; the process restarts; pods come and go. Once the faults stop, backend and API agree.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ApiError } from '../kube/api-error.ts'
import type { Pod } from '../kube/types.gen.ts'
import type { PodRef } from '../provider/provider.ts'
import { VkError } from '../util/vk-error.ts'
import { FakeBackend } from '../../test/support/fake-backend.ts'
import { MemoryKubeClient } from '../../test/support/memory-kube-client.ts'
import { PodLoopFixture } from '../../test/support/pod-loop-fixture.ts'
import { testPod } from '../../test/support/test-pods.ts'
import { tries } from '../../test/support/test-size.ts'

const names = ['a', 'b', 'c'] as const

const operation = fc.record({
  op: fc.constantFrom(
    'bind',
    'bind',
    'bind',
    'delete',
    'force',
    'ends',
    'loses',
    'restart',
    'wait',
  ),
  name: fc.constantFrom(...names),
  /** Shares of calls, in percent, that are refused and whose replies are lost. */
  refused: fc.constantFrom(0, 0, 30),
  lost: fc.constantFrom(0, 0, 30),
  waitMs: fc.constantFrom(0, 500, 5000, 61_000),
})

interface Operation {
  readonly op: string
  readonly name: string
  readonly refused: number
  readonly lost: number
  readonly waitMs: number
}

for (const isPushed of [true, false]) {
  test(`API and backend agree after random faults, ${isPushed ? 'pushed' : 'polled'}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 25, size: 'max' }), async (history) => {
        await play(history, isPushed)
      }),
      { numRuns: tries(60, 12), seed: 42 },
    )
  })
}

async function play(history: readonly Operation[], isPushed: boolean): Promise<void> {
  const client = new MemoryKubeClient()
  const backend = new FakeBackend({ isPushed })
  const violations: string[] = []
  watchInvariants({ client, backend }, (what) => violations.push(what))
  const faults = { refused: 0, lost: 0 }
  const random = randomOf(history.length + 1)
  disturb(client, backend, { faults, random })
  let node = await PodLoopFixture.start({ client, backend })
  for (const { op, name, refused, lost, waitMs } of history) {
    Object.assign(faults, { refused, lost })
    if (op === 'restart') {
      await node[Symbol.asyncDispose]()
      node = await PodLoopFixture.start({ client, backend, clock: node.clock })
    } else apply(op, name, { client, backend })
    await node.settle(waitMs)
  }
  Object.assign(faults, { refused: 0, lost: 0 })
  for (let minutes = 0; minutes < 8; minutes++) await node.settle(61_000)
  assert.deepEqual(violations, [])
  checkEnd(client, backend)
  await node[Symbol.asyncDispose]()
}

interface World {
  readonly client: MemoryKubeClient
  readonly backend: FakeBackend
}

/** What users and fate do; not subject to the faults. */
function apply(op: string, name: string, { client, backend }: World): void {
  const place = { collection: 'v1/pods', namespace: 'default', name }
  const pod = client.store.find(place) as Pod | undefined
  if (op === 'bind' && !pod) {
    client.store.create('v1/pods', 'default', testPod({ name }) as never)
  }
  if (op === 'delete' && pod) client.store.delete(place, { gracePeriodSeconds: 30 })
  if (op === 'force' && pod) client.store.delete(place, { gracePeriodSeconds: 0 })
  for (const { ref } of backend.pods.values()) {
    if (ref.name !== name) continue
    if (op === 'ends') backend.end(ref.uid)
    if (op === 'loses') backend.pods.delete(ref.uid)
  }
}

function disturb(
  client: MemoryKubeClient,
  backend: FakeBackend,
  {
    faults,
    random,
  }: { readonly faults: { refused: number; lost: number }; readonly random: () => number },
): void {
  const maybe = (share: number, error: () => Error): void => {
    if (random() * 100 < share) throw error()
  }
  const conflict = (): Error => new ApiError(409, 'the object has been modified')
  const overload = (): Error => new ApiError(429, 'too many requests', { retryAfterMs: 1000 })
  const timeout = (): Error => new VkError('Timeout', 'no answer')
  client.before = ({ verb }) => {
    if (verb === 'watch') return
    maybe(faults.refused / 2, conflict)
    maybe(faults.refused, overload)
  }
  client.after = ({ verb }) => {
    if (verb !== 'watch') maybe(faults.lost, timeout)
  }
  backend.before = () => maybe(faults.refused, () => new VkError('Unavailable', 'down'))
  backend.after = () => maybe(faults.lost, timeout)
}

/** Notes what never may happen; an error thrown here would be taken for one more fault. */
function watchInvariants({ client, backend }: World, violated: (what: string) => void): void {
  const create = backend.createPod.bind(backend)
  backend.createPod = async (request, context) => {
    const { name, uid } = request.pod.metadata
    const isRival = ({ ref }: { ref: PodRef }): boolean => ref.name === name && ref.uid !== uid
    if (backend.live.some(isRival)) violated('two live pods of one name')
    await create(request, context)
  }
  client.store.onChange(({ collection, object, previous }) => {
    if (collection !== 'v1/pods' || !object || !previous) return
    const [before, now] = [phaseOf(previous), phaseOf(object)]
    if (isFinal(before) && now !== before) violated('a final phase changed')
    if (isFinal(before) || !isFinal(now)) return
    const held = backend.pods.get(object.metadata.uid ?? '')
    if (held && !held.hasEnded) violated('a final phase while something runs')
  })
}

function checkEnd(client: MemoryKubeClient, backend: FakeBackend): void {
  const stored = client.store.list('v1/pods')
  const uids = new Set(stored.map(({ metadata }) => metadata.uid))
  for (const { metadata, status } of stored) {
    assert.equal(metadata.deletionTimestamp, undefined, `${metadata.name} was never removed`)
    const phase = status?.['phase']
    const isLive = backend.live.some(({ ref }) => ref.uid === metadata.uid)
    assert.equal(isLive, phase === 'Running', `${metadata.name} is ${String(phase)}`)
    assert.notEqual(phase, 'Pending')
  }
  for (const uid of backend.pods.keys()) assert.ok(uids.has(uid), 'the backend has a leak')
}

function phaseOf(object: { readonly status?: unknown }): string | undefined {
  return (object.status as { phase?: string } | undefined)?.phase
}

function isFinal(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed'
}

/** Numbers between 0 and 1 that are the same in each run. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}
