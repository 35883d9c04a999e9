// SPDX-License-Identifier: Apache-2.0
// Conformance: what a backend must bear: replies that get lost, callers that give up, and a restart of
// this process at any time.
import assert from 'node:assert/strict'
import type { ObservedPod } from '../provider/provider.ts'
import type { Pod } from '../kube/types.gen.ts'
import { silentLogger } from '../util/logger.ts'
import type { Check } from './check.ts'
import { firstContainer, isRunning, refOf, requestFor } from './provider-fixture.ts'

/** Checks of repetition, cancellation and restarts. */
export const faultChecks: readonly Check[] = [
  {
    title: 'creates of one pod at the same time make one pod',
    async run(fixture, { workloads }) {
      const pod = fixture.pod(workloads.running())
      await Promise.all([fixture.create(pod), fixture.create(pod), fixture.create(pod)])
      const observed = await fixture.until(pod, 'runs', isRunning)
      assert.equal(firstContainer(observed).restartCount, 0)
      assert.equal((await fixture.provider.listPods(fixture.context)).length, 1)
    },
  },
  {
    title: 'a delete that comes right after the create leaves nothing running',
    async run(fixture, { workloads }) {
      const pod = fixture.pod(workloads.running())
      await fixture.create(pod)
      await fixture.delete(pod, 1)
      await fixture.until(pod, 'has ended', (observed) => observed.hasEnded)
    },
  },
  {
    title: 'deletes may be repeated at the same time',
    async run(fixture, { workloads }) {
      const pod = fixture.pod(workloads.running())
      await fixture.run(pod)
      await Promise.all([1, 2, 3].map(() => fixture.delete(pod, 1)))
      await fixture.until(pod, 'has ended', (observed) => observed.hasEnded)
    },
  },
  { title: 'a call that was given up settles, and does no harm', run: bearsAborts },
  { title: 'a running pod is found again after a restart, as it was', run: adopts },
  {
    title: 'a pod that had ended is not run again after a restart',
    async run(fixture, { workloads }) {
      const pod = fixture.pod(workloads.exiting({ exitCode: 0 }), { restartPolicy: 'Never' })
      await fixture.create(pod)
      const before = await fixture.until(pod, 'has ended', (observed) => observed.hasEnded)
      await fixture.restart()
      const after = await fixture.observe(pod)
      // One that keeps nothing over a restart knows nothing of it; the API has its status.
      if (after) assert.deepEqual(after.containers, before.containers)
    },
  },
  {
    title: 'a pod can be deleted after a restart',
    async run(fixture, { workloads }) {
      const pod = fixture.pod(workloads.running())
      const before = await fixture.run(pod)
      await fixture.restart()
      await fixture.create(withStatus(pod, before))
      await fixture.delete(pod, 1)
      await fixture.until(pod, 'has ended', (observed) => observed.hasEnded)
    },
  },
]

async function bearsAborts(...[fixture, { workloads }]: Parameters<Check['run']>): Promise<void> {
  const pod = fixture.pod(workloads.running())
  const aborted = { signal: AbortSignal.abort(), log: silentLogger }
  const { provider } = fixture
  const settled = Promise.allSettled([
    provider.createPod(requestFor(pod), aborted),
    provider.getPodStatuses([refOf(pod)], aborted),
    provider.podStats(aborted),
    provider.listPods(aborted),
  ])
  const { promise: timedOut, resolve } = Promise.withResolvers<string>()
  using _timer = fixture.host.clock.setTimer(fixture.timeoutMs, () => resolve('timed out'))
  assert.notEqual(await Promise.race([settled, timedOut]), 'timed out')
  await fixture.run(pod)
  assert.equal((await provider.listPods(fixture.context)).length, 1)
}

async function adopts(...[fixture, { workloads }]: Parameters<Check['run']>): Promise<void> {
  const pod = fixture.pod(workloads.running())
  const before = await fixture.run(pod)
  await fixture.restart()
  const listed = await fixture.provider.listPods(fixture.context)
  assert.ok(listed.every(({ ref }) => ref.uid === pod.metadata.uid))
  await fixture.create(withStatus(pod, before))
  const after = await fixture.until(pod, 'runs', isRunning)
  assert.deepEqual(after.podIPs, before.podIPs)
  const [was, is] = [firstContainer(before), firstContainer(after)]
  assert.equal(is.containerID, was.containerID, 'it is the same container')
  assert.equal(is.restartCount, was.restartCount)
  assert.deepEqual(is.state, was.state)
}

/** The pod as the API would have it after the core has published what was observed. */
function withStatus(pod: Pod, { containers, initContainers, podIPs, startTime }: ObservedPod): Pod {
  const [podIP] = podIPs
  return {
    ...pod,
    status: {
      phase: 'Running',
      startTime: startTime ?? new Date().toISOString(),
      containerStatuses: containers,
      initContainerStatuses: initContainers,
      podIPs: podIPs.map((ip) => ({ ip })),
      ...(podIP !== undefined && { podIP }),
    },
  }
}
