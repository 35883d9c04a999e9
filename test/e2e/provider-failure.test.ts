// SPDX-License-Identifier: Apache-2.0
//
// A backend that fails for a while: as a whole, which the Node shows, or for single calls, which are
// repeated until they succeed. With the mock provider, which fails when told to.
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import type { Node } from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import { watchPodToCome } from './pod-watch.ts'
import { conditionOf, Pods, shell, stateOf, statusOf } from './pods.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'

describe('when the backend fails', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  let unhealthyFile = ''

  before(async () => {
    unhealthyFile = join(cluster().files.folder, 'unhealthy')
    const config = join(cluster().files.folder, 'mock.json')
    writeFileSync(config, JSON.stringify({ unhealthyFile }))
    await cluster().startVirtualKubelet(['--provider', 'mock', '--provider-config', config])
  })

  async function readyIs(status: 'True' | 'False') {
    return await eventually(
      async () => {
        const node = await cluster().api<Node>('GET', '/api/v1/nodes/vk-e2e')
        const ready = conditionOf(node, 'Ready')
        return ready?.status === status && ready
      },
      { what: `the node's Ready to be ${status}` },
    )
  }

  const once = { restartPolicy: 'Never', containers: [shell('none')] }
  const mock = (settings: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [`mock.virtual-kubelet.io/${key}`, value]),
    )

  test('the Node is NotReady and says why, until the backend is back; its pods stay', async () => {
    await pods.create({ name: 'steady', spec: { containers: [shell('none')] } })
    const before = await pods.untilPhase('steady', 'Running')
    writeFileSync(unhealthyFile, 'the data centre is on fire')
    const condition = await readyIs('False')
    assert.equal(condition.reason, 'KubeletNotReady')
    assert.match(condition.message ?? '', /the data centre is on fire/)
    rmSync(unhealthyFile)
    await readyIs('True')
    const after = await pods.until(
      'steady',
      (pod) => conditionOf(pod, 'Ready')?.status === 'True',
      { what: 'be Ready again' },
    )
    assert.equal(statusOf(after)?.containerID, statusOf(before)?.containerID)
    assert.equal(after.metadata.uid, before.metadata.uid)
  })

  test('a create that fails is repeated, and a pod that never restarts is not given up', async () => {
    const annotations = mock({ 'fail-create': '3' })
    using watch = await watchPodToCome(cluster(), 'third-time-lucky')
    await pods.create({ name: 'third-time-lucky', annotations, spec: once })
    const waiting = await watch.until((pod) => stateOf(pod)?.waiting?.message, 'say why it waits')
    assert.equal(waiting.status?.phase, 'Pending')
    assert.match(stateOf(waiting)?.waiting?.message ?? '', /the mock was told to fail/)
    await pods.untilEvent('third-time-lucky', 'ProviderCreateFailed')
    await pods.untilPhase('third-time-lucky', 'Running')
  })

  test('a create whose reply was lost makes no second pod', async () => {
    const annotations = mock({ 'lose-reply': '1', 'run-time': '500ms' })
    await pods.create({ name: 'repeated', annotations, spec: once })
    const pod = await pods.untilPhase('repeated', 'Succeeded')
    assert.equal(statusOf(pod)?.restartCount, 0)
  })

  test('a delete that fails is repeated until the pod is gone', async () => {
    await pods.create({
      name: 'sticky',
      annotations: mock({ 'fail-delete': '2' }),
      spec: { containers: [shell('none')] },
    })
    await pods.untilPhase('sticky', 'Running')
    await pods.end('sticky', {}, 120_000)
  })

  test('a call that hangs holds up nobody else', async () => {
    const annotations = mock({ hang: 'create' })
    await pods.create({ name: 'stuck', annotations, spec: { containers: [shell('none')] } })
    await pods.create({ name: 'next', spec: { containers: [shell('none')] } })
    await pods.untilPhase('next', 'Running')
    await pods.end('stuck', {}, 120_000)
  })

  test('pods end with the exit code that they are told to end with', async () => {
    const annotations = mock({ 'run-time': '300ms', 'exit-code': '7' })
    await pods.create({ name: 'short', annotations, spec: once })
    const pod = await pods.untilPhase('short', 'Failed')
    assert.equal(stateOf(pod)?.terminated?.exitCode, 7)
  })
})
