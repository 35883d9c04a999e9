// SPDX-License-Identifier: Apache-2.0
// What a kubelet of 1.36 tells of a pod as a whole in status.resources and status.allocatedResources.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import type { Pod, ResourceRequirements } from '../../kube/types.gen.ts'
import type { ContainerRecord } from '../decide/container-record.ts'
import { observedResize } from './observed-resources.ts'

const both = { canResize: true, canResizePod: true, error: undefined }

function told(
  pod: Pod,
  of: {
    readonly podResources?: ResourceRequirements
    readonly containers?: Readonly<Record<string, ContainerRecord>>
  } = {},
) {
  return observedResize({ pod, containers: {}, ...of }, both).podLevel
}

const podWith = (
  main: ResourceRequirements,
  other: ResourceRequirements,
  more: Partial<Pod['spec']> = {},
): Pod =>
  buildPod({
    spec: {
      containers: [
        buildContainer({ name: 'main', resources: main }),
        buildContainer({ name: 'other', resources: other }),
      ],
      ...more,
    },
  })

test('a pod that asks for nothing as a whole has what its containers have together', () => {
  const pod = podWith(
    { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '1', memory: '64Mi' } },
    { requests: { cpu: '1', 'ephemeral-storage': '1Gi' }, limits: { cpu: '500m' } },
  )
  assert.deepEqual(told(pod), {
    // Memory of all is not limited: one container's is not.
    resources: { requests: { cpu: '1100m', memory: '64Mi' }, limits: { cpu: '1500m' } },
    allocatedResources: { cpu: '1100m', memory: '64Mi', 'ephemeral-storage': '1Gi' },
  })
  assert.deepEqual(told(podWith({}, {})), { resources: {}, allocatedResources: {} })
})

test('what a pod asks for as a whole counts before what its containers do', () => {
  const main = { requests: { cpu: '100m', memory: '64Mi' } }
  const pod = podWith(main, {}, { resources: { requests: { cpu: '2' }, limits: { cpu: '3' } } })
  const allocatedResources = { cpu: '2', memory: '64Mi' }
  assert.deepEqual(told(pod), {
    resources: { requests: { cpu: '2', memory: '64Mi' }, limits: { cpu: '3' } },
    allocatedResources,
  })
  const before = { requests: { cpu: '1' } }
  assert.deepEqual(told(pod, { podResources: before }), {
    resources: { requests: { cpu: '1', memory: '64Mi' } },
    allocatedResources,
  })
})

test('while a container has not been resized yet the pod has what it had', () => {
  const pod = podWith({ requests: { cpu: '300m' } }, { requests: { cpu: '1' } })
  const record = {
    attempt: 0,
    stage: 'started',
    image: 'i',
    resources: { requests: { cpu: '100m' } },
  }
  assert.deepEqual(told(pod, { containers: { main: record as ContainerRecord } }), {
    resources: { requests: { cpu: '1100m' } },
    allocatedResources: { cpu: '1300m' },
  })
})

test('a runtime that cannot resize pods as a whole tells nothing of it', () => {
  const pod = podWith({ requests: { cpu: '300m' } }, {})
  const { podLevel } = observedResize({ pod, containers: {} }, { ...both, canResizePod: false })
  assert.equal(podLevel, undefined)
})
