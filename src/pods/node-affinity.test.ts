// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from '../kube/types.gen.ts'
import { buildPod } from '../../test/support/build-pod.ts'
import { matchesNodeAffinity } from './node-affinity.ts'

const node = { name: 'node-a', labels: { zone: 'east', cores: '16', empty: '', word: 'x' } }

function matches(spec: Partial<PodSpec>): boolean {
  return matchesNodeAffinity(buildPod({ spec }), node)
}

function affinity(...nodeSelectorTerms: readonly NodeSelectorTerm[]): Partial<PodSpec> {
  const requiredDuringSchedulingIgnoredDuringExecution = { nodeSelectorTerms }
  return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution } } }
}

test('a pod without wishes fits everywhere', () => {
  assert.equal(matches({}), true)
  assert.equal(matches({ affinity: { nodeAffinity: {} } }), true)
})

test('every label of the nodeSelector must be there with its value', () => {
  assert.equal(matches({ nodeSelector: { zone: 'east', empty: '' } }), true)
  assert.equal(matches({ nodeSelector: { zone: 'west' } }), false)
  assert.equal(matches({ nodeSelector: { zone: 'east', absent: '' } }), false)
  assert.equal(matches({ nodeSelector: { toString: '' } }), false)
})

const requirements: readonly (readonly [NodeSelectorRequirement, boolean])[] = [
  [{ key: 'zone', operator: 'In', values: ['west', 'east'] }, true],
  [{ key: 'zone', operator: 'In', values: ['west'] }, false],
  [{ key: 'zone', operator: 'In' }, false],
  [{ key: 'absent', operator: 'In', values: [''] }, false],
  [{ key: 'empty', operator: 'In', values: [''] }, true],
  [{ key: 'zone', operator: 'NotIn', values: ['west'] }, true],
  [{ key: 'zone', operator: 'NotIn', values: ['east'] }, false],
  [{ key: 'absent', operator: 'NotIn', values: ['east'] }, true],
  [{ key: 'zone', operator: 'Exists' }, true],
  [{ key: 'empty', operator: 'Exists' }, true],
  [{ key: 'absent', operator: 'Exists' }, false],
  [{ key: 'zone', operator: 'DoesNotExist' }, false],
  [{ key: 'absent', operator: 'DoesNotExist' }, true],
  [{ key: 'cores', operator: 'Gt', values: ['15'] }, true],
  [{ key: 'cores', operator: 'Gt', values: ['16'] }, false],
  [{ key: 'cores', operator: 'Lt', values: ['17'] }, true],
  [{ key: 'cores', operator: 'Lt', values: ['16'] }, false],
  [{ key: 'cores', operator: 'Gt', values: ['-1'] }, true],
  [{ key: 'word', operator: 'Gt', values: ['1'] }, false],
  [{ key: 'cores', operator: 'Lt', values: ['many'] }, false],
  [{ key: 'cores', operator: 'Gt' }, false],
  [{ key: 'absent', operator: 'Lt', values: ['5'] }, false],
  [{ key: 'zone', operator: 'Like', values: ['e*'] }, false],
]
for (const [requirement, isMatch] of requirements) {
  test(`${JSON.stringify(requirement)} ${isMatch ? 'accepts' : 'refuses'} the node`, () => {
    assert.equal(matches(affinity({ matchExpressions: [requirement] })), isMatch)
  })
}

test('one term must fit with all that it says', () => {
  const east = { key: 'zone', operator: 'In', values: ['east'] }
  const absent = { key: 'absent', operator: 'Exists' }
  assert.equal(matches(affinity({ matchExpressions: [east, absent] })), false)
  assert.equal(
    matches(affinity({ matchExpressions: [absent] }, { matchExpressions: [east] })),
    true,
  )
})

test('an empty term, and no term at all, match nothing', () => {
  assert.equal(matches(affinity({})), false)
  assert.equal(matches(affinity()), false)
})

test('matchFields compares the name of the node', () => {
  const named = (operator: string, name: string): Partial<PodSpec> =>
    affinity({ matchFields: [{ key: 'metadata.name', operator, values: [name] }] })
  assert.equal(matches(named('In', 'node-a')), true)
  assert.equal(matches(named('In', 'node-b')), false)
  assert.equal(matches(named('NotIn', 'node-a')), false)
})

test('nodeSelector and affinity must both fit', () => {
  const east = affinity({ matchExpressions: [{ key: 'zone', operator: 'Exists' }] })
  assert.equal(matches({ ...east, nodeSelector: { zone: 'west' } }), false)
})
