// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, PodSpec } from '../../kube/types.gen.ts'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { podRequests } from './pod-amounts.ts'

const asks = (cpu: string, more: Partial<Container> = {}): Container =>
  buildContainer({ resources: { requests: { cpu } }, ...more })
const sidecar = (cpu: string): Container => asks(cpu, { restartPolicy: 'Always' })

/** Millicores that a pod of this spec requests. */
function cpuOf(spec: Partial<PodSpec>): bigint | undefined {
  return podRequests(buildPod({ spec })).get('cpu')
}

test('containers add up', () => {
  assert.equal(cpuOf({ containers: [asks('250m'), asks('1'), buildContainer()] }), 1250n)
})

test('init containers run one by one, so that the largest counts', () => {
  const containers = [asks('1')]
  assert.equal(cpuOf({ containers, initContainers: [asks('500m'), asks('700m')] }), 1000n)
  assert.equal(cpuOf({ containers, initContainers: [asks('500m'), asks('3')] }), 3000n)
})

test('a sidecar counts beside the containers, and beside the init containers after it', () => {
  const containers = [asks('1')]
  assert.equal(cpuOf({ containers, initContainers: [sidecar('2')] }), 3000n)
  assert.equal(cpuOf({ containers, initContainers: [sidecar('2'), asks('4')] }), 6000n)
  assert.equal(cpuOf({ containers, initContainers: [asks('4'), sidecar('2')] }), 4000n)
  const several = [sidecar('2'), asks('1'), sidecar('3'), asks('4')]
  assert.equal(cpuOf({ containers, initContainers: several }), 9000n)
})

test('requests of the pod replace those of its containers, and overhead comes on top', () => {
  const spec = { containers: [asks('1', { resources: { requests: { cpu: '1', memory: '1Ki' } } })] }
  const requests = podRequests(
    buildPod({
      spec: {
        ...spec,
        resources: { requests: { cpu: '3' } },
        overhead: { cpu: '10m', memory: '1Ki' },
      },
    }),
  )
  assert.deepEqual(Object.fromEntries(requests), { cpu: 3010n, memory: 2048n })
})

test('fractions are added up before they are rounded', () => {
  assert.equal(cpuOf({ containers: [asks('500u'), asks('500u')] }), 1n)
})

test('the answer for one object is computed once', () => {
  const pod = buildPod()
  assert.equal(podRequests(pod), podRequests(pod))
})
