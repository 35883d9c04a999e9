// SPDX-License-Identifier: Apache-2.0
//
// A node whose process is gone for good, as the rest of the cluster sees it: after its grace it is
// Unknown and tainted, and its pods go as soon as they tolerate that no longer.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Node, Pod } from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import { conditionOf, podSpec, Pods, shell, TOLERATIONS } from './pods.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'
import { workload } from './workloads.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

/** More than the ten seconds between two heartbeats of a node, and much less than Kubernetes' 50. */
const GRACE_SECONDS = 14
const UNREACHABLE = 'node.kubernetes.io/unreachable'

describe('a node that falls silent', { skip: skipReason }, () => {
  const cluster = useCluster({ nodeGraceSeconds: GRACE_SECONDS })
  const pods = new Pods(cluster)
  let lost: VirtualKubelet

  before(async () => {
    const mock = ['--provider', 'mock']
    await Promise.all([
      cluster().startVirtualKubelet(mock, { nodeName: 'steady' }),
      cluster()
        .startVirtualKubelet(mock, { nodeName: 'lost' })
        .then((node) => (lost = node)),
    ])
    await cluster().create(
      workload('Deployment', 'web', { replicas: 4, pod: { tolerations: tolerating(2) } }),
    )
    await pods.create({
      name: 'loyal',
      spec: podSpec({
        nodeName: 'lost',
        tolerations: tolerating(3600),
        containers: [shell('none')],
      }),
    })
    await eventually(async () => (await readyOnes()).length === 4, { what: 'four pods' })
    await pods.untilPhase('loyal', 'Running')
    lost.kill('SIGKILL')
    await lost.exited
  })

  const isReady = (pod: Pod) => conditionOf(pod, 'Ready')?.status === 'True'
  const readyOnes = async () => (await pods.list('app=web')).filter(isReady)
  const node = async () => await cluster().api<Node>('GET', '/api/v1/nodes/lost')

  test('is Unknown after its grace, and has the taints that say so', async () => {
    const unknown = await eventually(
      async () => {
        const object = await node()
        const keys = object.spec.taints?.map(({ key, effect }) => `${key}:${effect}`) ?? []
        // The two come by ways of their own.
        const wanted = ['NoExecute', 'NoSchedule'].map((effect) => `${UNREACHABLE}:${effect}`)
        return wanted.every((taint) => keys.includes(taint)) && object
      },
      { what: 'the node to be given up' },
    )
    const ready = conditionOf(unknown, 'Ready')
    assert.equal(ready?.status, 'Unknown')
    assert.equal(ready.reason, 'NodeStatusUnknown')
    assert.equal(ready.message, 'Kubelet stopped posting node status.')
  })

  test('has pods that are not ready, and those that do not tolerate it are replaced elsewhere', async () => {
    await pods.until('loyal', (pod) => !isReady(pod), { what: 'not be ready' })
    await eventually(
      async () => {
        const list = await readyOnes()
        return list.length === 4 && list.every(({ spec }) => spec.nodeName === 'steady')
      },
      { what: 'four pods on the other node' },
    )
    const left = (await pods.list('app=web')).filter(({ spec }) => spec.nodeName === 'lost')
    for (const { metadata } of left) assert.ok(metadata.deletionTimestamp, metadata.name)
    assert.equal((await pods.get('loyal')).metadata.deletionTimestamp, undefined)
  })

  test('comes back: Ready, without the taints, and with the pods that waited for it', async () => {
    await cluster().startVirtualKubelet(['--provider', 'mock'], {
      nodeName: 'lost',
      nodeIp: lost.nodeIp,
    })
    await pods.until('loyal', isReady, { what: 'be ready again' })
    await eventually(
      async () => {
        const { spec } = await node()
        return !spec.taints?.some(({ key }) => key === UNREACHABLE)
      },
      { what: 'the taints to go' },
    )
    await eventually(
      async () => (await pods.list('app=web')).every(({ metadata }) => !metadata.deletionTimestamp),
      { what: 'the evicted pods to be gone' },
    )
  })
})

/** For a short or a long time, where Kubernetes would give five minutes. */
function tolerating(tolerationSeconds: number): typeof TOLERATIONS {
  const away = ['unreachable', 'not-ready'].map((why) => ({
    key: `node.kubernetes.io/${why}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds,
  }))
  return [...TOLERATIONS, ...away] as unknown as typeof TOLERATIONS
}
