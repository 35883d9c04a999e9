// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { mergePatch } from '../../test/support/fake-api/merge-patch.ts'
import type { Node } from '../kube/types.gen.ts'
import { desiredConditions } from './node-conditions.ts'
import { hasTaintDrift, objectPatch, statusPatch } from './node-merge.ts'
import type { DesiredNode } from './node-object.ts'
import { newNode } from './node-writer.ts'
import { taintId } from './node-taints.ts'
import { ownedAnnotation, readOwned } from './owned-fields.ts'

const admin = { isNodeIdentity: false }
const startMs = Date.UTC(2026, 0, 1)
const nodeInfo = {
  machineID: 'm',
  systemUUID: 's',
  bootID: 'b',
  kernelVersion: '6',
  osImage: 'Linux',
  containerRuntimeVersion: 'mock://1',
  kubeletVersion: 'v1.36.3-vk-0.1.0',
  kubeProxyVersion: '',
  operatingSystem: 'linux',
  architecture: 'amd64',
}

function desire(
  given: Partial<Omit<DesiredNode, 'status'>> & { status?: Partial<DesiredNode['status']> } = {},
) {
  const { status, ...rest } = given
  return {
    name: 'n',
    labels: { type: 'virtual-kubelet' },
    annotations: {},
    taints: [{ key: 'own', effect: 'NoSchedule' }],
    ...rest,
    status: {
      capacity: { cpu: '4', memory: '1Gi', pods: '10', 'ephemeral-storage': '1Gi' },
      allocatable: { cpu: '4', memory: '1Gi', pods: '10', 'ephemeral-storage': '1Gi' },
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      nodeInfo,
      conditions: desiredConditions({ obstacles: [] }),
      ...status,
    },
  } satisfies DesiredNode
}

function created(desired: DesiredNode): Node {
  const node = newNode(desired, startMs)
  return { ...node, metadata: { ...node.metadata, uid: 'u', resourceVersion: '1' } } as Node
}

function apply(live: Node, desired: DesiredNode, options = admin, nowMs = startMs): Node {
  const patch = objectPatch(live, desired, options)
  const node = patch === undefined ? live : (mergePatch(live, patch, false) as Node)
  return mergePatch(node, statusPatch(node, desired, nowMs).body, true) as Node
}

function condition(node: Node, type: string) {
  return node.status?.conditions?.find((entry) => entry.type === type)
}

