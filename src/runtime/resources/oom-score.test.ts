// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import type { Container, PodSpec } from '../../kube/types.gen.ts'
import { oomScoreAdj } from './oom-score.ts'

const memoryBytes = 1000 * 1024 * 1024

const asking = (memory: string, more: Partial<Container> = {}): Container =>
  buildContainer({ resources: { requests: { memory } }, ...more })

function score(qosClass: string, container: Container, spec: Partial<PodSpec> = {}): number {
  const pod = buildPod({ spec: { containers: [container], ...spec }, status: { qosClass } })
  return oomScoreAdj({ pod, spec: container, memoryBytes })
}

test('guaranteed pods and those that the node needs are kept to the last, best-effort ones go first', () => {
  assert.equal(score('Guaranteed', asking('1Mi')), -997)
  assert.equal(score('BestEffort', buildContainer()), 1000)
  const critical = { priority: 2_000_001_000, priorityClassName: 'system-node-critical' }
  assert.equal(score('BestEffort', buildContainer(), critical), -997)
})

test('the more of the node a burstable container has asked for, the later it goes', () => {
  assert.equal(score('Burstable', asking('100Mi')), 900)
  assert.equal(score('Burstable', asking('1000Mi')), 3)
  assert.equal(score('Burstable', buildContainer()), 999)
})

test('what a pod asks for as a whole is shared by its containers', () => {
  const containers = [asking('100Mi', { name: 'a' }), asking('0', { name: 'b' })]
  const resources = { requests: { memory: '300Mi' } }
  const [first, second] = containers
  assert.ok(first && second)
  assert.equal(score('Burstable', first, { containers, resources }), 800)
  assert.equal(score('Burstable', second, { containers, resources }), 900)
})

test('a sidecar outlives the containers that it serves', () => {
  const sidecar = asking('10Mi', { name: 'side', restartPolicy: 'Always' })
  const containers = [asking('200Mi'), asking('100Mi', { name: 'other' })]
  assert.equal(score('Burstable', sidecar, { containers, initContainers: [sidecar] }), 900)
})

test('whatever a burstable container asks for, it stands between guaranteed and best-effort', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (own, ofPod) => {
      const resources = { requests: { memory: String(ofPod) } }
      const adj = score('Burstable', asking(String(own)), { resources })
      assert.ok(Number.isInteger(adj) && adj >= 3 && adj <= 999)
    }),
  )
})
