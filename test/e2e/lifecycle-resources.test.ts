// SPDX-License-Identifier: Apache-2.0
//
// What pods may use of their node, on host processes: local storage and what follows when it is exceeded.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Node, Pod, PodSpec } from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import { conditionOf, Pods, shell, stateOf } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

/** Writes two MiB into a file and stays. */
const hoard = (file: string): string =>
  `head -c 2097152 /dev/zero > ${file}; echo full; sleep 600 & wait`

const evictedFor = (pod: Pod, message: string): void => {
  assert.equal(pod.status?.phase, 'Failed')
  assert.equal(pod.status.reason, 'Evicted')
  assert.equal(pod.status.message, message)
  // It broke its own limits: that is no disruption which a Job would forgive.
  assert.equal(conditionOf(pod, 'DisruptionTarget'), undefined)
  assert.equal(conditionOf(pod, 'Ready')?.status, 'False')
  assert.notEqual(stateOf(pod)?.terminated, undefined)
}

describe('resources of a pod', { skip: skipReason, concurrency: true }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  let node: VirtualKubelet

  before(async () => {
    node = await startProcessNode(cluster())
  })

  const hoarder = (more: Partial<PodSpec> = {}): Partial<PodSpec> => ({
    volumes: [{ name: 'data', emptyDir: { sizeLimit: '1Mi' } }],
    containers: [
      shell(hoard('$VK_VOLUME_DATA/file'), {
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      }),
    ],
    ...more,
  })

  test('a pod whose emptyDir outgrows its sizeLimit is evicted, whatever its restartPolicy', async () => {
    await pods.create({ name: 'hoarder', spec: hoarder({ restartPolicy: 'Always' }) })
    const pod = await pods.untilPhase('hoarder', 'Failed')
    const message = 'Usage of EmptyDir volume "data" exceeds the limit "1Mi". '
    evictedFor(pod, message)
    const event = await pods.untilEvent('hoarder', 'Evicted')
    assert.equal(event.type, 'Warning')
    assert.equal(event.message, message)
  })

  test('output counts against the ephemeral-storage limit of its container and its pod', async () => {
    const limit = (size: string) => ({ limits: { 'ephemeral-storage': size } })
    const loud = shell('head -c 2097152 /dev/zero | tr "\\\\0" x; echo; sleep 600 & wait', {
      name: 'loud',
      resources: limit('1Mi'),
    })
    const quiet = shell('sleep 600', { name: 'quiet', resources: limit('100Mi') })
    await pods.create(
      { name: 'loud', spec: { containers: [loud, quiet] } },
      { name: 'loud-alone', spec: { containers: [loud] } },
    )
    evictedFor(
      await pods.untilPhase('loud', 'Failed'),
      'Container loud exceeded its local ephemeral storage limit "1Mi". ',
    )
    evictedFor(
      await pods.untilPhase('loud-alone', 'Failed'),
      'Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ',
    )
    assert.ok(!node.hasExited())
  })

  test('a node keeps back what is reserved, and refuses what no longer fits', async () => {
    const args = ['--system-reserved', 'memory=1Gi', '--kube-reserved', 'memory=512Mi,cpu=100m']
    await startProcessNode(cluster(), { nodeName: 'reserved', kubeletPort: 10_251, args })
    const { status } = await cluster().api<Node>('GET', '/api/v1/nodes/reserved')
    const [capacity, allocatable] = [status?.capacity ?? {}, status?.allocatable ?? {}]
    const kibibytes = (text = ''): number =>
      Number.parseInt(text, 10) * (text.endsWith('Mi') ? 1024 : 1)
    const reserved = kibibytes(capacity['memory']) - kibibytes(allocatable['memory'])
    assert.equal(reserved, 1536 * 1024)
    assert.equal(allocatable['pods'], capacity['pods'])
    const resources = { requests: { memory: `${kibibytes(capacity['memory']) - 1024}Ki` } }
    const spec = { nodeName: 'reserved', containers: [shell('true', { resources })] }
    await pods.create({ name: 'large', spec })
    const pod = await pods.untilPhase('large', 'Failed')
    assert.equal(pod.status?.reason, 'OutOfmemory')
    assert.match(
      pod.status.message ?? '',
      /^Pod was rejected: Node didn't have enough resource: memory, requested: \d+, used: 0, capacity: \d+$/,
    )
  })

  test('a node that is short of disk says so, evicts, and takes no more pods', async () => {
    // No machine has this much left.
    const args = ['--eviction-hard', 'nodefs.available<1Ei']
    await startProcessNode(cluster(), { nodeName: 'short', kubeletPort: 10_252, args })
    const nodeName = 'short'
    await pods.create({ name: 'early', spec: { nodeName, containers: [shell('sleep 600')] } })
    const pod = await pods.untilPhase('early', 'Failed')
    assert.equal(pod.status?.reason, 'Evicted')
    const left = String.raw`The node was low on resource: ephemeral-storage\. Threshold quantity: 1Ei, available: \w+\. `
    assert.match(pod.status.message ?? '', new RegExp(`^${left}`))
    const disruption = conditionOf(pod, 'DisruptionTarget')
    assert.equal(disruption?.reason, 'TerminationByKubelet')
    const node = await eventually(
      async () => {
        const one = await cluster().api<Node>('GET', `/api/v1/nodes/${nodeName}`)
        return conditionOf(one, 'DiskPressure')?.status === 'True' ? one : undefined
      },
      { what: 'the node to report pressure' },
    )
    assert.equal(conditionOf(node, 'DiskPressure')?.reason, 'KubeletHasDiskPressure')
    assert.equal(conditionOf(node, 'Ready')?.status, 'True')
    assert.equal(node.status?.allocatable?.['ephemeral-storage'], '0')
    await pods.create({ name: 'refused', spec: { nodeName, containers: [shell('true')] } })
    const refused = await pods.untilPhase('refused', 'Failed')
    assert.equal(refused.status?.reason, 'Evicted')
    assert.equal(
      refused.status.message,
      'Pod was rejected: The node had condition: [DiskPressure]. ',
    )
  })
})
