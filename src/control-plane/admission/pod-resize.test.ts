// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addObject } from '../../../test/support/add-object.ts'
import { admissionBench } from '../../../test/support/admission-bench.ts'
import { nodeDeclaredFeatures, podResize } from './pod-resize.ts'

const metadata = { name: 'web', namespace: 'default' }

function podWith(spec: object) {
  return { metadata, spec: { nodeName: 'one', containers: [{ name: 'main' }], ...spec } }
}

const requesting = (cpu: string, memory = '1Mi') =>
  podWith({ containers: [{ name: 'main', resources: { requests: { cpu, memory } } }] })

function update(target: string, object: object, old: object) {
  return { target, operation: 'UPDATE' as const, object, old }
}

test('PodResize: no pod is made larger than its whole node', () => {
  const { validate, store } = admissionBench(podResize)
  const grow = update('pods/resize', requesting('3', '2Gi'), requesting('1'))
  assert.throws(() => validate(grow), { message: 'pods "web" is forbidden: node "one" not found' })
  addObject(store, 'nodes', {
    metadata: { name: 'one', labels: { 'kubernetes.io/os': 'linux' } },
    status: { allocatable: { cpu: '2', memory: '1Gi' } },
  })
  assert.throws(() => validate(grow), {
    code: 403,
    message:
      'pods "web" is forbidden: node didn\'t have enough allocatable resources: ' +
      'cpu, requested: 3000, allocatable: 2000; memory, requested: 2147483648, allocatable: 1073741824',
  })
  validate(update('pods/resize', requesting('2', '1Gi'), requesting('1')))
  validate(update('pods/status', requesting('3'), requesting('1')))
  validate(update('pods/resize', { ...requesting('3'), spec: { containers: [] } }, requesting('1')))
})

test('PodResize: other systems than Linux resize nothing', () => {
  const { validate, store } = admissionBench(podResize)
  const labels = { 'kubernetes.io/os': 'windows' }
  addObject(store, 'nodes', { metadata: { name: 'one', labels } })
  assert.throws(() => validate(update('pods/resize', requesting('1'), requesting('2'))), {
    message:
      'pods "web" is forbidden: pod resize is only supported on linux nodes, node "one" is "windows"',
  })
})

test('NodeDeclaredFeatures: only what the node declares may change on it', () => {
  const { validate, store } = admissionBench(nodeDeclaredFeatures)
  addObject(store, 'nodes', { metadata: { name: 'one' } })
  const level = (cpu: string) => podWith({ resources: { limits: { cpu } } })
  const init = (cpu: string, restartPolicy?: string) =>
    podWith({
      initContainers: [{ name: 'i', restartPolicy, resources: { requests: { cpu } } }],
    })
  const refusal = (feature: string) => ({
    code: 403,
    message: `pods "web" is forbidden: pod update requires features ${feature} which are not available on node "one"`,
  })
  assert.throws(
    () => validate(update('pods/resize', level('2'), level('1'))),
    refusal('InPlacePodLevelResourcesVerticalScaling'),
  )
  assert.throws(
    () => validate(update('pods/resize', init('2'), init('1'))),
    refusal('InPlacePodVerticalScalingInitContainers'),
  )
  validate(update('pods/resize', init('2', 'Always'), init('1', 'Always')))
  validate(update('pods/resize', requesting('2'), requesting('1')))
  addObject(store, 'nodes', {
    metadata: { name: 'one' },
    status: { declaredFeatures: ['InPlacePodLevelResourcesVerticalScaling'] },
  })
  validate(update('pods/resize', level('2'), level('1')))
})
