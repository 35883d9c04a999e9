// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../kube/types.gen.ts'
import { addObject } from '../../../test/support/add-object.ts'
import { admissionBench } from '../../../test/support/admission-bench.ts'
import { limitRanger } from './limit-ranger.ts'

function setUp(...limits: readonly object[]) {
  const bench = admissionBench(limitRanger)
  addObject(bench.store, 'limitranges', {
    metadata: { namespace: 'default', name: 'limits' },
    spec: { limits },
  })
  return bench
}

function pod(resources: object | undefined, more: object = {}) {
  const containers = [{ name: 'main', ...(resources && { resources }) }]
  const metadata = { name: 'web', namespace: 'default' }
  return { target: 'pods', object: { metadata, spec: { containers, ...more } } }
}

test('gives containers the defaults that they do not name, and notes it', () => {
  const { mutate } = setUp({
    type: 'Container',
    default: { cpu: '1', memory: '1Gi' },
    defaultRequest: { cpu: '100m' },
  })
  const draft = pod({ limits: { memory: '2Gi' } }, { initContainers: [{ name: 'init' }] })
  const { metadata, spec } = mutate(draft) as unknown as Pod
  assert.deepEqual(spec?.containers[0]?.resources, {
    limits: { cpu: '1', memory: '2Gi' },
    requests: { cpu: '100m' },
  })
  assert.deepEqual(spec?.initContainers?.[0]?.resources, {
    limits: { cpu: '1', memory: '1Gi' },
    requests: { cpu: '100m' },
  })
  assert.equal(
    metadata.annotations?.['kubernetes.io/limit-ranger'],
    'LimitRanger plugin set: cpu request for container main; cpu limit for container main; cpu request for init container init; cpu, memory limit for init container init',
  )
})

const rows: readonly (readonly [object, object | undefined, string | undefined])[] = [
  [{ min: { cpu: '100m' } }, { requests: { cpu: '0.1' } }, undefined],
  [
    { min: { cpu: '100m' } },
    undefined,
    'minimum cpu usage per Container is 100m.  No request is specified',
  ],
  [
    { min: { cpu: '100m' } },
    { requests: { cpu: '50m' } },
    'minimum cpu usage per Container is 100m, but request is 50m',
  ],
  [
    { min: { cpu: '100m' } },
    { requests: { cpu: '100m' }, limits: { cpu: '99m' } },
    'minimum cpu usage per Container is 100m, but limit is 99m',
  ],
  [{ max: { memory: '1Gi' } }, { limits: { memory: '1024Mi' } }, undefined],
  [
    { max: { memory: '1Gi' } },
    { requests: { memory: '1Mi' } },
    'maximum memory usage per Container is 1Gi.  No limit is specified',
  ],
  [
    { max: { memory: '1Gi' } },
    { limits: { memory: '2Gi' } },
    'maximum memory usage per Container is 1Gi, but limit is 2Gi',
  ],
  [
    { max: { memory: '1Gi' } },
    { limits: { memory: '1Gi' }, requests: { memory: '3Gi' } },
    'maximum memory usage per Container is 1Gi, but request is 3Gi',
  ],
  [
    { maxLimitRequestRatio: { cpu: '2' } },
    { limits: { cpu: '2' }, requests: { cpu: '1' } },
    undefined,
  ],
  [
    { maxLimitRequestRatio: { cpu: '2' } },
    { limits: { cpu: '1' }, requests: { cpu: '300m' } },
    'cpu max limit to request ratio per Container is 2, but provided ratio is 3.333333',
  ],
  [
    { maxLimitRequestRatio: { cpu: '2' } },
    { limits: { cpu: '1' } },
    'cpu max limit to request ratio per Container is 2, but no request is specified or request is 0',
  ],
]

test('refuses containers outside the limits in the words of the API', () => {
  for (const [limit, resources, why] of rows) {
    const { validate } = setUp({ type: 'Container', ...limit })
    if (why === undefined) validate(pod(resources))
    else {
      const message = `pods "web" is forbidden: ${why}`
      assert.throws(() => validate(pod(resources)), { code: 403, message })
    }
  }
})

test('tells all faults at once', () => {
  const { validate } = setUp({ type: 'Container', min: { cpu: '1' }, max: { memory: '1' } })
  assert.throws(() => validate(pod({ requests: { cpu: '1m' } })), {
    message:
      'pods "web" is forbidden: [minimum cpu usage per Container is 1, but request is 1m, maximum memory usage per Container is 1.  No limit is specified]',
  })
})

test('judges a pod as a whole: containers and sidecars together, or the greediest start', () => {
  const { validate } = setUp({ type: 'Pod', max: { cpu: '2' } })
  const cpu = (amount: string) => ({ resources: { limits: { cpu: amount } } })
  const sidecar = { name: 'side', restartPolicy: 'Always', ...cpu('500m') }
  const init = { name: 'init', ...cpu('1500m') }
  validate(pod({ limits: { cpu: '1500m' } }, { initContainers: [sidecar, init] }))
  const late = pod(
    { limits: { cpu: '1' } },
    { initContainers: [sidecar, { ...init, ...cpu('2') }] },
  )
  const why = 'maximum cpu usage per Pod is 2, but limit is 2500m'
  assert.throws(() => validate(late), { message: `pods "web" is forbidden: ${why}` })
  validate(pod({ limits: { cpu: '9' } }, { resources: { limits: { cpu: '1' } } }))
})

test('judges claims by what they ask for, and no updates of pods', () => {
  const { validate } = setUp({
    type: 'PersistentVolumeClaim',
    min: { storage: '1Gi' },
    max: { storage: '2Gi' },
  })
  const claim = (storage: string) => ({
    target: 'persistentvolumeclaims',
    object: {
      metadata: { name: 'c', namespace: 'default' },
      spec: { resources: { requests: { storage } } },
    },
  })
  validate(claim('2Gi'))
  assert.throws(() => validate(claim('3Gi')), {
    message:
      'persistentvolumeclaims "c" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
  })
  const strict = setUp({ type: 'Container', min: { cpu: '1' } })
  strict.validate({ ...pod(undefined), old: pod(undefined).object })
  assert.throws(() => strict.validate(pod(undefined)), /No request is specified/)
})
