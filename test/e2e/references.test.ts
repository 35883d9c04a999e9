// SPDX-License-Identifier: Apache-2.0
//
// Pods that refer to ConfigMaps and Secrets that are not there, or not there yet; and that a Secret's
// value is nowhere but in its container.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { Pods, shell, stateOf } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

describe('a pod that refers to what is not there', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  let node: VirtualKubelet

  before(async () => {
    node = await startProcessNode(cluster(), { args: ['--log-level', 'debug'] })
  })

  const waitsWith = async (name: string, message: RegExp) =>
    await pods.until(
      name,
      (pod) => {
        const waiting = stateOf(pod)?.waiting
        return (
          waiting?.reason === 'CreateContainerConfigError' && message.test(waiting.message ?? '')
        )
      },
      { what: `wait with CreateContainerConfigError ${message}` },
    )

  test('waits for its Secret, says so, and runs promptly once it is there', async () => {
    const env = [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'late', key: 'token' } } }]
    await pods.create({
      name: 'early',
      spec: { restartPolicy: 'Never', containers: [shell('echo "got $TOKEN"', { env })] },
    })
    const pod = await waitsWith('early', /secret "late" not found/i)
    assert.equal(pod.status?.phase, 'Pending')
    const event = await pods.untilEvent('early', 'MandatorySecretNotFound')
    assert.equal(event.type, 'Warning')
    await cluster().create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'late' },
      stringData: { token: 'open-sesame' },
    })
    await pods.untilPhase('early', 'Succeeded')
    assert.equal(await pods.logs('early'), 'got open-sesame\n')
  })

  test('waits for the key of a ConfigMap that is there without it', async () => {
    await cluster().create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'partial' },
      data: { one: '1' },
    })
    const env = [{ name: 'TWO', valueFrom: { configMapKeyRef: { name: 'partial', key: 'two' } } }]
    await pods.create({
      name: 'keyless',
      spec: { restartPolicy: 'Never', containers: [shell('echo "got $TWO"', { env })] },
    })
    await waitsWith('keyless', /two.*partial/i)
    const path = '/api/v1/namespaces/default/configmaps/partial'
    await cluster().patch(path, { data: { two: '2' } })
    await pods.untilPhase('keyless', 'Succeeded')
    assert.equal(await pods.logs('keyless'), 'got 2\n')
  })

  test('can be deleted while it waits', async () => {
    const envFrom = [{ configMapRef: { name: 'never' } }]
    await pods.create({ name: 'hopeless', spec: { containers: [shell('true', { envFrom })] } })
    await waitsWith('hopeless', /configmap "never" not found/i)
    await pods.untilEvent('hopeless', 'MandatoryConfigMapNotFound')
    await pods.end('hopeless')
  })

  test('runs without what is optional, and an event says so', async () => {
    const envFrom = [{ secretRef: { name: 'absent', optional: true } }]
    await pods.create({
      name: 'content',
      spec: { restartPolicy: 'Never', containers: [shell('echo ran', { envFrom })] },
    })
    await pods.untilPhase('content', 'Succeeded')
    await pods.untilEvent('content', 'OptionalSecretNotFound')
  })

  test("keeps a Secret's value out of logs, events, and objects", async () => {
    for (const path of ['namespaces/default/pods', 'namespaces/default/events', 'nodes']) {
      const list = await cluster().api<{ readonly items: readonly unknown[] }>(
        'GET',
        `/api/v1/${path}`,
      )
      assert.ok(list.items.length > 0, path)
      assert.doesNotMatch(JSON.stringify(list), /open-sesame/)
    }
    assert.doesNotMatch(node.log(), /open-sesame/)
  })
})
