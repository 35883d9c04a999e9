// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Container, Pod, PodSpec, Toleration } from '../kube/types.gen.ts'
import { buildContainer, buildPod } from '../../test/support/build-pod.ts'
import { admit, type NodeFacts, type Rejection } from './admission.ts'
import { AdmittedPods } from './admitted-pods.ts'

const node: NodeFacts = {
  name: 'node-a',
  os: 'linux',
  labels: { zone: 'east' },
  allocatable: {
    cpu: '2',
    memory: '4Gi',
    'ephemeral-storage': '10Gi',
    pods: '3',
    'gpu.example/a': '1',
  },
  taints: [],
}

function judge(
  pod: Pod,
  { others = [], facts = {} }: { others?: Iterable<Pod>; facts?: Partial<NodeFacts> } = {},
): Rejection | undefined {
  return admit(pod, { node: { ...node, ...facts }, others })
}

const asks = (requests: Readonly<Record<string, string>>, spec: Partial<PodSpec> = {}): Pod =>
  buildPod({ spec: { containers: [buildContainer({ resources: { requests } })], ...spec } })

test('a pod that asks for nothing is admitted', () => {
  assert.equal(judge(buildPod()), undefined)
})

test('resources that are all taken to the last bit are admitted', () => {
  const all = asks({ cpu: '1', memory: '4Gi', 'ephemeral-storage': '10Gi', 'gpu.example/a': '1' })
  assert.equal(judge(all, { others: [asks({ cpu: '1' })] }), undefined)
})

const shortages: readonly (readonly [requests: Record<string, string>, Rejection])[] = [
  [
    { cpu: '4' },
    {
      reason: 'OutOfcpu',
      message: "Node didn't have enough resource: cpu, requested: 4000, used: 250, capacity: 2000",
    },
  ],
  [
    { memory: '4Gi' },
    {
      reason: 'OutOfmemory',
      message:
        "Node didn't have enough resource: memory, requested: 4294967296, used: 1024, capacity: 4294967296",
    },
  ],
  [
    { 'ephemeral-storage': '11Gi' },
    {
      reason: 'OutOfephemeral-storage',
      message:
        "Node didn't have enough resource: ephemeral-storage, requested: 11811160064, used: 0, capacity: 10737418240",
    },
  ],
  [
    { 'gpu.example/a': '2' },
    {
      reason: 'OutOfgpu.example/a',
      message:
        "Node didn't have enough resource: gpu.example/a, requested: 2, used: 0, capacity: 1",
    },
  ],
  [
    { 'hugepages-2Mi': '2Mi' },
    {
      reason: 'OutOfhugepages-2Mi',
      message:
        "Node didn't have enough resource: hugepages-2Mi, requested: 2097152, used: 0, capacity: 0",
    },
  ],
]
for (const [requests, rejection] of shortages) {
  test(`too little left gives ${rejection.reason}`, () => {
    const others = [asks({ cpu: '250m', memory: '1Ki' })]
    assert.deepEqual(judge(asks(requests), { others }), rejection)
  })
}

test('a resource that the node does not have at all is somebody else’s business', () => {
  assert.equal(judge(asks({ 'other.example/b': '1' })), undefined)
})

test('the number of pods is a limit too', () => {
  const others = [buildPod(), buildPod(), buildPod()]
  assert.deepEqual(judge(buildPod(), { others }), {
    reason: 'OutOfpods',
    message: "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3",
  })
})

test('pods that have ended and the pod itself use nothing', () => {
  const pod = asks({ cpu: '2' })
  const ended = asks({ cpu: '2' })
  const others = [
    pod,
    { ...ended, status: { phase: 'Succeeded' } },
    { ...asks({ cpu: '2' }), status: { phase: 'Failed' } },
  ]
  assert.equal(judge(pod, { others }), undefined)
})

test('the operating system is compared first', () => {
  assert.deepEqual(
    judge({
      ...asks({ cpu: '99' }),
      metadata: { ...buildPod().metadata, labels: { 'kubernetes.io/os': 'windows' } },
    }),
    {
      reason: 'PodOSSelectorNodeLabelDoesNotMatch',
      message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    },
  )
  assert.deepEqual(judge(buildPod({ spec: { os: { name: 'windows' } } })), {
    reason: 'PodOSNotSupported',
    message: "Failed to admit pod as the OS field doesn't match node OS",
  })
  assert.equal(judge(buildPod({ spec: { os: { name: 'linux' } } })), undefined)
})

test('labels that do not fit give NodeAffinity, another node name gives NodeName', () => {
  assert.deepEqual(judge(buildPod({ spec: { nodeSelector: { zone: 'west' } } })), {
    reason: 'NodeAffinity',
    message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  })
  assert.equal(judge(buildPod({ spec: { nodeName: 'node-b' } }))?.reason, 'NodeName')
  assert.equal(judge(buildPod({ spec: { nodeName: 'node-a' } })), undefined)
})

