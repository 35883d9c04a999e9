// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceQuota } from '../../kube/types.gen.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { VkError } from '../../util/vk-error.ts'
import { addObject } from '../../../test/support/add-object.ts'
import { storedObject } from '../auth/stored-object.ts'
import type { Store } from '../storage/store.ts'
import type { RequestDraft } from '../../../test/support/admission-bench.ts'
import { admissionBench } from '../../../test/support/admission-bench.ts'
import { startQuotaStatus, updateQuotaStatus } from './quota-status.ts'
import { resourceQuota } from './resource-quota.ts'

const namespace = 'default'
const hour = 3_600_000

function setUp(hard: Readonly<Record<string, string>>, more: object = {}) {
  const bench = admissionBench(resourceQuota, hour)
  addObject(bench.store, 'resourcequotas', {
    metadata: { namespace, name: 'q' },
    spec: { hard, ...more },
  })
  return bench
}

function pod(name: string, resources: object = {}, more: object = {}) {
  return {
    metadata: { namespace, name },
    spec: { containers: [{ name: 'main', resources }], ...more },
  }
}

const create = (target: string, object: object): RequestDraft => ({ target, object })

function quotaIn(store: Store) {
  return storedObject<ResourceQuota>(store, 'resourcequotas', { namespace, name: 'q' })
}

test('refuses the pod that is one too many', () => {
  const { store, validate } = setUp({ pods: '2', 'count/pods': '3' })
  addObject(store, 'pods', pod('a'))
  validate(create('pods', pod('b')))
  addObject(store, 'pods', pod('b'))
  assert.throws(() => validate(create('pods', pod('c'))), {
    code: 403,
    message:
      'pods "c" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
  })
  addObject(store, 'pods', { ...pod('b'), status: { phase: 'Succeeded' } })
  validate(create('pods', pod('c')))
  addObject(store, 'pods', { ...pod('c'), status: { phase: 'Failed' } })
  assert.throws(() => validate(create('pods', pod('d'))), {
    message:
      'pods "d" is forbidden: exceeded quota: q, requested: count/pods=1, used: count/pods=3, limited: count/pods=3',
  })
})

test('adds up what pods request and are limited to', () => {
  const hard = { 'requests.cpu': '1', 'limits.memory': '2Gi', 'requests.example.com/gpu': '1' }
  const { store, validate } = setUp(hard)
  const resources = (cpu: string, memory: string, more: object = {}) => ({
    requests: { cpu, ...more },
    limits: { memory },
  })
  addObject(store, 'pods', pod('a', resources('600m', '1Gi')))
  validate(create('pods', pod('b', resources('400m', '1Gi', { 'example.com/gpu': '1' }))))
  assert.throws(() => validate(create('pods', pod('b', resources('500m', '1025Mi')))), {
    message:
      'pods "b" is forbidden: exceeded quota: q, requested: limits.memory=1025Mi,requests.cpu=500m, used: limits.memory=1Gi,requests.cpu=600m, limited: limits.memory=2Gi,requests.cpu=1',
  })
  const gpus = pod('b', resources('1m', '1', { 'example.com/gpu': '2' }))
  assert.throws(() => validate(create('pods', gpus)), /requests.example.com\/gpu=2/)
  const overhead = pod('b', resources('400m', '1Gi'), { overhead: { cpu: '1m' } })
  assert.throws(() => validate(create('pods', overhead)), /requested: requests.cpu=401m/)
})

test('obliges containers to say what is counted of cpu and memory', () => {
  const { validate } = setUp({
    cpu: '1',
    'limits.memory': '1Gi',
    'requests.ephemeral-storage': '1Gi',
  })
  const silent = pod('a', { requests: { memory: '1' } }, { initContainers: [{ name: 'init' }] })
  assert.throws(() => validate(create('pods', silent)), {
    message:
      'pods "a" is forbidden: failed quota: q: must specify cpu for: init,main; limits.memory for: init,main',
  })
  validate(create('pods', pod('a', {}, { resources: { requests: { cpu: '1' } } })))
})

test('counts other objects by kind, services by type and claims by class', () => {
  const gold = 'gold.storageclass.storage.k8s.io'
  const { store, validate } = setUp({
    configmaps: '1',
    'count/deployments.apps': '1',
    services: '5',
    'services.nodeports': '1',
    'requests.storage': '10Gi',
    [`${gold}/requests.storage`]: '1Gi',
  })
  const object = { metadata: { namespace, name: 'x' } }
  addObject(store, 'configmaps', object)
  addObject(store, 'deployments.apps', object)
  assert.throws(() => validate(create('configmaps', object)), {
    message:
      'configmaps "x" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: configmaps=1',
  })
  assert.throws(() => validate(create('deployments.apps', object)), /count\/deployments.apps=1/)
  validate(create('secrets', object))
  const service = (type: string, ports: number) =>
    create('services', {
      ...object,
      spec: { type, ports: Array.from({ length: ports }, () => ({})) },
    })
  validate(service('ClusterIP', 3))
  assert.throws(() => validate(service('NodePort', 2)), /services.nodeports=2/)
  const claim = (storage: string, storageClassName?: string) =>
    create('persistentvolumeclaims', {
      ...object,
      spec: { storageClassName, resources: { requests: { storage } } },
    })
  validate(claim('9Gi'))
  assert.throws(() => validate(claim('2Gi', 'gold')), new RegExp(`${gold}/requests.storage=2Gi`))
})

