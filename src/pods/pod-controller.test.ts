// SPDX-License-Identifier: Apache-2.0
// The pod loop as a whole, on a memory API and a memory backend: the way of a pod, and the scenarios
// that upstream's lifecycle tests name.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps, pods, secrets } from '../kube/resources.ts'
import { VkError } from '../util/vk-error.ts'
import { FakeBackend } from '../../test/support/fake-backend.ts'
import type { BackendCall } from '../../test/support/fake-backend.ts'
import { PodLoopFixture } from '../../test/support/pod-loop-fixture.ts'
import { observedPod, testPod } from '../../test/support/test-pods.ts'

test('a pod goes from bound to Running with one write', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  await node.settle(10_000)
  const status = node.find()?.status
  assert.equal(status?.phase, 'Running')
  assert.equal(status.podIP, '10.0.0.1')
  assert.ok(status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'))
  assert.deepEqual(node.writes, { patches: 1, deletes: 0 })
  assert.equal(node.backend.count('createPod'), 1)
  assert.deepEqual(node.events, [])
})

test('a deletion takes two writes, and no longer than the backend needs', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  const phases: (string | undefined)[] = []
  using _watch = node.client.store.onChange(({ object, collection }) => {
    if (collection === 'v1/pods') phases.push(object?.status?.['phase'] as string | undefined)
  })
  await node.delete()
  assert.equal(node.find(), undefined)
  assert.deepEqual(phases, ['Running', 'Succeeded', undefined])
  // One DELETE was the user's.
  assert.deepEqual(node.writes, { patches: 2, deletes: 2 })
  const [end] = node.backend.calls.filter(({ name }) => name === 'deletePod')
  assert.equal(end?.gracePeriodSeconds, 30)
  assert.equal(node.backend.count('cleanUpPod'), 1)
  assert.equal([...node.controller.pods()].length, 0)
})

test('a second, shorter deletion shortens the grace of a pod that is ending', async () => {
  await using node = await PodLoopFixture.start({ backend: { endsAtOnce: false } })
  const uid = await node.bind()
  await node.delete()
  await node.delete('a', 5)
  const graces = node.backend.calls
    .filter(({ name }) => name === 'deletePod')
    .map(({ gracePeriodSeconds }) => gracePeriodSeconds)
  assert.deepEqual(graces, [30, 5])
  node.backend.end(uid, 1)
  await node.settle()
  assert.equal(node.find(), undefined)
})

test('a pod that ended by itself stays, and is deleted with one write', async () => {
  await using node = await PodLoopFixture.start()
  const uid = await node.bind({ restartPolicy: 'Never' })
  node.backend.end(uid, 3)
  await node.settle(120_000)
  assert.equal(node.find()?.status?.phase, 'Failed')
  assert.equal(node.backend.count('createPod'), 1)
  assert.equal(node.backend.count('deletePod'), 0)
  const { patches } = node.writes
  await node.delete()
  assert.deepEqual(node.writes, { patches, deletes: 1 })
  assert.equal(node.backend.pods.size, 0)
})

test('a force-deleted pod is ended within two seconds, and nothing is left of it', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  await node.delete('a', 0)
  const [end] = node.backend.calls.filter(({ name }) => name === 'deletePod')
  assert.equal(end?.gracePeriodSeconds, 2)
  assert.equal(node.backend.pods.size, 0)
  assert.deepEqual(node.writes, { patches: 1, deletes: 1 })
})

test('a pod with a finalizer is ended and then left in peace', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  await node.change('a', { metadata: { finalizers: ['example.com/hold'] } })
  await node.delete()
  assert.equal(node.find()?.status?.phase, 'Succeeded')
  assert.equal(node.backend.pods.size, 0)
  const writes = node.writes
  await node.settle(300_000)
  assert.deepEqual(node.writes, writes)
  assert.equal(node.backend.count('createPod'), 1)
  await node.change('a', { metadata: { finalizers: [] } })
  assert.equal(node.find(), undefined)
})

test('a successor of the same name waits for the end of its predecessor', async () => {
  await using node = await PodLoopFixture.start({ backend: { endsAtOnce: false } })
  const first = await node.bind()
  await node.delete('a', 0)
  const second = await node.bind()
  await node.settle(5000)
  assert.deepEqual(
    node.backend.live.map(({ ref }) => ref.uid),
    [first],
  )
  node.backend.end(first)
  await node.settle(1000)
  assert.deepEqual(
    node.backend.live.map(({ ref }) => ref.uid),
    [second],
  )
  assert.equal(node.find()?.status?.phase, 'Running')
})

