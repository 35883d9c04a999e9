// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { buildNode, buildRequest } from '../../../../test/support/scheduling.ts'
import type { Node, Pod } from '../../../kube/types.gen.ts'
import { ClusterRooms } from './cluster-rooms.ts'
import { candidatesWanted, decidePlacement } from './decide-placement.ts'
import { podFacts } from './pod-facts.ts'
import { findPreemption } from './preemption.ts'
import { unplacedMessage } from './unplaced-message.ts'

function roomsOf(nodes: readonly Node[], placed: Readonly<Record<string, readonly Pod[]>> = {}) {
  const rooms = new ClusterRooms()
  for (const node of nodes) rooms.setNode(node)
  for (const [nodeName, pods] of Object.entries(placed)) {
    for (const pod of pods) rooms.place(podFacts(pod), nodeName)
  }
  return rooms
}

/** The node's name, or the message. */
function outcome(pod: Pod, rooms: ClusterRooms): string {
  const facts = podFacts(pod)
  const placement = decidePlacement(facts, rooms)
  if (placement.nodeName !== undefined) return placement.nodeName
  const preemption = findPreemption(facts, placement, { rooms, budgets: [] })
  return unplacedMessage(placement, preemption, rooms.rooms.length)
}

const unhelpful = (count: number) =>
  `no new claims to deallocate, preemption: 0/${count} nodes are available: ${count} Preemption is not helpful for scheduling.`