describe('the patch of a Node', () => {
  test('is empty for a Node just made, and for one just patched', () => {
    const desired = desire()
    const node = created(desired)
    assert.equal(objectPatch(node, desired, admin), undefined)
    assert.equal(statusPatch(node, desired, startMs).isChange, false)
    const changed = desire({ labels: { type: 'virtual-kubelet', a: 'b' } })
    assert.equal(objectPatch(apply(node, changed), changed, admin), undefined)
  })

  test('keeps conditions that others have set (TestManualConditionsPreserved)', () => {
    const node = created(desire())
    const manual = { type: 'TestConditionType', status: 'True', reason: 'x', message: 'y' }
    const conditions = [...(node.status?.conditions ?? []), manual]
    const live = { ...node, status: { ...node.status, conditions } }
    const next = apply(
      live,
      desire({ status: { conditions: desiredConditions({ obstacles: ['x'] }) } }),
    )
    assert.deepEqual(condition(next, manual.type), manual)
    assert.equal(condition(next, 'Ready')?.status, 'False')
  })

  test('keeps annotations that others have set (TestBeforeAnnotationsPreserved)', () => {
    const first = desire({ annotations: { ours: '1', old: '1' } })
    const node = created(first)
    const annotations = { ...node.metadata.annotations, 'manual.example/a': 'kept' }
    const live = { ...node, metadata: { ...node.metadata, annotations } }
    const next = apply(live, desire({ annotations: { ours: '2' } })).metadata.annotations ?? {}
    assert.equal(next['manual.example/a'], 'kept')
    assert.equal(next['ours'], '2')
    assert.equal('old' in next, false)
  })

  test('removes labels, conditions and resources that we no longer set, and no others', () => {
    const conditions = [
      { type: 'GpuOk', status: 'True', reason: '', message: '' },
      ...desiredConditions({ obstacles: [] }),
    ]
    const capacity = { cpu: '4', 'example.com/gpu': '2' }
    const before = desire({
      labels: { a: '1', b: '1' },
      status: { conditions, capacity, allocatable: capacity },
    })
    const node = created(before)
    const live = mergePatch(
      node,
      {
        metadata: { labels: { foreign: 'x' } },
        status: { capacity: { 'other.com/nic': '1' }, allocatable: { 'other.com/nic': '1' } },
      },
      false,
    ) as Node
    const after = desire({ labels: { b: '2' }, status: { capacity: { cpu: '8' } } })
    const next = apply(live, after)
    assert.deepEqual(next.metadata.labels, { b: '2', foreign: 'x' })
    assert.equal(condition(next, 'GpuOk'), undefined)
    assert.deepEqual(next.status?.capacity, { cpu: '8', 'other.com/nic': '1' })
    assert.equal(next.status?.allocatable?.['example.com/gpu'], undefined)
    // The list of what is ours forgets them once they are gone.
    const last = apply(next, after)
    assert.equal(readOwned(last).conditions.includes('GpuOk'), false)
    assert.equal(readOwned(last).resources.includes('example.com/gpu'), false)
  })

  test('takes over a Node of the Go project with what that had set', () => {
    const annotations = {
      'virtual-kubelet.io/last-applied-object-meta':
        '{"labels":{"kubernetes.io/role":"agent","type":"virtual-kubelet"}}',
      'virtual-kubelet.io/last-applied-node-status':
        '{"capacity":{"cpu":"1","old":"1"},"conditions":[{"type":"NetworkUnavailable","status":"False"}]}',
    }
    const labels = { 'kubernetes.io/role': 'agent', type: 'virtual-kubelet', foreign: 'x' }
    const conditions = [{ type: 'NetworkUnavailable', status: 'False' }]
    const live: Node = {
      metadata: { name: 'n', uid: 'u', labels, annotations },
      spec: {},
      status: { capacity: { cpu: '1', old: '1' }, conditions },
    }
    const next = apply(live, desire())
    assert.deepEqual(next.metadata.labels, { type: 'virtual-kubelet', foreign: 'x' })
    assert.deepEqual(Object.keys(next.metadata.annotations ?? {}), [ownedAnnotation])
    assert.equal(condition(next, 'NetworkUnavailable'), undefined)
    assert.equal(next.status?.capacity?.['old'], undefined)
    const restricted = objectPatch(live, desire(), { isNodeIdentity: true }) as {
      metadata: { labels?: object }
    }
    assert.equal(restricted.metadata.labels, undefined, 'a node may not remove kubernetes.io/role')
  })

  test('changes our taints alone, under a lock, and none as a node identity', () => {
    const node = created(desire())
    const foreign = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule', timeAdded: 't' }
    const live = { ...node, spec: { taints: [foreign, ...(node.spec.taints ?? [])] } }
    const desired = desire({ taints: [{ key: 'new', value: '1', effect: 'NoExecute' }] })
    const patch = objectPatch(live, desired, admin) as Record<string, Record<string, unknown>>
    assert.equal(patch['metadata']?.['resourceVersion'], '1')
    assert.deepEqual(patch['spec'], { taints: [foreign, ...desired.taints] })
    assert.equal(hasTaintDrift(live, desired), true)
    assert.equal(objectPatch(live, desired, { isNodeIdentity: true }), undefined)
  })

  test('replaces all addresses, even with two of one type', () => {
    const node = created(desire())
    const addresses = [
      { type: 'InternalIP', address: '10.0.0.2' },
      { type: 'InternalIP', address: 'fd00::2' },
    ]
    const next = apply(node, desire({ status: { addresses } }))
    assert.deepEqual(next.status?.addresses, addresses)
  })

  test('sets providerID once', () => {
    const node = created(desire())
    const next = apply(node, desire({ providerID: 'mock://1' }))
    assert.equal(next.spec.providerID, 'mock://1')
    assert.equal(apply(next, desire({ providerID: 'mock://2' })).spec.providerID, 'mock://1')
  })

  test('knows an amount in another notation as the same', () => {
    const node = created(desire({ status: { capacity: { memory: '1Gi', cpu: '1' } } }))
    const same = desire({ status: { capacity: { memory: '1024Mi', cpu: '1000m' } } })
    assert.equal(statusPatch(node, same, startMs).isChange, false)
  })

  test('leaves the resources in the API alone while there is no description', () => {
    const node = created(desire())
    const { capacity: _, allocatable: __, ...status } = desire().status
    const next = apply(node, { ...desire(), status })
    assert.deepEqual(next.status?.capacity, node.status?.capacity)
  })

  test('moves the transition time only when the status turns, the heartbeat always', () => {
    const node = created(desire())
    const later = startMs + 60_000
    const same = apply(node, desire(), admin, later)
    assert.equal(condition(same, 'Ready')?.lastTransitionTime, '2026-01-01T00:00:00Z')
    assert.equal(condition(same, 'Ready')?.lastHeartbeatTime, '2026-01-01T00:01:00Z')
    const sick = desire({ status: { conditions: desiredConditions({ obstacles: ['x'] }) } })
    const turned = apply(node, sick, admin, later)
    assert.equal(condition(turned, 'Ready')?.lastTransitionTime, '2026-01-01T00:01:00Z')
    assert.equal(condition(turned, 'DiskPressure')?.lastTransitionTime, '2026-01-01T00:00:00Z')
  })

  test('restores conditions that the control plane has set Unknown', () => {
    const node = created(desire())
    const conditions = (node.status?.conditions ?? []).map((entry) => ({
      ...entry,
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
    }))
    const live = { ...node, status: { ...node.status, conditions } }
    assert.equal(statusPatch(live, desire(), startMs).isChange, true)
    assert.equal(condition(apply(live, desire()), 'Ready')?.status, 'True')
  })
})

