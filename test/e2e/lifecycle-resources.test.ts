// SPDX-License-Identifier: Apache-2.0
//
// What pods may use of their node, on host processes: local storage and what follows when it is exceeded.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Pod, PodSpec } from '../../src/kube/types.gen.ts'
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
    await eventually(async () => (await pods.events('loud')).length > 0, { what: 'events' })
  })
})
