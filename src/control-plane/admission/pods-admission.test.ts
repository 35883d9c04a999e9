// SPDX-License-Identifier: Apache-2.0
// What admission does to pods: account and token, tolerations, priority, runtime class, labels.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../kube/types.gen.ts'
import { addObject } from '../../../test/support/add-object.ts'
import { admissionBench } from '../../../test/support/admission-bench.ts'
import { defaultTolerationSeconds } from './default-toleration-seconds.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'
import { podTopologyLabels } from './pod-topology-labels.ts'
import { priority } from './priority.ts'
import { runtimeClass } from './runtime-class.ts'
import { serviceAccount, tokenVolumeSource } from './service-account.ts'
import { taintNodesByCondition } from './taint-new-nodes.ts'

const metadata = { name: 'web', namespace: 'default' }
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'
const containers = [{ name: 'main', image: 'a' }]

function podWith(spec: object, more: object = {}) {
  return { metadata: { ...metadata, ...more }, spec: { containers, ...spec } }
}

function specOf(object: unknown): NonNullable<Pod['spec']> {
  return (object as Pod).spec ?? assert.fail()
}

test('NamespaceLifecycle: nothing is made where there is no namespace, or one that is going', () => {
  const { mutate, store, validate } = admissionBench(namespaceLifecycle)
  const create = { target: 'pods', object: podWith({}) }
  assert.throws(() => mutate(create), { code: 404, message: 'namespaces "default" not found' })
  addObject(store, 'namespaces', {
    metadata: { name: 'default' },
    status: { phase: 'Terminating' },
  })
  const refusal = {
    code: 403,
    message:
      'pods "web" is forbidden: unable to create new content in namespace default because it is being terminated',
  }
  assert.throws(() => mutate(create), refusal)
  assert.throws(
    () => validate(create),
    (error: { status?: { details?: { causes?: unknown } } }) => {
      assert.deepEqual(error.status?.details?.causes, [
        {
          reason: 'NamespaceTerminating',
          message: 'namespace default is being terminated',
          field: 'metadata.namespace',
        },
      ])
      return true
    },
  )
  validate({ ...create, old: podWith({}) })
  validate({ target: 'pods', operation: 'DELETE', old: podWith({}) })
  validate({ target: 'localsubjectaccessreviews.authorization.k8s.io', namespace: 'none' })
  addObject(store, 'namespaces', { metadata: { name: 'default' }, status: { phase: 'Active' } })
  validate(create)
})

test('NamespaceLifecycle: the namespaces of the cluster itself stay', () => {
  const { validate } = admissionBench(namespaceLifecycle)
  for (const name of ['default', 'kube-system', 'kube-public']) {
    assert.throws(() => validate({ target: 'namespaces', operation: 'DELETE', name }), {
      message: `namespaces "${name}" is forbidden: this namespace may not be deleted`,
    })
  }
  validate({ target: 'namespaces', operation: 'DELETE', name: 'kube-node-lease' })
})

