// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../kube/types.gen.ts'
import { VkError } from '../util/vk-error.ts'
import type { ClusterAccess } from './cluster-access.ts'
import { choosePod } from './pod-argument.ts'

async function chosen(pod: Pod): Promise<string> {
  const access = { client: { get: async () => pod } } as unknown as ClusterAccess
  const { container } = await choosePod(access, { pod: 'pod/a', namespace: 'default' })
  return container
}

test('a pod without a node says what it waits for instead of an empty log', async () => {
  const message = '0/1 nodes are available: 1 node(s) had untolerated taint(s).'
  const pod: Pod = {
    metadata: { namespace: 'default', name: 'a', uid: 'u' },
    spec: { containers: [{ name: 'main', image: 'host' }] },
    status: { conditions: [{ type: 'PodScheduled', status: 'False', message }] },
  }
  await assert.rejects(chosen(pod), (error) => {
    assert.ok(error instanceof VkError)
    assert.equal(error.message, `Cannot look into pod "a": it waits for a node: ${message}`)
    return true
  })
  const fresh = chosen({ ...pod, status: {} })
  await assert.rejects(fresh, /^VkError: Cannot look into pod "a": it waits for a node$/)
  assert.equal(await chosen({ ...pod, spec: { ...pod.spec, nodeName: 'one' } }), 'main')
})
