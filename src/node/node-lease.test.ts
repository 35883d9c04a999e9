// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { MemoryKubeClient } from '../../test/support/memory-kube-client.ts'
import { ApiError } from '../kube/api-error.ts'
import { leases } from '../kube/resources.ts'
import type { Lease } from '../kube/types.gen.ts'
import { FakeClock } from '../util/fake-clock.ts'
import type { Logger } from '../util/logger.ts'
import { silentLogger } from '../util/logger.ts'
import { VkError } from '../util/vk-error.ts'
import { NodeLease } from './node-lease.ts'
import type { NodeLeaseOptions } from './node-lease.ts'
import { parseWireMicroTime } from '../util/wire-time.ts'

const at = { namespace: 'kube-node-lease', name: 'n' }

function setUp(given: Partial<NodeLeaseOptions> = {}) {
  const client = new MemoryKubeClient()
  const clock = new FakeClock()
  let uid = 'uid-1'
  const lease = new NodeLease(client, {
    nodeName: 'n',
    nodeUid: () => uid,
    clock,
    log: silentLogger,
    renewMs: 10_000,
    durationSeconds: 40,
    callTimeoutMs: 10_000,
    random: () => 0.5,
    ...given,
  })
  const stored = (): Lease =>
    client.store.get({ collection: 'coordination.k8s.io/v1/leases', ...at }) as unknown as Lease
  const writes = () => client.count('replace', 'leases') + client.count('create', 'leases')
  const setUid = (next: string): void => void (uid = next)
  const dispose = () => lease[Symbol.asyncDispose]()
  return { client, clock, lease, stored, writes, setUid, [Symbol.asyncDispose]: dispose }
}

function timeOf(lease: Lease): number {
  return parseWireMicroTime(lease.spec.renewTime ?? '') ?? Number.NaN
}

test('creates the lease as the kubelet does and renews it every 10 s', async () => {
  await using t = setUp()
  t.lease.start()
  await t.clock.advance(0)
  const { metadata, spec } = t.stored()
  assert.equal(spec.holderIdentity, 'n')
  assert.equal(spec.leaseDurationSeconds, 40)
  assert.match(spec.renewTime ?? '', /^2026-01-01T00:00:00\.\d{6}Z$/)
  assert.deepEqual(metadata.ownerReferences, [
    { apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'uid-1' },
  ])
  await t.clock.advance(5000)
  assert.equal(t.writes(), 2, 'the first gap is shorter, by chance')
  await t.clock.advance(100_000)
  assert.ok(t.writes() >= 12 && t.writes() <= 13, `${t.writes()}`)
  assert.equal(t.client.count('get', 'leases'), 1, 'no reading between renewals')
})

test('spreads the renewals of many nodes that start together', async () => {
  const firstGaps = await Promise.all(
    [0, 0.25, 0.5, 0.75].map(async (chance) => {
      await using t = setUp({ random: () => chance })
      t.lease.start()
      await t.clock.advance(0)
      return t.clock.nextInMs
    }),
  )
  assert.deepEqual(firstGaps.slice(1), [2500, 5000, 7500])
})

test('renewTime only grows, whatever the clock does', async () => {
  const jump = fc.integer({ min: -1e10, max: 1e10 })
  await fc.assert(
    fc.asyncProperty(fc.array(jump, { minLength: 1, maxLength: 8 }), async (jumps) => {
      let offsetMs = 0
      const clock = new FakeClock()
      const jumping = {
        nowMs: () => clock.nowMs() + offsetMs,
        monotonicMs: () => clock.monotonicMs(),
        setTimer: (delayMs: number, fire: () => void) => clock.setTimer(delayMs, fire),
        sleep: (delayMs: number, options?: { signal?: AbortSignal }) =>
          clock.sleep(delayMs, options),
      }
      await using t = setUp({ clock: jumping })
      t.lease.start()
      await clock.advance(0)
      let last = timeOf(t.stored())
      for (const jumpMs of jumps) {
        offsetMs += jumpMs
        await clock.advance(10_000)
        assert.ok(timeOf(t.stored()) > last)
        last = timeOf(t.stored())
      }
    }),
    { seed: 7, numRuns: 50 },
  )
})

test('goes on from a renewTime that an earlier process has set in the future', async () => {
  await using t = setUp()
  const spec = { renewTime: '2030-01-01T00:00:00.000005Z', holderIdentity: 'n' }
  await t.client.create(leases, { metadata: { ...at }, spec })
  t.lease.start()
  await t.clock.advance(0)
  assert.equal(t.stored().spec.renewTime, '2030-01-01T00:00:00.000006Z')
})