test('a backend that fails for a while is asked again, and the pod says why it waits', async () => {
  await using node = await PodLoopFixture.start()
  node.backend.before = failing('createPod', new VkError('Unavailable', 'Cannot create: no room'))
  await node.bind({ restartPolicy: 'Never' })
  await node.settle(30_000)
  const status = node.find()?.status
  assert.equal(status?.phase, 'Pending')
  assert.deepEqual(status.containerStatuses?.[0]?.state?.waiting, {
    reason: 'CreateContainerError',
    message: 'Cannot create: no room',
  })
  assert.ok(node.reasons.includes('ProviderCreateFailed'))
  const tries = node.backend.count('createPod')
  assert.ok(tries >= 4 && tries <= 8, `${tries} tries`)
  node.backend.before = () => {}
  await node.settle(60_000)
  assert.equal(node.find()?.status?.phase, 'Running')
})

test('a create whose reply was lost is repeated and starts nothing twice', async () => {
  await using node = await PodLoopFixture.start({ backend: { isPushed: false } })
  node.backend.after = failing('createPod', new VkError('Timeout', 'no answer'))
  await node.bind()
  node.backend.after = () => {}
  await node.settle(30_000)
  assert.equal(node.backend.live.length, 1)
  assert.equal(node.find()?.status?.phase, 'Running')
})

test('deletes that fail with NotFound or at random end the pod all the same', async () => {
  for (const error of [new VkError('NotFound', 'unknown'), new Error('random')]) {
    await using node = await PodLoopFixture.start()
    await node.bind()
    let failures = 0
    node.backend.before = (call) => {
      if (call.name === 'deletePod' && failures++ < 3) throw error
    }
    await node.delete()
    await node.settle(60_000)
    assert.equal(node.find(), undefined)
    assert.equal(node.backend.pods.size, 0)
    assert.ok(node.reasons.includes('ProviderDeleteFailed'))
  }
})

test('a status write whose reply was lost leads to no second life', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  let isLost = true
  node.client.after = ({ verb }) => {
    if (verb !== 'patch' || !isLost) return
    isLost = false
    throw new VkError('Timeout', 'no answer')
  }
  await node.delete()
  await node.settle(30_000)
  assert.equal(node.find(), undefined)
  assert.equal(node.backend.count('createPod'), 1)
})

test('dangling pods of the backend are ended, with a deletionTimestamp or without', async () => {
  const backend = new FakeBackend()
  backend.set(observedPod({ namespace: 'default', name: 'orphan', uid: 'unknown' }))
  await using node = new PodLoopFixture({ backend })
  const deleting = await node.client.create(pods, testPod({ name: 'b' }))
  backend.set(observedPod({ namespace: 'default', name: 'b', uid: deleting.metadata.uid }))
  await node.client.delete(pods, { namespace: 'default', name: 'b' }, { gracePeriodSeconds: 30 })
  await node.controller.start()
  await node.settle()
  assert.equal(backend.pods.size, 0)
  assert.equal(node.find('b'), undefined)
})

test('nothing of the backend is ended on the word of a cache that the API contradicts', async () => {
  await using node = await PodLoopFixture.start()
  const uid = await node.bind()
  const pod = node.find()
  assert.ok(pod)
  // The watch says that the pod is gone; the API says that it is there.
  node.client.before = ({ verb }) => {
    if (verb === 'list') throw new VkError('Unavailable', 'no API server')
  }
  node.client.store.delete(
    { collection: 'v1/pods', namespace: 'default', name: 'a' },
    {
      gracePeriodSeconds: 0,
    },
  )
  await node.settle(20_000)
  assert.deepEqual(
    node.backend.live.map(({ ref }) => ref.uid),
    [uid],
  )
  node.client.before = () => {}
  await node.settle(60_000)
  assert.equal(node.backend.pods.size, 0)
})

