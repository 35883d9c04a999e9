// SPDX-License-Identifier: Apache-2.0
// Conformance: pods come, run, end and go, and the backend says of them what is true.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Check } from './check.ts'
import { firstContainer, isRunning, refOf, type ProviderFixture } from './provider-fixture.ts'

/** Checks of create, observe, delete and clean up. */
export const lifecycleChecks: readonly Check[] = [
  {
    title: 'the node is described, and a ping is answered',
    async run({ provider, context }) {
      await provider.ping(context)
      const { capacity, runtimeVersion } = await provider.describeNode(context)
      for (const resource of ['cpu', 'memory', 'pods', 'ephemeral-storage']) {
        assert.match(capacity[resource] ?? '', /^\d/, `capacity names ${resource}`)
      }
      assert.match(runtimeVersion, /^[a-z0-9.-]+:\/\/.+/, 'runtimeVersion is <type>://<version>')
    },
  },
  { title: 'a pod that is created runs', run: runsWhatIsCreated },
  {
    title: 'creating a pod again leaves it as it is',
    async run(fixture, { workloads }) {
      const pod = fixture.pod(workloads.running())
      const before = await fixture.run(pod)
      await fixture.create(pod)
      const after = await fixture.until(pod, 'runs', isRunning)
      assert.deepEqual(after.containers, before.containers)
      assert.equal((await fixture.provider.listPods(fixture.context)).length, 1)
    },
  },
  { title: 'a deleted pod ends, stays observable, and is gone after clean-up', run: deletes },
  {
    title: 'deleting and cleaning up a pod that is not there succeeds',
    async run({ provider, context }) {
      const ref = { namespace: 'conformance', name: 'never-was', uid: randomUUID() }
      await provider.deletePod(ref, { gracePeriodSeconds: 30 }, context)
      await provider.cleanUpPod?.(ref, context)
      assert.equal((await provider.getPodStatuses([ref], context)).size, 0)
    },
  },
  {
    title: 'pods of one name in two namespaces are two pods, listed with their own references',
    run: tellsNamesakesApart,
  },
  {
    title: 'many statuses come in one batch, and only of pods that are there',
    async run(fixture, { workloads }) {
      const pods = [1, 2, 3].map(() => fixture.pod(workloads.running()))
      await Promise.all(pods.map((pod) => fixture.run(pod)))
      const stranger = { namespace: 'conformance', name: 'never-was', uid: randomUUID() }
      const refs = [...pods.map(refOf), stranger]
      const statuses = await fixture.provider.getPodStatuses(refs, fixture.context)
      const expected = pods.map(({ metadata }) => metadata.uid).sort()
      assert.deepEqual([...statuses.keys()].sort(), expected)
      for (const [uid, { ref }] of statuses) assert.equal(ref.uid, uid)
    },
  },
  { title: 'watchers are told of start and end', run: notifies },
  ...[0, 3].map((exitCode): Check => ({
    title: `a pod that may not restart ends with its exit code ${exitCode}`,
    async run(fixture, { workloads }) {
      const pod = fixture.pod(workloads.exiting({ exitCode }), { restartPolicy: 'Never' })
      await fixture.create(pod)
      const ended = await fixture.until(pod, 'has ended', (observed) => observed.hasEnded)
      const { state, restartCount } = firstContainer(ended)
      assert.equal(state?.terminated?.exitCode, exitCode)
      assert.equal(restartCount, 0)
      if (exitCode === 0) assert.equal(state.terminated.reason, 'Completed')
      assert.ok(state.terminated.finishedAt, 'it says when it ended')
    },
  })),
  {
    title: 'a container that failed is started again where the policy says so',
    needs: ['restartPolicy'],
    async run(fixture, { workloads }) {
      const pod = fixture.pod(workloads.exiting({ exitCode: 1 }), { restartPolicy: 'OnFailure' })
      await fixture.create(pod)
      const restarted = await fixture.until(
        pod,
        'was restarted',
        (observed) => (observed.containers[0]?.restartCount ?? 0) > 0,
      )
      assert.equal(firstContainer(restarted).lastState?.terminated?.exitCode, 1)
      assert.equal(restarted.hasEnded, false)
    },
  },
  {
    title: 'a container that succeeded is not started again under policy OnFailure',
    needs: ['restartPolicy'],
    async run(fixture, { workloads }) {
      const pod = fixture.pod(workloads.exiting({ exitCode: 0 }), { restartPolicy: 'OnFailure' })
      await fixture.create(pod)
      const ended = await fixture.until(pod, 'has ended', (observed) => observed.hasEnded)
      assert.equal(firstContainer(ended).restartCount, 0)
    },
  },
  { title: 'several containers run side by side', needs: ['multipleContainers'], run: runsSeveral },
  {
    title: 'init containers are over before the others start',
    needs: ['initContainers'],
    run: runsInitFirst,
  },
  {
    title: 'a second delete shortens the grace of the first',
    needsWorkload: 'stubborn',
    run: shortensGrace,
  },
]

async function runsWhatIsCreated(
  ...[fixture, { workloads }]: Parameters<Check['run']>
): Promise<void> {
  const pod = fixture.pod(workloads.running())
  const observed = await fixture.run(pod)
  assert.deepEqual(observed.ref, refOf(pod))
  assert.equal(observed.hasEnded, false)
  assert.equal(observed.isSandboxReady, true)
  assert.ok(observed.podIPs.length > 0, 'a running pod has an address')
  const status = firstContainer(observed)
  assert.equal(status.name, pod.spec.containers[0]?.name)
  assert.equal(status.restartCount, 0)
  assert.match(status.containerID ?? '', /^[a-z0-9.-]+:\/\/.+/, 'containerID is <type>://<id>')
  const startedMs = Date.parse(status.state?.running?.startedAt ?? '')
  assert.ok(Math.abs(Date.now() - startedMs) < fixture.timeoutMs + 2000, 'startedAt is now')
}