describe('decidePlacement', () => {
  it('says that there are no nodes', () => {
    assert.equal(outcome(buildRequest('a'), roomsOf([])), 'no nodes available to schedule pods')
  })

  it('counts the reasons of nodes in the words of kube-scheduler', () => {
    const taint = { key: 'x', value: 'y', effect: 'NoSchedule' }
    const rooms = roomsOf([
      buildNode('small', { room: { cpu: '1' } }),
      buildNode('t1', { spec: { taints: [taint] } }),
      buildNode('t2', { spec: { taints: [taint] } }),
      buildNode('cordoned', { spec: { unschedulable: true } }),
    ])
    assert.equal(
      outcome(buildRequest('a', { cpu: '2' }), rooms),
      '0/4 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable, ' +
        `2 node(s) had untolerated taint(s). ${unhelpful(4)}`,
    )
  })

  it('says that there are no victims where room could be made', () => {
    const rooms = roomsOf([buildNode('one')], { one: [buildRequest('b', { cpu: '3' })] })
    assert.equal(
      outcome(buildRequest('a', { cpu: '2' }), rooms),
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, ' +
        'preemption: 0/1 nodes are available: ' +
        '1 No preemption victims found for incoming pod.',
    )
  })

  it('says what is wrong with the volumes of a pod, which no node can help', () => {
    const fault = 'persistentvolumeclaim "data" not found'
    const rooms = new ClusterRooms({
      namespaceLabels: () => undefined,
      companionsOf: () => undefined,
      volumeFault: () => fault,
    })
    rooms.setNode(buildNode('one'))
    const message = `0/1 nodes are available: ${fault}. not found`
    assert.equal(outcome(buildRequest('a'), rooms), message)
  })

  it('names every resource that is short, and too many pods first', () => {
    const rooms = roomsOf([buildNode('one', { room: { pods: '0', cpu: '1', memory: '1Gi' } })])
    assert.match(
      outcome(buildRequest('a', { cpu: '2', memory: '2Gi', 'example.com/gpu': '1' }), rooms),
      /^0\/1 nodes are available: 1 Insufficient cpu, 1 Insufficient example.com\/gpu, 1 Insufficient memory, 1 Too many pods\./,
    )
  })

  it('honours nodeSelector, expressions on labels and fields', () => {
    const rooms = roomsOf([
      buildNode('a', { labels: { zone: 'x', size: '4' } }),
      buildNode('b', { labels: { zone: 'y', size: '8' } }),
    ])
    const withTerms = (matchExpressions: object[], matchFields: object[] = []) =>
      buildRequest(
        'p',
        {},
        {
          spec: {
            affinity: {
              nodeAffinity: {
                requiredDuringSchedulingIgnoredDuringExecution: {
                  nodeSelectorTerms: [{ matchExpressions, matchFields } as object],
                },
              },
            },
          },
        },
      )
    assert.equal(
      outcome(buildRequest('p', {}, { spec: { nodeSelector: { zone: 'y' } } }), rooms),
      'b',
    )
    const expectations: [object, string][] = [
      [{ key: 'size', operator: 'Gt', values: ['5'] }, 'b'],
      [{ key: 'size', operator: 'Lt', values: ['5'] }, 'a'],
      [{ key: 'zone', operator: 'NotIn', values: ['x'] }, 'b'],
      [{ key: 'zone', operator: 'In', values: ['x', 'z'] }, 'a'],
    ]
    for (const [expression, node] of expectations) {
      assert.equal(outcome(withTerms([expression]), rooms), node)
    }
    const nobody = `0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. ${unhelpful(2)}`
    assert.equal(outcome(withTerms([{ key: 'gpu', operator: 'Exists' }]), rooms), nobody)
    assert.equal(outcome(withTerms([]), rooms), nobody)
    const named = [{ key: 'metadata.name', operator: 'In', values: ['b'] }]
    assert.equal(outcome(withTerms([], named), rooms), 'b')
    assert.equal(
      outcome(withTerms([], [{ key: 'metadata.name', operator: 'In', values: ['z'] }]), rooms),
      `0/2 nodes are available: 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. ${unhelpful(2)}`,
    )
  })

  it('lets two pods share a port of the node only on different addresses', () => {
    const withPort = (name: string, hostIP?: string) =>
      buildRequest(
        name,
        {},
        {
          spec: {
            containers: [
              {
                name: 'main',
                ports: [
                  { containerPort: 80, hostPort: 80, ...(hostIP !== undefined && { hostIP }) },
                ],
              },
            ],
          },
        },
      )
    const rooms = roomsOf([buildNode('one')], { one: [withPort('b', '10.0.0.1')] })
    assert.equal(outcome(withPort('a', '10.0.0.2'), rooms), 'one')
    assert.match(
      outcome(withPort('a'), rooms),
      /1 node\(s\) didn't have free ports for the requested pod ports\./,
    )
  })

  it('keeps pods apart and together by affinity, from both sides', () => {
    const labels = { app: 'web' }
    const term = { labelSelector: { matchLabels: labels }, topologyKey: 'kubernetes.io/hostname' }
    const spec = (kind: 'podAffinity' | 'podAntiAffinity') => ({
      affinity: { [kind]: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
    })
    const far = buildRequest('far', {}, { metadata: { labels }, spec: spec('podAntiAffinity') })
    const near = buildRequest('near', {}, { metadata: { labels }, spec: spec('podAffinity') })
    const nodes = [buildNode('a'), buildNode('b')]
    assert.equal(outcome(far, roomsOf(nodes, { a: [near] })), 'b')
    assert.equal(
      outcome(near, roomsOf(nodes, { b: [buildRequest('x', {}, { metadata: { labels } })] })),
      'b',
    )
    // The first of a group that wants to be near itself.
    assert.equal(outcome(near, roomsOf([buildNode('a')])), 'a')
    const stranger = buildRequest('s', {}, { spec: spec('podAffinity') })
    assert.match(outcome(stranger, roomsOf(nodes)), /2 node\(s\) didn't match pod affinity rules\./)
    assert.match(
      outcome(
        buildRequest('x', {}, { metadata: { labels } }),
        roomsOf([buildNode('a')], { a: [far] }),
      ),
      /1 node\(s\) didn't satisfy existing pods anti-affinity rules\./,
    )
    assert.match(
      outcome(far, roomsOf([buildNode('a')], { a: [near] })),
      /1 node\(s\) didn't match pod anti-affinity rules\./,
    )
  })

  it('spreads over domains no further apart than the skew', () => {
    const labels = { app: 'web' }
    const constraint = {
      maxSkew: 1,
      topologyKey: 'zone',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: labels },
    }
    const pod = (name: string) =>
      buildRequest(
        name,
        {},
        { metadata: { labels }, spec: { topologySpreadConstraints: [constraint] } },
      )
    const nodes = ['x', 'y'].map((zone) => buildNode(zone, { labels: { zone } }))
    assert.equal(outcome(pod('p'), roomsOf(nodes, { x: [pod('a')] })), 'y')
    const full = [nodes[0], { ...nodes[1], spec: { unschedulable: true } }] as Node[]
    assert.match(
      outcome(pod('p'), roomsOf([...full, buildNode('nowhere')], { x: [pod('a')] })),
      /1 node\(s\) didn't match pod topology spread constraints \(missing required label\), 1 node\(s\) didn't match pod topology spread constraints, 1 node\(s\) were unschedulable\.|1 node\(s\) didn't match pod topology spread constraints, 1 node\(s\) didn't match pod topology spread constraints \(missing required label\), 1 node\(s\) were unschedulable\./,
    )
  })

  it('prefers the emptier node, the node without a soft taint, and what the pod prefers', () => {
    const busy = { busy: [buildRequest('b', { cpu: '3', memory: '1Gi' })] }
    const rooms = roomsOf([buildNode('busy'), buildNode('free')], busy)
    assert.equal(outcome(buildRequest('a', { cpu: '500m', memory: '1Gi' }), rooms), 'free')
    const soft = [{ key: 'k', effect: 'PreferNoSchedule' }]
    const tainted = roomsOf([buildNode('soft', { spec: { taints: soft } }), buildNode('hard')])
    assert.equal(outcome(buildRequest('a'), tainted), 'hard')
    const preference = { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] }
    const picky = buildRequest(
      'a',
      {},
      {
        spec: {
          affinity: {
            nodeAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference }],
            },
          },
        },
      },
    )
    assert.equal(
      outcome(picky, roomsOf([buildNode('hdd'), buildNode('ssd', { labels: { disk: 'ssd' } })])),
      'ssd',
    )
  })

  it('never gives a node more than it has, whatever is asked', () => {
    const request = fc.record({
      cpu: fc.integer({ min: 0, max: 3000 }).map((milli) => `${milli}m`),
      memory: fc.integer({ min: 0, max: 4096 }).map((mebi) => `${mebi}Mi`),
    })
    fc.assert(
      fc.property(fc.array(request, { maxLength: 60 }), fc.integer(), (requests, seed) => {
        const rooms = roomsOf([
          buildNode('a', { room: { pods: '7' } }),
          buildNode('b', { room: { cpu: '2' } }),
          buildNode('c', { room: { memory: '2Gi' } }),
        ])
        for (const [index, one] of requests.entries()) {
          const facts = podFacts(buildRequest(`p${index}`, one))
          const random = () => Math.abs(Math.sin(seed + index))
          const placement = decidePlacement(facts, rooms, { random, startIndex: index })
          if (placement.nodeName !== undefined) rooms.place(facts, placement.nodeName)
          else assert.equal(placement.refusals.size, 3)
        }
        for (const { requested, allocatable, pods, maxPods } of rooms.rooms) {
          assert.ok(requested.milliCpu <= allocatable.milliCpu)
          assert.ok(requested.memoryBytes <= allocatable.memoryBytes)
          assert.ok(pods.size <= maxPods)
        }
      }),
    )
  })

  it('looks at a share of the nodes of large clusters', () => {
    assert.deepEqual([50, 100, 1000, 6000].map(candidatesWanted), [50, 100, 420, 300])
  })
})