test('work that runs is adopted after a restart, and ended pods are not started again', async () => {
  const first = await PodLoopFixture.start()
  await first.bind({ name: 'a' })
  const done = await first.bind({ name: 'b', restartPolicy: 'Never' })
  first.backend.end(done)
  await first.settle()
  await first[Symbol.asyncDispose]()
  const { backend, client, clock } = first
  const before = client.count('patch', 'pods')
  await using second = await PodLoopFixture.start({ backend, client, clock })
  await second.settle(90_000)
  assert.equal(client.count('patch', 'pods'), before)
  assert.equal(backend.live.length, 1)
  assert.equal(backend.count('createPod'), 3)
  assert.equal(second.find('b')?.status?.phase, 'Succeeded')
})

test('after the backend lost everything, pods that may restart run again and others fail', async () => {
  const first = await PodLoopFixture.start()
  await first.bind({ name: 'a' })
  await first.bind({ name: 'b', restartPolicy: 'Never' })
  await first[Symbol.asyncDispose]()
  const { client, clock } = first
  await using second = await PodLoopFixture.start({ client, clock })
  await second.settle(2000)
  assert.equal(second.backend.live.length, 1)
  assert.equal(second.find('a')?.status?.phase, 'Running')
  const lost = second.find('b')?.status
  assert.equal(lost?.phase, 'Failed')
  const reason = lost.containerStatuses?.[0]?.state?.terminated?.reason
  assert.equal(reason, 'ContainerStatusUnknown')
})

test('a pod that vanishes from the backend is created again, after a second look', async () => {
  await using node = await PodLoopFixture.start()
  const uid = await node.bind()
  node.backend.pods.delete(uid)
  await node.settle(59_000)
  assert.equal(node.backend.count('createPod'), 1)
  await node.settle(10_000)
  assert.equal(node.backend.count('createPod'), 2)
})

test('a changed pod is handed to the backend, a changed status is not', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  await node.settle(65_000)
  assert.equal(node.backend.count('updatePod'), 0)
  await node.change('a', { metadata: { annotations: { note: 'x' } } })
  assert.equal(node.backend.count('updatePod'), 1)
  await node.change('a', { metadata: { generation: 2 }, spec: { activeDeadlineSeconds: 60 } })
  await node.settle(65_000)
  // A deadline is more than this backend can do: the pod runs on, and an event says so.
  assert.equal(node.backend.count('updatePod'), 1)
  assert.deepEqual(node.reasons, ['UnsupportedPodSpec'])
})

test('a status that others overwrote is set right again', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  const gate = { type: 'example.com/gate', status: 'True' }
  const status = { conditions: [{ type: 'Ready', status: 'False' }, gate] }
  await node.change('a', { status }, 'status')
  const conditions = node.find()?.status?.conditions
  assert.equal(conditions?.find(({ type }) => type === 'Ready')?.status, 'True')
  assert.ok(conditions.some(({ type }) => type === gate.type))
})

test('a pod that needs more than the backend has waits, and says for what', async () => {
  await using node = await PodLoopFixture.start()
  const probe = { httpGet: { port: 80 } }
  const containers = [{ name: 'main', image: 'image', livenessProbe: probe }]
  await node.bind({ spec: { containers } })
  await node.settle(120_000)
  const waiting = node.find()?.status?.containerStatuses?.[0]?.state?.waiting
  assert.equal(waiting?.reason, 'UnsupportedPodSpec')
  assert.match(waiting.message ?? '', /livenessProbe/)
  assert.deepEqual(node.reasons, ['UnsupportedPodSpec'])
  assert.equal(node.events[0]?.event.message, waiting.message)
  assert.equal(node.backend.count('createPod'), 0)
  assert.equal(node.writes.patches, 1)
})

test('a pod that asks for lenience runs, with one event of what it does not get', async () => {
  await using node = await PodLoopFixture.start()
  const probe = { httpGet: { port: 80 } }
  const containers = [{ name: 'main', image: 'image', livenessProbe: probe }]
  const annotations = { 'virtual-kubelet.io/feature-check': 'lenient' }
  await node.bind({ spec: { containers }, annotations })
  await node.settle(120_000)
  assert.equal(node.find()?.status?.phase, 'Running')
  assert.deepEqual(node.reasons, ['IgnoredPodFields'])
})

