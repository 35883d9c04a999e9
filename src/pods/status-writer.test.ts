// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from '../kube/api-error.ts'
import { pods } from '../kube/resources.ts'
import type { Pod, PodStatus } from '../kube/types.gen.ts'
import { FakeClock } from '../util/fake-clock.ts'
import { silentLogger } from '../util/logger.ts'
import { MemoryKubeClient } from '../../test/support/memory-kube-client.ts'
import { testPod } from '../../test/support/test-pods.ts'
import type { PendingStatus, StatusSource } from './status-writer.ts'
import { StatusWriter } from './status-writer.ts'
import { WriteWindow } from './write-window.ts'

class Fixture implements StatusSource, AsyncDisposable {
  readonly clock = new FakeClock()
  readonly client = new MemoryKubeClient()
  readonly wanted = new Map<string, PodStatus>()
  readonly api = new Map<string, Pod>()
  readonly goneUids: string[] = []
  readonly writer: StatusWriter

  readonly warnings: object[] = []

  constructor(concurrency = 10) {
    const { clock } = this
    const log = { ...silentLogger, warn: (fields: object) => void this.warnings.push(fields) }
    const options = { nodeName: 'node', clock, log, concurrency }
    this.writer = new StatusWriter(this.client, this, options)
  }

  async bind(name: string): Promise<Pod> {
    const pod = await this.client.create(pods, testPod({ name }))
    this.api.set(pod.metadata.uid, pod)
    return pod
  }

  want({ metadata: { uid } }: Pod, phase: string): void {
    this.wanted.set(uid, { phase })
    this.writer.wake(uid)
  }

  pending(uid: string): PendingStatus | undefined {
    const api = this.api.get(uid)
    const wanted = this.wanted.get(uid)
    return api && wanted ? { api, wanted } : undefined
  }

  written(uid: string, { answer }: { readonly answer: Pod }): void {
    this.api.set(uid, answer)
  }

  gone(uid: string): void {
    this.goneUids.push(uid)
  }

  get patches(): readonly string[] {
    const bodies = this.client.calls.filter(({ verb }) => verb === 'patch')
    return bodies.map(({ body }) => String((body as Pod).status?.phase))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.writer[Symbol.asyncDispose]()
  }
}

test('writes the newest state only, one request at a time', async () => {
  await using fixture = new Fixture()
  const { client, clock } = fixture
  const pod = await fixture.bind('a')
  const held = Promise.withResolvers<void>()
  client.before = ({ verb }) => (verb === 'patch' ? held.promise : undefined)
  fixture.want(pod, 'Running')
  await clock.advance(0)
  fixture.want(pod, 'Unknown')
  fixture.want(pod, 'Failed')
  await clock.advance(0)
  assert.deepEqual(fixture.patches, ['Running'])
  held.resolve()
  await clock.advance(0)
  assert.deepEqual(fixture.patches, ['Running', 'Failed'])
  assert.equal(fixture.writer.size, 0)
})

test('writes nothing when the API says already what is wanted', async () => {
  await using fixture = new Fixture()
  const pod = await fixture.bind('a')
  fixture.want(pod, 'Pending')
  await fixture.clock.advance(0)
  assert.deepEqual(fixture.patches, [])
})

test('tries again after errors, for ever, and sends what is wanted by then', async () => {
  await using fixture = new Fixture()
  const { client, clock } = fixture
  const pod = await fixture.bind('a')
  client.before = () => {
    throw new ApiError(500, 'broken')
  }
  fixture.want(pod, 'Running')
  await clock.advance(60_000)
  assert.ok(fixture.patches.length > 5)
  client.before = () => {}
  fixture.want(pod, 'Failed')
  await clock.advance(60_000)
  assert.equal(fixture.api.get(pod.metadata.uid)?.status?.phase, 'Failed')
})

test('says which pod a status could not be written for, and when it is tried again', async () => {
  await using fixture = new Fixture()
  const { client, clock, warnings } = fixture
  const pod = await fixture.bind('a')
  client.before = () => {
    throw new ApiError(500, 'broken')
  }
  fixture.want(pod, 'Running')
  await clock.advance(0)
  const [warning] = warnings as { readonly retryInMs: number }[]
  assert.ok(Number.isInteger(warning?.retryInMs))
  const { retryInMs } = warning ?? {}
  const { uid } = pod.metadata
  assert.deepEqual(warning, { pod: 'default/a', uid, error: 'broken', failures: 1, retryInMs })
})

test('waits as long as an overloaded server asks for', async () => {
  await using fixture = new Fixture()
  const { client, clock } = fixture
  const pod = await fixture.bind('a')
  client.before = () => {
    client.before = () => {}
    throw new ApiError(429, 'too many requests', { retryAfterMs: 7000 })
  }
  fixture.want(pod, 'Running')
  await clock.advance(6900)
  assert.equal(fixture.patches.length, 1)
  await clock.advance(200)
  assert.equal(fixture.patches.length, 2)
})

test('gives up a pod that is gone, or whose name belongs to another', async () => {
  await using fixture = new Fixture()
  const { client, clock } = fixture
  const gone = await fixture.bind('a')
  await client.delete(pods, { namespace: 'default', name: 'a' }, { gracePeriodSeconds: 0 })
  const replaced = await fixture.bind('b')
  await client.delete(pods, { namespace: 'default', name: 'b' }, { gracePeriodSeconds: 0 })
  await client.create(pods, testPod({ name: 'b' }))
  fixture.want(gone, 'Running')
  fixture.want(replaced, 'Running')
  await clock.advance(100_000)
  assert.deepEqual(fixture.goneUids, [gone.metadata.uid, replaced.metadata.uid])
  assert.equal(fixture.patches.length, 2)
})

test('keeps to its window', async () => {
  await using fixture = new Fixture(2)
  const { client, clock } = fixture
  const bound = await Promise.all(['a', 'b', 'c'].map((name) => fixture.bind(name)))
  const held = Promise.withResolvers<void>()
  client.before = ({ verb }) => (verb === 'patch' ? held.promise : undefined)
  for (const pod of bound) fixture.want(pod, 'Running')
  await clock.advance(0)
  assert.equal(fixture.patches.length, 2)
  held.resolve()
  await clock.advance(0)
  assert.equal(fixture.patches.length, 3)
})

test('the window halves on overload, once for refusals that come together, and grows back', () => {
  const window = new WriteWindow(8)
  for (let entered = 0; entered < 8; entered++) assert.ok(window.tryEnter())
  assert.ok(!window.tryEnter())
  window.leaveOverloaded(0)
  window.leaveOverloaded(10)
  assert.equal(window.size, 4)
  assert.ok(!window.tryEnter())
  for (let left = 0; left < 6; left++) window.leave()
  for (let writes = 0; writes < 100; writes++) {
    assert.ok(window.tryEnter())
    window.leave()
  }
  assert.equal(window.size, 8)
})