test('ServiceAccount: gives a pod its account, token and pull secrets', () => {
  const { mutate, store } = admissionBench(serviceAccount)
  addObject(store, 'serviceaccounts', {
    metadata: { namespace: 'default', name: 'default' },
    imagePullSecrets: [{ name: 'registry' }],
  })
  const own = { name: 'mine', mountPath }
  const given = podWith({
    containers: [...containers, { name: 'other', volumeMounts: [own] }],
    initContainers: [{ name: 'init', image: 'a' }],
    volumes: [{ name: 'data', emptyDir: {} }],
  })
  const spec = specOf(mutate({ target: 'pods', object: given }))
  assert.equal(spec.serviceAccountName, 'default')
  assert.equal(spec.serviceAccount, 'default')
  assert.deepEqual(spec.imagePullSecrets, [{ name: 'registry' }])
  const [data, token] = spec.volumes ?? []
  assert.equal(data?.name, 'data')
  assert.match(token?.name ?? '', /^kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  assert.deepEqual(token?.projected, tokenVolumeSource)
  const mount = { name: token?.name, readOnly: true, mountPath }
  assert.deepEqual(
    [...(spec.initContainers ?? []), ...spec.containers].map((one) => one.volumeMounts),
    [[mount], [mount], [own]],
  )
  assert.deepEqual(containers, [{ name: 'main', image: 'a' }])
})

test('ServiceAccount: mounts no token where nobody wants one', () => {
  const { mutate, store } = admissionBench(serviceAccount)
  const add = (automountServiceAccountToken?: boolean) =>
    addObject(store, 'serviceaccounts', {
      metadata: { namespace: 'default', name: 'builder' },
      ...(automountServiceAccountToken !== undefined && { automountServiceAccountToken }),
    })
  const volumes = (spec: object) =>
    specOf(mutate({ target: 'pods', object: podWith({ serviceAccountName: 'builder', ...spec }) }))
      .volumes?.length ?? 0
  add()
  assert.equal(volumes({}), 1)
  assert.equal(volumes({ automountServiceAccountToken: false }), 0)
  add(false)
  assert.equal(volumes({}), 0)
  assert.equal(volumes({ automountServiceAccountToken: true }), 1)
  const mounted = [{ name: 'main', volumeMounts: [{ name: 'x', mountPath }] }]
  assert.equal(volumes({ automountServiceAccountToken: true, containers: mounted }), 0)
})

test('ServiceAccount: refuses pods of accounts that are not there, and what mirror pods may not have', () => {
  const { mutate, store, validate } = admissionBench(serviceAccount)
  assert.throws(() => mutate({ target: 'pods', object: podWith({ serviceAccountName: 'x' }) }), {
    code: 403,
    message:
      'pods "web" is forbidden: error looking up service account default/x: serviceaccount "x" not found',
  })
  const annotations = { 'kubernetes.io/config.mirror': '1' }
  const mirror = podWith({ volumes: [{ name: 'a', secret: { secretName: 's' } }] }, { annotations })
  assert.throws(() => validate({ target: 'pods', object: mirror }), {
    message: 'pods "web" is forbidden: a mirror pod may not reference secrets',
  })
  const enforce = { 'kubernetes.io/enforce-mountable-secrets': 'true' }
  addObject(store, 'serviceaccounts', {
    metadata: { namespace: 'default', name: 'x', annotations: enforce },
    secrets: [{ name: 'known' }],
  })
  const env = [{ name: 'A', valueFrom: { secretKeyRef: { name: 'other', key: 'k' } } }]
  const pod = podWith({ serviceAccountName: 'x', containers: [{ name: 'main', env }] })
  assert.throws(() => validate({ target: 'pods', object: pod }), {
    message:
      'pods "web" is forbidden: container main with envVar A referencing secret.secretName="other" is not allowed because service account x does not reference that secret',
  })
})

test('ServiceAccount: does not hold up pods of a namespace so new that its account is still to come', () => {
  const nowMs = Date.UTC(2026, 0, 1)
  const { mutate, store } = admissionBench(serviceAccount, nowMs)
  const create = { target: 'pods', object: podWith({}) }
  const addNamespace = (ageMs: number, phase: string) => {
    const creationTimestamp = new Date(nowMs - ageMs).toISOString()
    const namespace = { name: 'default', creationTimestamp }
    addObject(store, 'namespaces', { metadata: namespace, status: { phase } })
  }
  const refusal =
    /error looking up service account default\/default: serviceaccount "default" not found/
  assert.throws(() => mutate(create), refusal)
  addNamespace(1000, 'Active')
  assert.equal(specOf(mutate(create)).serviceAccountName, 'default')
  assert.throws(
    () => mutate({ target: 'pods', object: podWith({ serviceAccountName: 'x' }) }),
    /service account default\/x/,
  )
  addNamespace(1000, 'Terminating')
  assert.throws(() => mutate(create), refusal)
  addNamespace(6000, 'Active')
  assert.throws(() => mutate(create), refusal)
})

const notReady = 'node.kubernetes.io/not-ready'
const unreachable = 'node.kubernetes.io/unreachable'
const added = (key: string) => ({
  key,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 300,
})

test('DefaultTolerationSeconds: adds what the pod does not say itself', () => {
  const { mutate } = admissionBench(defaultTolerationSeconds)
  const tolerations = (given: readonly object[]) =>
    specOf(mutate({ target: 'pods', object: podWith({ tolerations: given }) })).tolerations
  assert.deepEqual(tolerations([]), [added(notReady), added(unreachable)])
  const own = { key: notReady, operator: 'Exists', tolerationSeconds: 5 }
  assert.deepEqual(tolerations([own]), [own, added(unreachable)])
  const all = { operator: 'Exists' }
  assert.deepEqual(tolerations([all]), [all])
  const other = { key: notReady, operator: 'Exists', effect: 'NoSchedule' }
  assert.deepEqual(tolerations([other]), [other, added(notReady), added(unreachable)])
})

test('Priority: turns the class into a number', () => {
  const { mutate, store, validate } = admissionBench(priority)
  const admitted = (spec: object) => {
    const {
      preemptionPolicy,
      priority: value,
      priorityClassName,
    } = specOf(mutate({ target: 'pods', object: podWith(spec) }))
    return [value, priorityClassName, preemptionPolicy]
  }
  assert.deepEqual(admitted({}), [0, undefined, 'PreemptLowerPriority'])
  addObject(store, 'priorityclasses.scheduling.k8s.io', {
    metadata: { name: 'high' },
    value: 1000,
    preemptionPolicy: 'Never',
  })
  assert.deepEqual(admitted({ priorityClassName: 'high' }), [1000, 'high', 'Never'])
  assert.deepEqual(admitted({ priorityClassName: 'high', priority: 1000 }), [1000, 'high', 'Never'])
  assert.throws(() => admitted({ priorityClassName: 'none' }), {
    message: 'pods "web" is forbidden: no PriorityClass with name none was found',
  })
  assert.throws(() => admitted({ priority: 7 }), {
    message:
      'pods "web" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
  })
  assert.throws(
    () => admitted({ priorityClassName: 'high', preemptionPolicy: 'x' }),
    /PreemptionPolicy \(x\)/,
  )
  const usual = { metadata: { name: 'usual' }, value: 5, globalDefault: true }
  addObject(store, 'priorityclasses.scheduling.k8s.io', usual)
  assert.deepEqual(admitted({}).slice(0, 2), [5, 'usual'])
  const second = { metadata: { name: 'second' }, value: 6, globalDefault: true }
  const target = 'priorityclasses.scheduling.k8s.io'
  assert.throws(() => validate({ target, object: second }), {
    message: `${target} "second" is forbidden: PriorityClass usual is already marked as default. Only one default can exist`,
  })
  validate({ target, object: usual, old: usual })
})

test('Priority: keeps the number when an update leaves it out', () => {
  const { mutate } = admissionBench(priority)
  const old = podWith({ priority: 5, preemptionPolicy: 'Never' })
  const spec = specOf(mutate({ target: 'pods', object: podWith({}), old }))
  assert.deepEqual([spec.priority, spec.preemptionPolicy], [5, 'Never'])
})

test('TaintNodesByCondition: taints a node when it is made', () => {
  const { mutate } = admissionBench(taintNodesByCondition)
  const taint = { key: notReady, effect: 'NoSchedule' }
  const taints = (spec?: object) =>
    (
      mutate({ target: 'nodes', object: { metadata: { name: 'n1' }, spec } })['spec'] as {
        taints: unknown
      }
    ).taints
  assert.deepEqual(taints(), [taint])
  assert.deepEqual(taints({ taints: [taint] }), [taint])
  const other = { key: notReady, effect: 'NoExecute' }
  assert.deepEqual(taints({ taints: [other] }), [other, taint])
})

test('RuntimeClass: adds overhead and placement, and refuses contradictions', () => {
  const { mutate, store, validate } = admissionBench(runtimeClass)
  addObject(store, 'runtimeclasses.node.k8s.io', {
    metadata: { name: 'vm' },
    handler: 'vm',
    overhead: { podFixed: { cpu: '100m' } },
    scheduling: {
      nodeSelector: { vm: 'yes' },
      tolerations: [{ key: 'vm', operator: 'Exists', effect: 'NoSchedule' }],
    },
  })
  const create = (spec: object) => ({ target: 'pods', object: podWith(spec) })
  const narrow = { key: 'vm', operator: 'Equal', value: 'a', effect: 'NoSchedule' }
  const spec = specOf(
    mutate(create({ runtimeClassName: 'vm', nodeSelector: { a: 'b' }, tolerations: [narrow] })),
  )
  assert.deepEqual(spec.overhead, { cpu: '100m' })
  assert.deepEqual(spec.nodeSelector, { a: 'b', vm: 'yes' })
  assert.deepEqual(spec.tolerations, [{ key: 'vm', operator: 'Exists', effect: 'NoSchedule' }])
  validate(create({ runtimeClassName: 'vm', overhead: { cpu: '0.1' } }))
  const refusals: readonly (readonly [object, string])[] = [
    [{ runtimeClassName: 'none' }, 'pod rejected: RuntimeClass "none" not found'],
    [
      { runtimeClassName: 'vm', overhead: { cpu: '1' } },
      "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    ],
    [
      { runtimeClassName: 'vm', nodeSelector: { vm: 'no' } },
      'conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no',
    ],
  ]
  for (const [wrong, why] of refusals) {
    assert.throws(() => mutate(create(wrong)), { message: `pods "web" is forbidden: ${why}` })
  }
  assert.throws(() => validate(create({ overhead: { cpu: '1' } })), {
    message:
      'pods "web" is forbidden: pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
  })
})

test('PodTopologyLabels: tells a pod its zone when it is bound, or made on a node', () => {
  const { mutate, store } = admissionBench(podTopologyLabels)
  const labels = { 'topology.kubernetes.io/zone': 'z1', 'kubernetes.io/hostname': 'n1' }
  addObject(store, 'nodes', { metadata: { name: 'n1', labels } })
  const expected = { 'topology.kubernetes.io/zone': 'z1' }
  const bound = { metadata: { name: 'web' }, target: { kind: 'Node', name: 'n1' } }
  assert.deepEqual(mutate({ target: 'pods/binding', object: bound }).metadata.labels, expected)
  const made = podWith({ nodeName: 'n1' })
  assert.deepEqual(mutate({ target: 'pods', object: made }).metadata.labels, expected)
  const free = mutate({ target: 'pods', object: podWith({}) })
  assert.equal(free.metadata.labels, undefined)
})