test('a pod that the node cannot take is rejected for good', async () => {
  await using node = await PodLoopFixture.start()
  const resources = { requests: { cpu: '100' } }
  await node.bind({ spec: { containers: [{ name: 'main', image: 'image', resources }] } })
  const status = node.find()?.status
  assert.equal(status?.phase, 'Failed')
  assert.equal(status.reason, 'OutOfcpu')
  assert.match(status.message ?? '', /^Pod was rejected: Node didn't have enough resource: cpu/)
  assert.deepEqual(node.reasons, ['OutOfcpu'])
  assert.equal(node.backend.count('createPod'), 0)
})

test('mirror pods of another kubelet are not touched', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind({ annotations: { 'kubernetes.io/config.mirror': 'hash' } })
  await node.delete()
  await node.settle(60_000)
  assert.deepEqual(node.writes, { patches: 0, deletes: 1 })
  assert.equal(node.backend.count('createPod'), 0)
})

const secretEnv = {
  containers: [
    {
      name: 'main',
      image: 'image',
      env: [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 's', key: 'token' } } }],
    },
  ],
}

test('a pod waits for its secret and starts as soon as that appears', async () => {
  await using node = await PodLoopFixture.start({ backend: { resolves: 'pod' } })
  const uid = await node.bind({ spec: secretEnv })
  await node.settle(200_000)
  const waiting = node.find()?.status?.containerStatuses?.[0]?.state?.waiting
  assert.equal(waiting?.reason, 'CreateContainerConfigError')
  assert.match(waiting.message ?? '', /secret "s" not found/)
  assert.ok(node.reasons.includes('MandatorySecretNotFound'))
  assert.equal(node.backend.count('createPod'), 0)
  const data = { token: Buffer.from('hidden').toString('base64') }
  await node.client.create(secrets, { metadata: { namespace: 'default', name: 's' }, data })
  await node.settle()
  assert.equal(node.find()?.status?.phase, 'Running')
  const facts = { podIPs: [], hostIPs: [] }
  const resolved = await node.backend.requests.get(uid)?.resolveContainer('main', facts)
  assert.deepEqual(
    resolved?.env.find(({ name }) => name === 'TOKEN'),
    {
      name: 'TOKEN',
      value: 'hidden',
      isSecret: true,
    },
  )
  assert.ok(!JSON.stringify(node.client.calls).includes('hidden'))
})

test('watches of referenced objects close with the pod', async () => {
  await using node = await PodLoopFixture.start({ backend: { resolves: 'pod' } })
  await node.client.create(secrets, { metadata: { namespace: 'default', name: 's' }, data: {} })
  await node.bind({ spec: secretEnv })
  const watches = (): readonly (AbortSignal | undefined)[] =>
    node.client.calls
      .filter(({ verb, plural }) => verb === 'watch' && plural === 'secrets')
      .map(({ signal }) => signal)
  assert.ok(watches().length > 0)
  await node.delete()
  await node.settle(1000)
  assert.ok(watches().every((signal) => signal?.aborted))
})

test('a projected volume has its token, its CA and its namespace', async () => {
  await using node = await PodLoopFixture.start()
  const sources = [
    { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    {
      downwardAPI: {
        items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }],
      },
    },
  ]
  const volumes = [{ name: 'kube-api-access-x', projected: { sources } }]
  const uid = await node.bind({ spec: { volumes } })
  await node.client.create(configMaps, {
    metadata: { namespace: 'default', name: 'kube-root-ca.crt' },
    data: { 'ca.crt': 'CA' },
  })
  const expirationTimestamp = new Date(node.clock.nowMs() + 3_607_000).toISOString()
  // The memory API answers a token request with the request itself; its status is put in here.
  node.client.after = ({ verb, plural, body }) => {
    if (verb !== 'create' || plural !== 'serviceaccounts') return
    Object.assign(body as object, { status: { token: 'jwt', expirationTimestamp } })
  }
  const reading = node.backend.requests.get(uid)?.resolveVolume('kube-api-access-x')
  await node.settle()
  const volume = await reading
  const texts = volume?.files.map(({ path, content }) => [path, Buffer.from(content).toString()])
  assert.deepEqual(texts, [
    ['token', 'jwt'],
    ['ca.crt', 'CA'],
    ['namespace', 'default'],
  ])
  assert.equal(volume?.refreshAtMs, node.clock.nowMs() + 3_607_000 * 0.8)
})

