// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { VkError } from '../../util/vk-error.ts'
import { resourceValue } from './resource-ref.ts'

const pod = buildPod({
  spec: {
    containers: [
      buildContainer({
        resources: {
          requests: { cpu: '250m', memory: '64Mi' },
          limits: { cpu: '1500m', memory: '1Gi', 'hugepages-2Mi': '4Mi' },
        },
      }),
      buildContainer({ name: 'open', resources: { limits: { cpu: '0' } } }),
    ],
    initContainers: [buildContainer({ name: 'init', resources: { limits: { cpu: '3' } } })],
  },
})
const context = {
  containerName: 'main',
  nodeAllocatable: { cpu: '8', memory: '16Gi', 'ephemeral-storage': '100Gi' },
}
const value = (resource: string, more: object = {}): string =>
  resourceValue(pod, { resource, ...more }, context)

const cases: readonly (readonly [resource: string, more: object, text: string])[] = [
  ['limits.cpu', {}, '2'],
  ['limits.cpu', { divisor: '1m' }, '1500'],
  ['limits.cpu', { divisor: '0' }, '2'],
  ['requests.cpu', {}, '1'],
  ['requests.cpu', { divisor: '1m' }, '250'],
  ['limits.memory', {}, '1073741824'],
  ['limits.memory', { divisor: '1Mi' }, '1024'],
  ['limits.memory', { divisor: '1M' }, '1074'],
  ['requests.memory', { divisor: '1Gi' }, '1'],
  ['limits.hugepages-2Mi', { divisor: '1Mi' }, '4'],
  ['limits.ephemeral-storage', { divisor: '1Gi' }, '100'],
  ['requests.ephemeral-storage', {}, '0'],
  ['limits.cpu', { containerName: 'open' }, '8'],
  ['limits.memory', { containerName: 'open', divisor: '1Gi' }, '16'],
  ['limits.hugepages-2Mi', { containerName: 'open' }, '0'],
  ['requests.cpu', { containerName: 'open' }, '0'],
  ['limits.cpu', { containerName: 'init' }, '3'],
]
for (const [resource, more, text] of cases) {
  test(`${resource} ${JSON.stringify(more)} is ${text}`, () => {
    assert.equal(value(resource, more), text)
  })
}

test("the pod's own limits come before the node's", () => {
  const limited = buildPod({ spec: { resources: { limits: { cpu: '4' } } } })
  assert.equal(resourceValue(limited, { resource: 'limits.cpu' }, context), '4')
  assert.equal(resourceValue(limited, { resource: 'limits.memory', divisor: '1Gi' }, context), '16')
})

for (const [selector, message] of [
  [{ resource: 'limits.nvidia.com/gpu' }, 'unsupported container resource: limits.nvidia.com/gpu'],
  [{ resource: 'cpu' }, 'unsupported container resource: cpu'],
  [{ resource: 'limits.cpu', containerName: 'none' }, 'container none not found'],
] as const) {
  test(`refuses with "${message}"`, () => {
    assert.throws(
      () => resourceValue(pod, selector, context),
      (error) => error instanceof VkError && error.message === message,
    )
  })
}