test('gives the lease to the new Node after a recreation, and keeps other owners', async () => {
  await using t = setUp()
  const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'y' }
  const stale = { apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'uid-0' }
  await t.client.create(leases, {
    metadata: { ...at, ownerReferences: [stale, other] },
    spec: {},
  })
  t.lease.start()
  await t.clock.advance(0)
  const uids = () => t.stored().metadata.ownerReferences?.map((owner) => owner.uid)
  assert.deepEqual(uids(), ['y', 'uid-1'])
  t.setUid('uid-2')
  t.lease.renewNow()
  await t.clock.advance(0)
  assert.deepEqual(uids(), ['y', 'uid-2'])
})

test('reads again after a conflict and renews at once', async () => {
  await using t = setUp()
  t.lease.start()
  await t.clock.advance(0)
  await t.client.patch(leases, at, { type: 'merge', body: { metadata: { labels: { a: 'b' } } } })
  const before = timeOf(t.stored())
  await t.clock.advance(5000)
  assert.ok(timeOf(t.stored()) > before)
  assert.deepEqual(t.stored().metadata.labels, { a: 'b' })
})

test('is not put off by lost replies', async () => {
  await using t = setUp()
  let isLossy = true
  t.client.after = (call) => {
    if (isLossy && call.verb !== 'get') throw new VkError('Unavailable', 'Cannot read the reply')
  }
  t.lease.start()
  await t.clock.advance(3000)
  isLossy = false
  await t.clock.advance(7000)
  const before = timeOf(t.stored())
  await t.clock.advance(11_000)
  assert.ok(timeOf(t.stored()) > before)
})

test('makes the lease anew when it was deleted, and says so', async () => {
  let gone = 0
  await using t = setUp({ onGone: () => gone++ })
  t.lease.start()
  await t.clock.advance(0)
  await t.client.delete(leases, at)
  await t.clock.advance(5000)
  assert.equal(gone, 1)
  assert.equal(t.stored().spec.holderIdentity, 'n')
})

test('waits 200 ms to 7 s between tries while the namespace is missing', async () => {
  const lines: string[] = []
  const warn = (fields: object): void => void lines.push(JSON.stringify(fields))
  const log: Logger = { ...silentLogger, warn }
  await using t = setUp({ log, random: () => 0 })
  let isMissing = true
  const tries: number[] = []
  t.client.before = ({ verb }) => {
    if (verb !== 'create' || !isMissing) return
    tries.push(t.clock.nowMs())
    throw new ApiError(404, 'Cannot create lease "n": namespaces "kube-node-lease" not found')
  }
  t.lease.start()
  await t.clock.advance(60_000)
  const gaps = tries.slice(1).map((time, index) => time - (tries[index] ?? 0))
  assert.deepEqual(gaps.slice(0, 8), [200, 400, 800, 1600, 3200, 6400, 7000, 7000])
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /kube-node-lease/)
  isMissing = false
  await t.clock.advance(7000)
  assert.equal(t.stored().spec.holderIdentity, 'n')
})

test('gives up a renewal that hangs after 10 s and never has two at once', async () => {
  await using t = setUp()
  let inFlight = 0
  let most = 0
  let isHanging = false
  t.client.before = async ({ signal }) => {
    inFlight++
    most = Math.max(most, inFlight)
    if (isHanging) {
      await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }))
    }
    inFlight--
  }
  t.lease.start()
  await t.clock.advance(0)
  isHanging = true
  const before = t.client.calls.length
  await t.clock.advance(5000 + 9900)
  assert.equal(t.client.calls.length - before, 1)
  t.lease.renewNow()
  await t.clock.advance(500)
  isHanging = false
  await t.clock.advance(15_000)
  assert.equal(most, 1)
  assert.ok(timeOf(t.stored()) / 1000 > t.clock.nowMs() - 11_000)
})

test('does not hammer a server that conflicts for ever', async () => {
  await using t = setUp()
  t.lease.start()
  await t.clock.advance(0)
  t.client.before = ({ verb }) => {
    if (verb === 'replace') throw new ApiError(409, 'Cannot replace lease "n": it has changed')
  }
  const before = t.client.count('replace', 'leases')
  await t.clock.advance(60_000)
  assert.ok(t.client.count('replace', 'leases') - before < 25)
})

test('ends while a renewal hangs', async () => {
  const t = setUp()
  t.client.before = ({ signal }) =>
    new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }))
  t.lease.start()
  await t.clock.advance(0)
  await t[Symbol.asyncDispose]()
  assert.equal(t.clock.pending, 0)
})