test('a drain ends every pod with its grace and says so in the API', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind({ name: 'a' })
  await node.bind({ name: 'b', spec: { terminationGracePeriodSeconds: 7 } })
  const drained = node.controller.drain(new AbortController().signal)
  await node.settle()
  await drained
  for (const name of ['a', 'b']) {
    assert.equal(node.find(name)?.status?.phase, 'Failed')
    assert.equal(node.find(name)?.status?.reason, 'Terminated')
  }
  const graces = node.backend.calls.map(({ gracePeriodSeconds }) => gracePeriodSeconds)
  assert.ok(graces.includes(30) && graces.includes(7))
  await node.bind({ name: 'late' })
  assert.equal(node.find('late')?.status?.reason, 'NodeShutdown')
})

test('a backend that hangs holds up one call and not the pod for ever', async () => {
  await using node = await PodLoopFixture.start()
  let hangs = 1
  node.backend.before = async ({ name }) => {
    if (name === 'createPod' && hangs-- > 0) await new Promise(() => {})
  }
  await node.bind()
  await node.settle(119_000)
  assert.equal(node.backend.count('createPod'), 1)
  await node.settle(5000)
  assert.equal(node.find()?.status?.phase, 'Running')
})

test('a deletion does not wait for a create that hangs', async () => {
  await using node = await PodLoopFixture.start()
  node.backend.before = async ({ name }) => {
    if (name === 'createPod') await new Promise(() => {})
  }
  await node.bind()
  await node.delete()
  await node.settle(2000)
  assert.equal(node.find(), undefined)
  assert.equal(node.backend.count('deletePod'), 1)
  assert.deepEqual(node.reasons, [])
})

test('a backend that resolves by container is told when what a container waits for appears', async () => {
  await using node = await PodLoopFixture.start()
  const uid = await node.bind({ spec: secretEnv })
  const running = node.backend.pods.get(uid)
  const facts = { podIPs: [], hostIPs: [] }
  const failed = node.backend.requests.get(uid)?.resolveContainer('main', facts)
  await assert.rejects(Promise.all([failed, node.settle()]), /secret "s" not found/)
  const waiting = { reason: 'CreateContainerConfigError', message: 'secret "s" not found' }
  const [container] = running?.containers ?? []
  assert.ok(running && container)
  node.backend.set({ ...running, containers: [{ ...container, state: { waiting } }] })
  await node.settle()
  assert.equal(node.backend.count('updatePod'), 0)
  await node.client.create(secrets, { metadata: { namespace: 'default', name: 's' }, data: {} })
  await node.settle()
  assert.equal(node.backend.count('updatePod'), 1)
})

test('a backend without push is polled, in one batch', async () => {
  await using node = await PodLoopFixture.start({ backend: { isPushed: false } })
  const uid = await node.bind({ name: 'a', restartPolicy: 'Never' })
  await node.bind({ name: 'b' })
  await node.settle(1500)
  assert.equal(node.find('a')?.status?.phase, 'Running')
  const polls = node.backend.count('getPodStatuses')
  await node.settle(20_000)
  assert.equal(node.backend.count('getPodStatuses') - polls, 4)
  node.backend.end(uid)
  await node.settle(6000)
  assert.equal(node.find('a')?.status?.phase, 'Succeeded')
})

test('a backend that drops ended pods at once has its deletions completed as well', async () => {
  for (const isPushed of [true, false]) {
    await using node = await PodLoopFixture.start({ backend: { isPushed, hasCleanUp: false } })
    await node.bind()
    await node.settle(2000)
    await node.delete()
    await node.settle(2000)
    assert.equal(node.find(), undefined)
    assert.equal(node.backend.count('deletePod'), 1)
  }
})

test('the pod with our newest status is found by name', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  node.client.before = ({ verb }) => {
    if (verb === 'patch') throw new VkError('Unavailable', 'no API server')
  }
  const observed = [...node.backend.pods.values()][0]
  assert.ok(observed)
  node.backend.set({ ...observed, podIPs: ['10.9.9.9'] })
  await node.settle()
  assert.equal(node.controller.findPod('default', 'a')?.status?.podIP, '10.9.9.9')
  assert.equal(node.find()?.status?.podIP, '10.0.0.1')
})

function failing(name: BackendCall['name'], error: Error): (call: BackendCall) => void {
  return (call) => {
    if (call.name === name) throw error
  }
}
