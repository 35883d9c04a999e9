// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildPod } from '../../../test/support/build-pod.ts'
import { VkError } from '../../util/vk-error.ts'
import { fieldValue } from './field-ref.ts'

const pod = buildPod({
  metadata: {
    name: 'web-0',
    namespace: 'shop',
    uid: 'u-1',
    labels: { tier: 'front', 'app.kubernetes.io/name': 'web' },
    annotations: { note: 'say "hi"\nthen \\ tab\t', "it's": 'quoted' },
  },
  spec: { serviceAccountName: 'robot' },
})
const context = {
  nodeName: 'node-a',
  facts: { podIPs: ['10.1.0.5', 'fd00::5'], hostIPs: ['192.168.0.2', 'fd01::2'] },
}

const fields: Readonly<Record<string, string>> = {
  'metadata.name': 'web-0',
  'metadata.namespace': 'shop',
  'metadata.uid': 'u-1',
  "metadata.labels['tier']": 'front',
  "metadata.labels['app.kubernetes.io/name']": 'web',
  "metadata.labels['absent']": '',
  "metadata.annotations['it's']": 'quoted',
  'metadata.labels': 'app.kubernetes.io/name="web"\ntier="front"',
  'metadata.annotations':
    String.raw`it's="quoted"` + '\n' + String.raw`note="say \"hi\"\nthen \\ tab\t"`,
  'spec.nodeName': 'node-a',
  'spec.host': 'node-a',
  'spec.serviceAccountName': 'robot',
  'status.hostIP': '192.168.0.2',
  'status.hostIPs': '192.168.0.2,fd01::2',
  'status.podIP': '10.1.0.5',
  'status.podIPs': '10.1.0.5,fd00::5',
}
for (const [path, value] of Object.entries(fields)) {
  test(`field ${path} is read`, () => {
    assert.equal(fieldValue(pod, path, context), value)
  })
}

test('the node a pod is bound to wins over our own name', () => {
  const bound = buildPod({ spec: { nodeName: 'node-b' } })
  assert.equal(fieldValue(bound, 'spec.nodeName', context), 'node-b')
})

test('addresses and maps that are not there are empty texts', () => {
  const none = { nodeName: 'n', facts: { podIPs: [], hostIPs: [] } }
  for (const path of ['status.podIP', 'status.podIPs', 'status.hostIP', 'metadata.labels']) {
    assert.equal(fieldValue(buildPod(), path, none), '')
  }
})

for (const path of ['status.phase', 'spec.restartPolicy', 'toString', '__proto__', '']) {
  test(`field ${JSON.stringify(path)} is refused`, () => {
    assert.throws(
      () => fieldValue(pod, path, context),
      (error) =>
        error instanceof VkError &&
        error.message === `unsupported fieldPath: ${path}` &&
        error.podReason === 'CreateContainerConfigError',
    )
  })
}