const taint = { key: 'dedicated', value: 'team', effect: 'NoExecute' }
const tolerations: readonly (readonly [Toleration, boolean])[] = [
  [{ operator: 'Exists' }, true],
  [{ key: 'dedicated', operator: 'Exists' }, true],
  [{ key: 'dedicated', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }, true],
  [{ key: 'dedicated', operator: 'Equal', value: 'team' }, true],
  [{ key: 'dedicated', value: 'team' }, true],
  [{ key: 'dedicated', value: 'other' }, false],
  [{ key: 'dedicated' }, false],
  [{ key: 'else', operator: 'Exists' }, false],
  [{ key: 'dedicated', operator: 'Exists', effect: 'NoSchedule' }, false],
  [{ operator: 'Equal', value: 'team' }, false],
]
for (const [toleration, isTolerated] of tolerations) {
  test(`${JSON.stringify(toleration)} ${isTolerated ? 'tolerates' : 'does not tolerate'} it`, () => {
    const pod = buildPod({ spec: { tolerations: [toleration] } })
    const expected = isTolerated
      ? undefined
      : {
          reason: 'TaintToleration',
          message:
            "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
        }
    assert.deepEqual(judge(pod, { facts: { taints: [taint] } }), expected)
  })
}

test('only NoExecute taints turn away a pod that is bound already', () => {
  const taints = [{ ...taint, effect: 'NoSchedule' }]
  assert.equal(judge(buildPod(), { facts: { taints } }), undefined)
})

const listens = (...ports: NonNullable<Container['ports']>): Pod =>
  buildPod({ spec: { containers: [buildContainer({ ports })] } })

test('a host port is given once for each address and protocol', () => {
  const taken = [listens({ containerPort: 80, hostPort: 8080, hostIP: '10.0.0.1' })]
  const reasonFor = (pod: Pod): string | undefined => judge(pod, { others: taken })?.reason
  assert.equal(reasonFor(listens({ containerPort: 1, hostPort: 8080 })), 'NodePorts')
  assert.equal(
    reasonFor(listens({ containerPort: 1, hostPort: 8080, hostIP: '10.0.0.1' })),
    'NodePorts',
  )
  assert.equal(
    reasonFor(listens({ containerPort: 1, hostPort: 8080, hostIP: '10.0.0.2' })),
    undefined,
  )
  assert.equal(reasonFor(listens({ containerPort: 1, hostPort: 8080, protocol: 'UDP' })), undefined)
  assert.equal(reasonFor(listens({ containerPort: 8080 })), undefined)
})

test('judging against a kept sum and against a list of pods agrees', () => {
  const requests = fc.record({
    cpu: fc.integer({ min: 0, max: 900 }).map((cpu) => `${cpu}m`),
    memory: fc.integer({ min: 0, max: 2 }).map((memory) => `${memory}Gi`),
  })
  const steps = fc.array(fc.tuple(requests, fc.boolean()), { maxLength: 12 })
  fc.assert(
    fc.property(steps, requests, (history, last) => {
      const kept = new AdmittedPods()
      const list = new Set<Pod>()
      for (const [wanted, isDeleted] of history) {
        const pod = asks(wanted)
        if (judge(pod, { others: kept })) continue
        kept.set(pod)
        list.add(pod)
        if (!isDeleted) continue
        kept.delete(pod.metadata.uid)
        list.delete(pod)
      }
      assert.deepEqual([...kept], [...list])
      const pod = asks(last)
      assert.deepEqual(judge(pod, { others: kept }), judge(pod, { others: list }))
      kept.set(pod)
      assert.deepEqual(judge(pod, { others: kept }), judge(pod, { others: list }))
    }),
    { seed: 510, numRuns: 300 },
  )
})

test('a pod that ended gives back what it used', () => {
  const kept = new AdmittedPods()
  const pod = asks({ cpu: '2' })
  kept.set(pod)
  assert.equal(judge(asks({ cpu: '1' }), { others: kept })?.reason, 'OutOfcpu')
  kept.set({ ...pod, status: { phase: 'Failed' } })
  assert.equal(kept.size, 0)
  assert.equal(judge(asks({ cpu: '2' }), { others: kept }), undefined)
})

test('a node short of disk takes no pods, one short of memory none that ask for none; critical ones come in', () => {
  const ofClass = (qosClass: string, spec: Partial<PodSpec> = {}): Pod =>
    buildPod({ spec, status: { qosClass } })
  const disk = { facts: { pressures: ['DiskPressure'] } }
  const memory = { facts: { pressures: ['MemoryPressure'] } }
  const both = { facts: { pressures: ['MemoryPressure', 'DiskPressure'] } }
  assert.deepEqual(judge(ofClass('Guaranteed'), disk), {
    reason: 'Evicted',
    message: 'The node had condition: [DiskPressure]. ',
  })
  assert.equal(judge(ofClass('Burstable'), memory), undefined)
  assert.equal(judge(ofClass('BestEffort'), memory)?.reason, 'Evicted')
  const tolerations = [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' }]
  assert.equal(judge(ofClass('BestEffort', { tolerations }), memory), undefined)
  assert.equal(
    judge(ofClass('Burstable', { tolerations }), both)?.message,
    'The node had condition: [MemoryPressure DiskPressure]. ',
  )
  assert.equal(judge(ofClass('BestEffort', { priority: 2_000_000_000 }), both), undefined)
})
