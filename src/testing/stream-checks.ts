// SPDX-License-Identifier: Apache-2.0
// Conformance: what a backend hands over about running pods: output and usage.
import assert from 'node:assert/strict'
import type { Pod } from '../kube/types.gen.ts'
import type { LogBatch } from '../provider/log-feed.ts'
import { codeOf } from '../util/vk-error.ts'
import { silentLogger } from '../util/logger.ts'
import type { Check } from './check.ts'
import { refOf, type ProviderFixture } from './provider-fixture.ts'

/** Checks of logs and stats. */
export const streamChecks: readonly Check[] = [
  {
    title: 'stored output is complete, in order, and has its times',
    needsWorkload: 'printing',
    run: readsLogs,
  },
  {
    title: 'logs of an unknown pod, container or run are NotFound',
    async run(fixture, { workloads }) {
      const pod = fixture.pod(workloads.running())
      await fixture.run(pod)
      const never = fixture.pod(workloads.running())
      const previous = { previous: true, follow: false }
      const current = { previous: false, follow: false }
      for (const [of, container, query] of [
        [never, 'c0', current],
        [pod, 'no-such-container', current],
        [pod, 'c0', previous],
      ] as const) {
        const logs = fixture.provider.logs(refOf(of), container, query, fixture.context)
        await assert.rejects(
          () => collect(logs),
          (error) => codeOf(error) === 'NotFound',
        )
      }
    },
  },
  { title: 'followed output ends when the container ends', run: followsToTheEnd },
  { title: 'followed output ends when nobody listens any more', run: stopsFollowing },
  { title: 'usage of running pods is reported, and CPU time never falls', run: reportsUsage },
]

async function readsLogs(...[fixture, { workloads }]: Parameters<Check['run']>): Promise<void> {
  if (!workloads.printing) return
  const lines = ['first line', 'second line', '', 'after an empty one — ünïcode']
  const pod = fixture.pod(workloads.printing(lines))
  await fixture.run(pod)
  const untilMs = performance.now() + fixture.timeoutMs
  let batches = await storedLogs(fixture, pod)
  while (textOf(batches).split('\n').length <= lines.length && performance.now() < untilMs) {
    await fixture.host.clock.sleep(20)
    batches = await storedLogs(fixture, pod)
  }
  assert.equal(textOf(batches), `${lines.join('\n')}\n`)
  const entries = batches.flatMap((batch) => batch.entries)
  const times = entries.map(({ timeMs }) => timeMs)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
    'times never fall',
  )
  for (const timeMs of times) {
    assert.ok(Math.abs(timeMs - Date.now()) < fixture.timeoutMs + 2000, 'times are of now')
  }
  assert.ok(entries.every(({ stream }) => stream === 'stdout'))
}

async function storedLogs(fixture: ProviderFixture, pod: Pod): Promise<readonly LogBatch[]> {
  const query = { previous: false, follow: false }
  return await collect(fixture.provider.logs(refOf(pod), 'c0', query, fixture.context))
}

async function collect(logs: AsyncIterable<LogBatch>): Promise<readonly LogBatch[]> {
  const batches: LogBatch[] = []
  for await (const batch of logs) batches.push(batch)
  return batches
}

function textOf(batches: readonly LogBatch[]): string {
  const chunks = batches.flatMap((batch) => batch.entries).map(({ bytes }) => bytes)
  return Buffer.concat(chunks).toString('utf8')
}

async function followsToTheEnd(
  ...[fixture, { workloads }]: Parameters<Check['run']>
): Promise<void> {
  const pod = fixture.pod(workloads.running())
  await fixture.run(pod)
  const query = { previous: false, follow: true }
  const batches: LogBatch[] = []
  let hasCaughtUp = false
  for await (const batch of fixture.provider.logs(refOf(pod), 'c0', query, fixture.context)) {
    batches.push(batch)
    if (batch.isLive && !hasCaughtUp) {
      hasCaughtUp = true
      await fixture.delete(pod, 1)
    }
  }
  assert.ok(hasCaughtUp, 'a batch that is live says that the stored output has been read')
  const firstLive = batches.findIndex(({ isLive }) => isLive)
  assert.ok(
    batches.slice(firstLive).every(({ isLive }) => isLive),
    'nothing stored comes after what is live',
  )
  await fixture.until(pod, 'has ended', (observed) => observed.hasEnded)
}

async function stopsFollowing(
  ...[fixture, { workloads }]: Parameters<Check['run']>
): Promise<void> {
  const pod = fixture.pod(workloads.running())
  await fixture.run(pod)
  const leaving = new AbortController()
  const context = { signal: leaving.signal, log: silentLogger }
  const query = { previous: false, follow: true }
  const reading = (async (): Promise<void> => {
    for await (const { isLive } of fixture.provider.logs(refOf(pod), 'c0', query, context)) {
      if (isLive) leaving.abort()
    }
  })()
  await reading.catch((error: unknown) => {
    // Ending with the signal's reason is as good as ending quietly.
    if (!leaving.signal.aborted) throw error
  })
}

async function reportsUsage(
  ...[fixture, { workloads, hasStats = true }]: Parameters<Check['run']>
): Promise<void> {
  if (!hasStats) return
  const pod = fixture.pod([workloads.running()])
  await fixture.run(pod)
  const untilMs = performance.now() + fixture.timeoutMs
  let usedNanos: number | undefined
  do {
    const all = await fixture.provider.podStats(fixture.context)
    const stats = all.find(({ podRef }) => podRef.uid === pod.metadata.uid)
    const container = stats?.containers.find(({ name }) => name === 'c0')
    const nanos = container?.cpu?.usageCoreNanoSeconds
    if (nanos !== undefined) {
      assert.deepEqual(stats?.podRef, refOf(pod))
      assert.ok((container?.memory?.workingSetBytes ?? 0) > 0, 'it uses memory')
      assert.ok(nanos >= (usedNanos ?? 0), 'CPU time never falls')
      if (usedNanos !== undefined) return
      usedNanos = nanos
    }
    await fixture.host.clock.sleep(50)
  } while (performance.now() < untilMs)
  assert.fail('usage of the running container was never reported')
}