const scopes: readonly (readonly [object, object, object])[] = [
  [{ scopes: ['Terminating'] }, { activeDeadlineSeconds: 5 }, {}],
  [{ scopes: ['NotTerminating'] }, {}, { activeDeadlineSeconds: 5 }],
  [
    { scopes: ['BestEffort'] },
    {},
    { containers: [{ name: 'main', resources: { limits: { cpu: '1' } } }] },
  ],
  [
    {
      scopeSelector: {
        matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }],
      },
    },
    { priorityClassName: 'high' },
    { priorityClassName: 'low' },
  ],
  [
    { scopes: ['CrossNamespacePodAffinity'] },
    {
      affinity: {
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [{ namespaces: ['x'], topologyKey: 'a' }],
        },
      },
    },
    {},
  ],
]

test('applies a quota with scopes only to what is in them', () => {
  for (const [scope, inside, outside] of scopes) {
    const { validate } = setUp({ pods: '0', configmaps: '0' }, scope)
    assert.throws(() => validate(create('pods', pod('a', {}, inside))), /exceeded quota/)
    validate(create('pods', pod('a', {}, outside)))
    validate(create('configmaps', { metadata: { namespace, name: 'c' } }))
  }
})

test('charges an update only for what it adds', () => {
  const { store, validate } = setUp({ 'requests.cpu': '1' })
  const old = pod('a', { requests: { cpu: '900m' } })
  addObject(store, 'pods', old)
  const resized = (cpu: string) => ({
    target: 'pods/resize',
    object: pod('a', { requests: { cpu } }),
    old,
  })
  validate(resized('1'))
  validate(resized('1m'))
  assert.throws(() => validate(resized('1001m')), {
    message:
      'pods "a" is forbidden: exceeded quota: q, requested: requests.cpu=101m, used: requests.cpu=900m, limited: requests.cpu=1',
  })
})

test('forgets pods that should long be gone', () => {
  const { store, validate } = setUp({ pods: '1' })
  const going = (deletionTimestamp: string) => ({
    ...pod('a'),
    metadata: { namespace, name: 'a', deletionTimestamp, deletionGracePeriodSeconds: 30 },
  })
  addObject(store, 'pods', going(new Date(hour).toISOString()))
  assert.throws(() => validate(create('pods', pod('b'))), /exceeded quota/)
  addObject(store, 'pods', going(new Date(hour - 31_000).toISOString()))
  validate(create('pods', pod('b')))
})

test('shows in the status of a quota what is used', async () => {
  const { store } = setUp({ pods: '2', 'requests.cpu': '1' })
  addObject(store, 'pods', pod('a', { requests: { cpu: '250m' } }))
  addObject(store, 'pods', pod('b', { requests: { cpu: '250m' } }))
  updateQuotaStatus(store, namespace, hour)
  const hard = { pods: '2', 'requests.cpu': '1' }
  assert.deepEqual(quotaIn(store)?.status, { hard, used: { pods: '2', 'requests.cpu': '500m' } })
  const { revision } = store
  updateQuotaStatus(store, namespace, hour)
  assert.equal(store.revision, revision)
})

test('goes on once storage takes writes again', async () => {
  const clock = new FakeClock()
  const { store } = setUp({ pods: '2' })
  let isFull = true
  const put: Store['put'] = (key, object) => {
    if (isFull) throw new VkError('Unavailable', 'Cannot write to storage: the disk is full')
    return store.put(key, object)
  }
  const reading = Object.fromEntries(
    (['get', 'list', 'count', 'onChange', 'durable'] as const).map((name) => [
      name,
      store[name].bind(store),
    ]),
  )
  using _ = startQuotaStatus({ store: { ...reading, put } as unknown as Store, clock })
  await clock.advance(5000)
  assert.equal(quotaIn(store)?.status, undefined)
  isFull = false
  await clock.advance(5000)
  assert.deepEqual(quotaIn(store)?.status?.used, { pods: '0' })
})

test('follows what happens in the namespace', async () => {
  const clock = new FakeClock()
  const { store } = setUp({ pods: '2' })
  using _ = startQuotaStatus({ store, clock })
  await clock.advance(1000)
  assert.deepEqual(quotaIn(store)?.status?.used, { pods: '0' })
  addObject(store, 'pods', pod('a'))
  await store.durable()
  await new Promise(setImmediate)
  await clock.advance(1000)
  assert.deepEqual(quotaIn(store)?.status?.used, { pods: '1' })
  await new Promise(setImmediate)
  await clock.advance(1000)
  assert.equal(clock.pending, 0)
})