async function deletes(...[fixture, { workloads }]: Parameters<Check['run']>): Promise<void> {
  const pod = fixture.pod(workloads.running())
  await fixture.run(pod)
  await fixture.delete(pod, 30)
  const { provider } = fixture
  if (provider.cleanUpPod) {
    const ended = await fixture.until(pod, 'has ended', (observed) => observed.hasEnded)
    const { terminated } = firstContainer(ended).state ?? {}
    assert.ok(terminated, 'its container is reported as terminated')
    assert.ok(terminated.finishedAt, 'it says when it ended')
    await fixture.delete(pod, 30)
    await provider.cleanUpPod(refOf(pod), fixture.context)
    await provider.cleanUpPod(refOf(pod), fixture.context)
  }
  await untilGone(fixture)
}

async function untilGone(fixture: ProviderFixture): Promise<void> {
  const untilMs = performance.now() + fixture.timeoutMs
  for (;;) {
    const pods = await fixture.provider.listPods(fixture.context)
    if (pods.length === 0) return
    assert.ok(performance.now() < untilMs, `still listed: ${JSON.stringify(pods)}`)
    await fixture.host.clock.sleep(20)
  }
}

async function tellsNamesakesApart(
  ...[fixture, { workloads }]: Parameters<Check['run']>
): Promise<void> {
  const first = fixture.pod(workloads.running())
  const other = fixture.pod(workloads.running())
  const second = {
    ...other,
    metadata: { ...other.metadata, namespace: 'elsewhere', name: first.metadata.name },
  }
  await fixture.run(first)
  await fixture.run(second)
  const byUid = (a: { uid: string }, b: { uid: string }): number => (a.uid < b.uid ? -1 : 1)
  const listed = (await fixture.provider.listPods(fixture.context)).map(({ ref }) => ref)
  assert.deepEqual([...listed].sort(byUid), [refOf(first), refOf(second)].sort(byUid))
  await fixture.delete(first, 1)
  await fixture.until(first, 'has ended', (observed) => observed.hasEnded).catch(() => undefined)
  assert.ok(isRunning(await fixture.until(second, 'runs', isRunning)))
}

async function notifies(...[fixture, { workloads }]: Parameters<Check['run']>): Promise<void> {
  const { provider } = fixture
  if (!provider.watchPods) return
  const seen: string[] = []
  using _watch = provider.watchPods((observed) => {
    if (observed.ref.uid !== pod.metadata.uid) return
    if (isRunning(observed)) seen.push('running')
    if (observed.hasEnded) seen.push('ended')
  })
  const untilTold = async (what: string): Promise<void> => {
    const untilMs = performance.now() + fixture.timeoutMs
    while (!seen.includes(what) && performance.now() < untilMs) await fixture.host.clock.sleep(20)
  }
  const pod = fixture.pod(workloads.running())
  await fixture.run(pod)
  // What is over before it could be told need not be told.
  await untilTold('running')
  await fixture.delete(pod, 1)
  await untilTold('ended')
  assert.deepEqual([...new Set(seen)], ['running', 'ended'])
}

async function runsSeveral(...[fixture, { workloads }]: Parameters<Check['run']>): Promise<void> {
  const pod = fixture.pod([workloads.running(), workloads.running()])
  const { containers } = await fixture.run(pod)
  assert.deepEqual(containers.map(({ name }) => name).sort(), ['c0', 'c1'])
  const ids = containers.map(({ containerID }) => containerID)
  assert.equal(new Set(ids).size, 2, 'each container has an ID of its own')
}

async function runsInitFirst(...[fixture, { workloads }]: Parameters<Check['run']>): Promise<void> {
  const { container } = workloads.exiting({ exitCode: 0 })
  const names = ['first', 'second']
  const initContainers = names.map((name) => ({ image: 'conformance', ...container, name }))
  const pod = fixture.pod(workloads.running(), { initContainers })
  const observed = await fixture.run(pod)
  assert.deepEqual(
    observed.initContainers.map(({ name, ready, state }) => [
      name,
      ready,
      state?.terminated?.exitCode,
      state?.terminated?.reason,
    ]),
    names.map((name) => [name, true, 0, 'Completed']),
  )
  const startedAt = firstContainer(observed).state?.running?.startedAt ?? ''
  for (const { state } of observed.initContainers) {
    const finishedMs = Date.parse(state?.terminated?.finishedAt ?? '')
    assert.ok(finishedMs <= Date.parse(startedAt), 'it had ended when the container started')
  }
}

async function shortensGrace(...[fixture, { workloads }]: Parameters<Check['run']>): Promise<void> {
  if (!workloads.stubborn) return
  const pod = fixture.pod(workloads.stubborn())
  await fixture.run(pod)
  await fixture.until(pod, 'is ready', (observed) => firstContainer(observed).ready)
  await fixture.delete(pod, 3600)
  const observed = await fixture.observe(pod)
  assert.equal(observed?.hasEnded, false, 'it ends only when its grace is over')
  await fixture.delete(pod, 1)
  const ended = await fixture.until(pod, 'has ended', (observed) => observed.hasEnded)
  assert.notEqual(firstContainer(ended).state?.terminated?.exitCode, 0, 'it was killed')
}
