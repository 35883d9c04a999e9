// SPDX-License-Identifier: Apache-2.0
//
// Where the scheduler puts pods, and why it leaves some: affinity, spreading, room, priority.
import assert from 'node:assert/strict'
import { afterEach, before, describe, test } from 'node:test'
import type { Affinity, Pod, PodSpec } from '../../src/kube/types.gen.ts'
import { conditionOf, Pods, shell } from './pods.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'
import { createEmptyNode, createPriorityClass } from './workloads.ts'

const HOSTNAME = 'kubernetes.io/hostname'
const ZONE = 'topology.kubernetes.io/zone'

describe('the scheduler', { skip: skipReason }, () => {
  // Its nodes are none, and never say that they live.
  const cluster = useCluster({ nodeGraceSeconds: 3600 })
  const pods = new Pods(cluster)

  before(async () => {
    await createEmptyNode(cluster(), 'a1', { labels: { [ZONE]: 'a' } })
    await createEmptyNode(cluster(), 'a2', { labels: { [ZONE]: 'a', disk: 'ssd' } })
    await createEmptyNode(cluster(), 'b1', { labels: { [ZONE]: 'b' }, cpu: '1' })
  })

  afterEach(async () => {
    await pods.deleteAll({ gracePeriodSeconds: 0 })
  })

  async function create(name: string, spec: Partial<PodSpec>): Promise<void> {
    const labels = { app: name.replace(/-\d$/, '') }
    await pods.create({
      name,
      labels,
      spec: { terminationGracePeriodSeconds: 0, containers: [shell('none')], ...spec },
    })
  }

  async function nodeOf(name: string): Promise<string> {
    const pod = await pods.until(name, ({ spec }) => spec.nodeName, { what: 'be bound' })
    return pod.spec.nodeName ?? ''
  }

  async function unschedulable(name: string): Promise<string> {
    const isRefused = (pod: Pod) => conditionOf(pod, 'PodScheduled')?.reason === 'Unschedulable'
    const pod = await pods.until(name, isRefused, { what: 'be unschedulable' })
    assert.equal(pod.spec.nodeName, undefined)
    return conditionOf(pod, 'PodScheduled')?.message ?? ''
  }

  const onDisk = (value: string): Affinity => ({
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          { matchExpressions: [{ key: 'disk', operator: 'In', values: [value] }] },
        ],
      },
    },
  })

  const requesting = (cpu: string) => [shell('none', { resources: { requests: { cpu } } })]

  test('puts a pod where its affinity wants it, and nowhere if there is no such node', async () => {
    await create('fast', { affinity: onDisk('ssd') })
    await create('tape', { affinity: onDisk('tape') })
    assert.equal(await nodeOf('fast'), 'a2')
    assert.match(
      await unschedulable('tape'),
      /^0\/3 nodes are available: 3 node\(s\) didn't match Pod's node affinity\/selector\./,
    )
    const event = await pods.untilEvent('tape', 'FailedScheduling')
    assert.equal(event.type, 'Warning')
  })

  test('prefers a node by weight when it may choose', async () => {
    const preference = { matchExpressions: [{ key: 'disk', operator: 'Exists' }] }
    const nodeAffinity = {
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, preference }],
    }
    for (const index of [1, 2, 3]) await create(`choosy-${index}`, { affinity: { nodeAffinity } })
    for (const index of [1, 2, 3]) assert.equal(await nodeOf(`choosy-${index}`), 'a2')
  })

  test('keeps pods apart that want no company', async () => {
    const labelSelector = { matchLabels: { app: 'lonely' } }
    const term = { labelSelector, topologyKey: HOSTNAME }
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } }
    for (const index of [1, 2, 3]) await create(`lonely-${index}`, { affinity })
    const found = new Set(await Promise.all([1, 2, 3].map((index) => nodeOf(`lonely-${index}`))))
    assert.deepEqual([...found].toSorted(), ['a1', 'a2', 'b1'])
    await create('lonely-4', { affinity })
    assert.match(
      await unschedulable('lonely-4'),
      /3 node\(s\) didn't match pod anti-affinity rules/,
    )
  })

  test('puts a pod beside the one that it wants to be with', async () => {
    await create('leader', { nodeSelector: { [HOSTNAME]: 'a1' } })
    await nodeOf('leader')
    const term = { labelSelector: { matchLabels: { app: 'leader' } }, topologyKey: HOSTNAME }
    await create('follower', {
      affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
    })
    assert.equal(await nodeOf('follower'), 'a1')
  })

  test('spreads pods over zones as evenly as they ask', async () => {
    const constraint = {
      maxSkew: 1,
      topologyKey: ZONE,
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: 'even' } },
    }
    const names = [1, 2, 3, 4].map((index) => `even-${index}`)
    for (const name of names) await create(name, { topologySpreadConstraints: [constraint] })
    const nodes = await Promise.all(names.map((name) => nodeOf(name)))
    assert.equal(nodes.filter((name) => name === 'b1').length, 2, nodes.join(' '))
  })

  test('counts what is requested, and says what is missing', async () => {
    for (const index of [1, 2]) await create(`big-${index}`, { containers: requesting('3') })
    const found = [await nodeOf('big-1'), await nodeOf('big-2')]
    assert.deepEqual(found.toSorted(), ['a1', 'a2'])
    await create('big-3', { containers: requesting('3') })
    assert.match(await unschedulable('big-3'), /^0\/3 nodes are available: 3 Insufficient cpu\./)
    await pods.end('big-1', { gracePeriodSeconds: 0 })
    assert.equal(await nodeOf('big-3'), found[0])
  })

  test('makes room for a pod that matters more', async () => {
    await createPriorityClass(cluster(), 'urgent', 1000)
    const nodeSelector = { [HOSTNAME]: 'b1' }
    await create('humble', { nodeSelector, containers: requesting('800m') })
    assert.equal(await nodeOf('humble'), 'b1')
    await create('urgent', {
      nodeSelector,
      priorityClassName: 'urgent',
      containers: requesting('800m'),
    })
    assert.equal(await nodeOf('urgent'), 'b1')
    assert.equal(await pods.find('humble'), undefined)
    await pods.untilEvent('humble', 'Preempted')
    assert.equal((await pods.get('urgent')).spec.priority, 1000)
  })
})
