// SPDX-License-Identifier: Apache-2.0
// Ephemeral containers that the backend cannot have: which they are, and how the pod goes on without them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps } from '../kube/resources.ts'
import type { EphemeralContainer, Pod } from '../kube/types.gen.ts'
import type { PodProblem } from '../provider/provider.ts'
import { FakeBackend } from '../../test/support/fake-backend.ts'
import { PodLoopFixture } from '../../test/support/pod-loop-fixture.ts'
import { containerStatus, observedPod, testPod } from '../../test/support/test-pods.ts'
import { refusedContainers, withoutRefused } from './refused-containers.ts'

const good: EphemeralContainer = { name: 'good', image: 'image' }
const bad: EphemeralContainer = {
  ...good,
  name: 'bad',
  securityContext: { seccompProfile: { type: 'RuntimeDefault' }, privileged: true },
}
const features = {
  ephemeralContainers: true,
  'volume.configMap': true,
  activeDeadlineSeconds: true,
  serviceAccountVolume: true,
  restartPolicy: true,
}
const lenient = { 'virtual-kubelet.io/feature-check': 'lenient' }

const debugged = (...ephemeralContainers: EphemeralContainer[]): Pod =>
  testPod({ spec: { ephemeralContainers } })

const namesIn = (pod: Pod | undefined): readonly string[] =>
  (pod?.spec.ephemeralContainers ?? []).map(({ name }) => name)

/** Adds ephemeral containers as `kubectl debug` does. */
async function debug(node: PodLoopFixture, ...added: EphemeralContainer[]): Promise<void> {
  const { spec, metadata } = node.find() ?? {}
  const ephemeralContainers = [...(spec?.ephemeralContainers ?? []), ...added]
  const generation = (metadata?.generation ?? 0) + 1
  await node.change('a', { metadata: { generation }, spec: { ephemeralContainers } })
  await node.settle(5000)
}

test('names every field of each container that stands against it, and no other container', () => {
  const refused = refusedContainers(debugged(good, bad), {
    provider: { features },
    featureCheck: 'strict',
    observed: undefined,
  })
  assert.deepEqual(
    refused.map(({ name }) => name),
    ['bad'],
  )
  const at = 'spec.ephemeralContainers{bad}.securityContext'
  for (const field of ['seccompProfile', 'privileged']) {
    assert.ok(refused[0]?.message.includes(`${at}.${field}`), refused[0]?.message)
  }
  assert.deepEqual(namesIn(withoutRefused(debugged(good, bad), refused)), ['good'])
})

test('says the same of a container wherever others that are added push it', () => {
  const context = { provider: { features }, featureCheck: 'strict', observed: undefined } as const
  const [alone] = refusedContainers(debugged(bad), context)
  assert.deepEqual(refusedContainers(debugged(good, bad), context), [alone])
})

test('without ephemeral containers at all, every one is refused', () => {
  const context = { provider: { features: {} }, featureCheck: 'strict' } as const
  const refused = refusedContainers(debugged(good), { ...context, observed: undefined })
  const message =
    'spec.ephemeralContainers{good}: this provider does not support ephemeralContainers'
  assert.deepEqual(refused, [{ name: 'good', message }])
})

test('lenience forgives what is lacking, not what the backend refuses', () => {
  const pod = debugged(bad, good)
  const context = { featureCheck: 'lenient', observed: undefined } as const
  assert.deepEqual(refusedContainers(pod, { ...context, provider: { features } }), [])
  const problems: PodProblem[] = [
    { field: 'spec.containers[0].image', why: 'no business of this check' },
    { field: 'spec.ephemeralContainers[1].securityContext', why: 'not given' },
  ]
  const provider = { features, problemsOf: () => problems }
  const message = 'spec.ephemeralContainers{good}.securityContext: not given'
  assert.deepEqual(refusedContainers(pod, { ...context, provider }), [{ name: 'good', message }])
})

test('what the backend has started is not taken from it; what waits there is', () => {
  const pod = debugged(bad)
  const namesWith = (state: object): readonly string[] => {
    const status = { ...containerStatus({ hasEnded: false, exitCode: 0 }), name: 'bad', state }
    const observed = { ephemeralContainers: [status] }
    const context = { provider: { features }, featureCheck: 'strict', observed } as const
    return refusedContainers(pod, context).map(({ name }) => name)
  }
  assert.deepEqual(namesWith({ running: {} }), [])
  assert.deepEqual(namesWith({ terminated: { exitCode: 0 } }), [])
  assert.deepEqual(namesWith({ waiting: {} }), ['bad'])
})

