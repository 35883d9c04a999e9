// SPDX-License-Identifier: Apache-2.0
//
// How virtual-kubelet ends when it is asked to: at once, leaving its pods running for the next start;
// or after its pods; or with its Node.
import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import type { Node } from '../../src/kube/types.gen.ts'
import { ApiStatusError } from './api-client.ts'
import { eventually } from './eventually.ts'
import { pidsWithArgument, uniqueSleep, untilNoneHas } from './host-processes.ts'
import { conditionOf, Pods, shell, stateOf, statusOf } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

/** Seconds that a pod may take to end; longer than any machine needs for one that ends at once. */
const GRACE = 600

describe('on SIGTERM', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)

  afterEach(async () => {
    await pods.deleteAll({ gracePeriodSeconds: 0 })
  })

  const node = async (name: string) => await cluster().api<Node>('GET', `/api/v1/nodes/${name}`)

  async function terminate(vk: VirtualKubelet): Promise<number | null> {
    vk.kill('SIGTERM')
    const { code } = await vk.exited
    return code
  }

  test('the node is marked NotReady, pods run on, and the next start takes them over', async () => {
    const vk = await startProcessNode(cluster(), { nodeName: 'restarted' })
    const sleeps = uniqueSleep()
    const spec = { nodeName: 'restarted', containers: [shell(`echo runs; sleep ${sleeps}; :`)] }
    await pods.create({ name: 'survivor', spec })
    await pods.untilLogged('survivor', /runs/)
    const pids = await eventually(() => nonEmpty(pidsWithArgument(sleeps)), { what: 'the process' })
    const before = await pods.untilPhase('survivor', 'Running')
    assert.equal(await terminate(vk), 0)
    const ready = conditionOf(await node('restarted'), 'Ready')
    assert.equal(ready?.status, 'False')
    assert.equal(ready.reason, 'KubeletNotReady')
    assert.deepEqual(pidsWithArgument(sleeps), pids)
    await startProcessNode(cluster(), { nodeName: 'restarted', nodeIp: vk.nodeIp })
    const after = await pods.until(
      'survivor',
      (pod) => conditionOf(pod, 'Ready')?.status === 'True',
      {
        what: 'be Ready',
      },
    )
    assert.equal(statusOf(after)?.containerID, statusOf(before)?.containerID)
    assert.equal(statusOf(after)?.restartCount, 0)
    assert.deepEqual(pidsWithArgument(sleeps), pids)
    await pods.untilLogged('survivor', /^runs\n$/)
  })

  test('with --drain-on-exit the pods end first, with their grace', async () => {
    const vk = await startProcessNode(cluster(), { nodeName: 'drained', args: ['--drain-on-exit'] })
    const seconds = uniqueSleep()
    const script = `trap "exit 0" TERM; echo ready; sleep ${seconds} & wait`
    await pods.create({
      name: 'drained',
      spec: {
        nodeName: 'drained',
        terminationGracePeriodSeconds: GRACE,
        containers: [shell(script)],
      },
    })
    await pods.untilLogged('drained', /ready/)
    const start = performance.now()
    assert.equal(await terminate(vk), 0)
    const took = (performance.now() - start) / 1000
    assert.ok(took < GRACE, `it took ${took} s`)
    await untilNoneHas(seconds)
    const pod = await pods.find('drained')
    if (pod !== undefined) {
      assert.ok(stateOf(pod)?.terminated, JSON.stringify(pod.status))
      assert.match(pod.status?.phase ?? '', /Failed|Succeeded/)
    }
  })

  test('with --delete-node-on-exit its Node is gone, if it may do that', async () => {
    const vk = await cluster().startVirtualKubelet(
      ['--provider', 'mock', '--delete-node-on-exit'],
      { nodeName: 'deleted', kubeconfig: cluster().kubeconfig },
    )
    assert.equal(await terminate(vk), 0)
    await assert.rejects(node('deleted'), (error) => {
      return error instanceof ApiStatusError && error.status === 404
    })
  })
})

function nonEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list
}
