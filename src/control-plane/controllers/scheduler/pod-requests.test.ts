// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { buildContainer, buildPod } from '../../../../test/support/build-pod.ts'
import type { PodParts } from '../../../../test/support/build-pod.ts'
import type { Container } from '../../../kube/types.gen.ts'
import { podRequests } from './pod-requests.ts'

function asking(name: string, cpu: string, parts: Partial<Container> = {}): Container {
  return buildContainer({ name, resources: { requests: { cpu } }, ...parts })
}

function milliCpu(parts: PodParts): number {
  return podRequests(buildPod(parts)).amounts.milliCpu
}

describe('podRequests', () => {
  it('adds up containers and overhead', () => {
    const containers = [asking('a', '1'), asking('b', '250m')]
    assert.equal(milliCpu({ spec: { containers, overhead: { cpu: '50m' } } }), 1300)
  })

  it('takes the largest init container when that is more', () => {
    const initContainers = [asking('i', '3'), asking('j', '2')]
    assert.equal(milliCpu({ spec: { containers: [asking('a', '1')], initContainers } }), 3000)
  })

  it('counts sidecars with the containers and with each init container after them', () => {
    const sidecar = asking('s', '500m', { restartPolicy: 'Always' })
    const containers = [asking('a', '1')]
    const after = [sidecar, asking('i', '2')]
    const before = [asking('i', '2'), sidecar]
    assert.equal(milliCpu({ spec: { containers, initContainers: after } }), 2500)
    assert.equal(milliCpu({ spec: { containers, initContainers: before } }), 2000)
  })

  it('lets the resources of the pod stand for those of its containers', () => {
    const containers = [asking('a', '1')]
    assert.equal(milliCpu({ spec: { containers, resources: { requests: { cpu: '2' } } } }), 2000)
  })

  it('counts the larger of wanted and granted while a resize is under way', () => {
    const containers = [asking('a', '1')]
    const granted = { cpu: '2' }
    const status = {
      containerStatuses: [
        {
          name: 'a',
          image: '',
          imageID: '',
          ready: true,
          restartCount: 0,
          allocatedResources: granted,
          resources: { requests: granted },
        },
      ],
    }
    assert.equal(milliCpu({ spec: { containers }, status }), 2000)
    const wanted = [asking('a', '8')]
    const conditions = [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }]
    assert.equal(milliCpu({ spec: { containers: wanted }, status }), 8000)
    assert.equal(
      milliCpu({ spec: { containers: wanted }, status: { ...status, conditions } }),
      2000,
    )
  })

  it('gives containers that ask for nothing a share in scores alone', () => {
    const { amounts, scored } = podRequests(buildPod())
    assert.equal(amounts.milliCpu, 0)
    assert.equal(scored.milliCpu, 100)
    assert.equal(scored.memoryBytes, 200 * 1024 * 1024)
  })
})