describe('whatever others have set', () => {
  const names = fc.constantFrom('a', 'b', 'c', 'example.com/d', 'constructor')
  const map = fc.dictionary(names, fc.constantFrom('1', '2'))
  const ownTaints = fc.uniqueArray(
    fc.record({ key: names, effect: fc.constantFrom('NoSchedule', 'NoExecute') }),
    { selector: taintId },
  )
  const types = fc.uniqueArray(fc.constantFrom('GpuOk', 'NetOk', 'FanOk'))
  const wish = fc.record({ labels: map, annotations: map, taints: ownTaints, types })
  const foreignNames = fc.constantFrom('x', 'y', 'foreign.io/z')
  const foreign = fc.record({
    labels: fc.dictionary(foreignNames, fc.string()),
    annotations: fc.dictionary(foreignNames, fc.string()),
    taints: fc.uniqueArray(
      fc.record({ key: foreignNames, value: fc.string(), effect: fc.constant('NoExecute') }),
      { selector: taintId },
    ),
    types: fc.uniqueArray(fc.constantFrom('ManualOk', 'NetworkUnavailable')),
    capacity: fc.dictionary(foreignNames, fc.constantFrom('1', '2')),
  })

  function desireOf({ types, ...rest }: { types: readonly string[] } & Partial<DesiredNode>) {
    const described = types.map((type) => ({ type, status: 'True' }))
    return desire({
      ...rest,
      status: { conditions: desiredConditions({ obstacles: [], described }) },
    })
  }

  test('survives any change of ours, while all of ours arrives and none of the old stays', () => {
    fc.assert(
      fc.property(wish, foreign, wish, (first, others, second) => {
        const node = created(desireOf(first))
        const manual = others.types.map((type) => ({ type, status: 'True', reason: 'Manual' }))
        const live: Node = {
          ...node,
          metadata: {
            ...node.metadata,
            labels: { ...node.metadata.labels, ...others.labels },
            annotations: { ...node.metadata.annotations, ...others.annotations },
          },
          spec: { taints: [...(node.spec.taints ?? []), ...others.taints] },
          status: {
            ...node.status,
            capacity: { ...node.status?.capacity, ...others.capacity },
            conditions: [...manual, ...(node.status?.conditions ?? [])],
          },
        }
        const desired = desireOf(second)
        const next = apply(live, desired)
        const { [ownedAnnotation]: _, ...annotations } = next.metadata.annotations ?? {}
        assert.deepEqual({ ...next.metadata.labels }, { ...second.labels, ...others.labels })
        assert.deepEqual({ ...annotations }, { ...second.annotations, ...others.annotations })
        assert.deepEqual(
          new Set(next.spec.taints?.map((taint) => JSON.stringify(taint))),
          new Set([...second.taints, ...others.taints].map((taint) => JSON.stringify(taint))),
        )
        for (const entry of manual) assert.deepEqual(condition(next, entry.type), entry)
        for (const type of first.types) {
          assert.equal(condition(next, type) !== undefined, second.types.includes(type))
        }
        for (const [name, amount] of Object.entries(others.capacity)) {
          assert.equal(next.status?.capacity?.[name], amount)
        }
        assert.equal(statusPatch(next, desired, startMs).isChange, false)
      }),
      { seed: 42, numRuns: 300 },
    )
  })
})
