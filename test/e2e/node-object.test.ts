// SPDX-License-Identifier: Apache-2.0
//
// The Node as the cluster sees it: what is registered, by which identity, and what happens when
// somebody deletes it.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lease, Node } from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import { kubectlSkipReason } from './find-kubectl.ts'
import { conditionOf, Pods, shell, statusOf } from './pods.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

const NODE = '/api/v1/nodes/vk-e2e'
const LEASE = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/vk-e2e'

describe('the Node object', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  let vk: VirtualKubelet

  before(async () => {
    const args = [
      ['--provider', 'mock'],
      ['--max-pods', '77'],
      ['--node-labels', 'purpose=batch,example.com/zone=b'],
      ['--register-with-taints', 'dedicated=batch:PreferNoSchedule'],
    ]
    vk = await cluster().startVirtualKubelet(args.flat())
  })

  const node = async () => await cluster().api<Node>('GET', NODE)
  const lease = async () => await cluster().api<Lease>('GET', LEASE)

  test('has the labels, taints, addresses and sizes that were asked for', async () => {
    const { metadata, spec, status } = await node()
    const { labels = {} } = metadata
    assert.equal(labels['kubernetes.io/hostname'], 'vk-e2e')
    assert.equal(labels['kubernetes.io/os'], 'linux')
    assert.ok(labels['kubernetes.io/arch'])
    assert.equal(labels['purpose'], 'batch')
    assert.equal(labels['example.com/zone'], 'b')
    const taints = spec.taints?.map(({ key, value, effect }) => `${key}=${value}:${effect}`)
    assert.ok(taints?.includes('virtual-kubelet.io/provider=mock:NoSchedule'), String(taints))
    assert.ok(taints?.includes('dedicated=batch:PreferNoSchedule'), String(taints))
    const addresses = status?.addresses?.map(({ type, address }) => [type, address])
    assert.deepEqual(new Map(addresses as [string, string][]).get('InternalIP'), vk.nodeIp)
    assert.equal(status?.daemonEndpoints?.kubeletEndpoint?.Port, vk.kubeletPort)
    assert.equal(status?.capacity?.['pods'], '77')
    for (const key of ['cpu', 'memory', 'ephemeral-storage', 'pods']) {
      assert.ok(status?.allocatable?.[key], key)
    }
    assert.match(status?.nodeInfo?.kubeletVersion ?? '', /^v1\.\d+/)
  })

  test('reports the conditions of a healthy node', async () => {
    const object = await node()
    for (const type of ['MemoryPressure', 'DiskPressure', 'PIDPressure']) {
      assert.equal(conditionOf(object, type)?.status, 'False', type)
    }
    assert.equal(conditionOf(object, 'Ready')?.reason, 'KubeletReady')
  })

  test('is shown as Ready by kubectl', { skip: kubectlSkipReason }, async () => {
    const { stdout } = await cluster().kubectl(['get', 'node', 'vk-e2e', '--no-headers'])
    assert.match(stdout, /^vk-e2e +Ready +/)
  })

  test('has a Lease that is its own and is renewed', async () => {
    // It belongs to the Node, and so is made after it.
    const first = await eventually(lease, { what: 'the Lease' })
    assert.equal(first.spec.holderIdentity, 'vk-e2e')
    const [owner] = first.metadata.ownerReferences ?? []
    assert.deepEqual([owner?.kind, owner?.uid], ['Node', (await node()).metadata.uid])
    await eventually(async () => (await lease()).spec.renewTime !== first.spec.renewTime, {
      what: 'the lease to be renewed',
    })
  })

  test('can be cordoned and relabelled by others, who keep their word', async () => {
    await cluster().patch(NODE, { spec: { unschedulable: true } })
    await cluster().patch(NODE, { metadata: { labels: { team: 'blue', purpose: 'other' } } })
    await sleep(2000)
    const { metadata, spec } = await node()
    assert.equal(spec.unschedulable, true)
    assert.equal(metadata.labels?.['team'], 'blue')
    await cluster().patch(NODE, { spec: { unschedulable: null } })
  })

  test('is made anew when it was deleted by hand, with its Lease; its pods do not notice', async () => {
    await pods.create({ name: 'steady', spec: { containers: [shell('none')] } })
    const pod = await pods.untilPhase('steady', 'Running')
    const old = (await node()).metadata.uid
    await cluster().delete(NODE)
    const again = await eventually(
      async () => {
        const object = await node()
        const isReady = conditionOf(object, 'Ready')?.status === 'True'
        return object.metadata.uid !== old && isReady && object
      },
      { what: 'a new Node to be Ready' },
    )
    assert.ok(again.spec.taints?.some((taint) => taint.key === 'virtual-kubelet.io/provider'))
    assert.equal(again.status?.capacity?.['pods'], '77')
    await eventually(
      async () => (await lease()).metadata.ownerReferences?.[0]?.uid === again.metadata.uid,
      { what: 'the lease to belong to the new Node' },
    )
    const after = await pods.get('steady')
    assert.equal(after.metadata.uid, pod.metadata.uid)
    assert.equal(statusOf(after)?.containerID, statusOf(pod)?.containerID)
    await pods.create({ name: 'next', spec: { containers: [shell('none')] } })
    await pods.untilPhase('next', 'Running')
  })

  test('is refused nothing: an ordinary node identity was enough for all of this', () => {
    assert.doesNotMatch(vk.log(), /forbidden|is not allowed/i)
  })
})