test('an unsupported ephemeral container waits, and everything else of the pod goes on', async () => {
  await using node = await PodLoopFixture.start({ backend: { features } })
  const volumes = [{ name: 'v', configMap: { name: 'c' } }]
  const mounts = [{ name: 'v', mountPath: '/v' }]
  const containers = [{ name: 'main', image: 'image', volumeMounts: mounts }]
  const config = await node.client.create(configMaps, {
    metadata: { namespace: 'default', name: 'c' },
    data: { key: '1' },
  })
  const uid = await node.bind({ spec: { volumes, containers } })
  await node.backend.requests.get(uid)?.resolveVolume('v')
  await debug(node, bad)
  const [status] = node.find()?.status?.ephemeralContainerStatuses ?? []
  assert.equal(status?.name, 'bad')
  assert.equal(status.state?.waiting?.reason, 'UnsupportedPodSpec')
  assert.match(
    status.state.waiting.message ?? '',
    /^spec\.ephemeralContainers\{bad\}\.securityContext/,
  )
  assert.equal(node.find()?.status?.phase, 'Running')
  assert.equal(node.find()?.status?.observedGeneration, 2)
  await debug(node, good)
  assert.deepEqual(namesIn(node.backend.requests.get(uid)?.pod), ['good'])
  await node.change('a', { metadata: { generation: 4 }, spec: { activeDeadlineSeconds: 60 } })
  assert.equal(node.backend.requests.get(uid)?.pod.spec.activeDeadlineSeconds, 60)
  const updates = node.backend.count('updatePod')
  const { namespace, name } = config.metadata
  const body = { data: { key: '2' } }
  await node.client.patch(configMaps, { namespace: namespace ?? '', name }, { type: 'merge', body })
  await node.settle(1000)
  assert.equal(node.backend.count('updatePod'), updates + 1)
  assert.deepEqual(node.reasons, ['UnsupportedPodSpec'])
  assert.equal(node.events[0]?.about.fieldPath, 'spec.ephemeralContainers{bad}')
  assert.equal(node.events[0]?.event.message, status.state.waiting.message)
})

test('a restart of ours comes to the same result, and tells nothing twice', async () => {
  const first = await PodLoopFixture.start({ backend: { features } })
  const uid = await first.bind()
  await debug(first, bad)
  const before = first.find()?.status?.ephemeralContainerStatuses
  await first[Symbol.asyncDispose]()
  const { backend, client, clock } = first
  await using second = await PodLoopFixture.start({ backend, client, clock })
  await debug(second, good)
  assert.deepEqual(namesIn(backend.requests.get(uid)?.pod), ['good'])
  assert.deepEqual(second.find()?.status?.ephemeralContainerStatuses, before)
  assert.deepEqual(second.reasons, [])
})

test('a pod that ended or is deleted while we were away keeps what was said of its containers', async () => {
  const first = await PodLoopFixture.start({ backend: { features } })
  const uid = await first.bind({ restartPolicy: 'Never' })
  await debug(first, bad)
  const before = first.find()?.status?.ephemeralContainerStatuses
  await first[Symbol.asyncDispose]()
  const { backend, client, clock } = first
  backend.end(uid)
  await using second = await PodLoopFixture.start({ backend, client, clock })
  assert.equal(second.find()?.status?.phase, 'Succeeded')
  assert.deepEqual(second.find()?.status?.ephemeralContainerStatuses, before)
})

test('a pod that comes with its debug container starts, whatever that asks for', async () => {
  const backend = new FakeBackend({ features })
  await using node = await PodLoopFixture.start({ backend })
  const uid = await node.bind({ spec: { ephemeralContainers: [bad, good] } })
  await node.settle(5000)
  assert.equal(node.find()?.status?.phase, 'Running')
  assert.deepEqual(namesIn(backend.requests.get(uid)?.pod), ['good'])
  assert.deepEqual(node.reasons, ['UnsupportedPodSpec'])
})

test('a lenient pod is given all of them, with a word of what they do not get', async () => {
  await using node = await PodLoopFixture.start({ backend: { features } })
  const uid = await node.bind({ annotations: lenient })
  await debug(node, bad)
  await debug(node, good)
  assert.deepEqual(namesIn(node.backend.requests.get(uid)?.pod), ['bad', 'good'])
  assert.deepEqual(node.reasons, ['IgnoredPodFields'])
})

test('a pod that is made lenient afterwards is given what was refused', async () => {
  await using node = await PodLoopFixture.start({ backend: { features } })
  const uid = await node.bind()
  await debug(node, bad)
  await node.change('a', { metadata: { annotations: lenient } })
  assert.deepEqual(namesIn(node.backend.requests.get(uid)?.pod), ['bad'])
  const pod = node.backend.pods.get(uid)
  assert.ok(pod)
  const ran = { ...containerStatus({ hasEnded: false, exitCode: 0 }), name: 'bad' }
  node.backend.set({ ...observedPod(pod.ref), ephemeralContainers: [ran] })
  await node.settle(1000)
  const [status] = node.find()?.status?.ephemeralContainerStatuses ?? []
  assert.ok(status?.state?.running)
})
