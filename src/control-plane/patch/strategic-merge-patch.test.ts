// SPDX-License-Identifier: Apache-2.0
// Strategic merge patch on real kinds: merge keys, directives, orders and refusals.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schemaOf } from '../schema/schema-of.ts'
import { applyStrategicMergePatch } from './strategic-merge-patch.ts'

const pod = schemaOf('v1', 'Pod')
assert.ok(pod)
const patchPod = (object: object, patch: unknown): unknown =>
  applyStrategicMergePatch({ ...object }, patch, pod)
const containers = (...list: object[]): object => ({ spec: { containers: list } })

const results: readonly [name: string, object: object, patch: object, expected: object][] = [
  [
    'merges containers by name',
    containers({ name: 'a', image: '1' }, { name: 'b', image: '1' }),
    containers({ name: 'b', image: '2' }),
    containers({ name: 'a', image: '1' }, { name: 'b', image: '2' }),
  ],
  [
    'adds a container, in front of those that the patch does not name',
    containers({ name: 'a' }),
    containers({ name: 'b' }),
    containers({ name: 'b' }, { name: 'a' }),
  ],
  [
    'obeys $setElementOrder',
    containers({ name: 'a' }, { name: 'b' }, { name: 'server' }),
    { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] } },
    containers({ name: 'b' }, { name: 'a' }, { name: 'server' }),
  ],
  [
    'deletes an element',
    containers({ name: 'a' }, { name: 'b' }),
    containers({ name: 'a', $patch: 'delete' }),
    containers({ name: 'b' }),
  ],
  [
    'replaces a whole list',
    containers({ name: 'a' }, { name: 'b' }),
    containers({ $patch: 'replace' }, { name: 'c' }),
    containers({ name: 'c' }),
  ],
  [
    'replaces an object',
    { metadata: { labels: { a: '1', b: '2' } } },
    { metadata: { labels: { $patch: 'replace', c: '3' } } },
    { metadata: { labels: { c: '3' } } },
  ],
  [
    'empties an object',
    { metadata: { labels: { a: '1' } } },
    { metadata: { labels: { $patch: 'delete' } } },
    { metadata: { labels: {} } },
  ],
  [
    'a directive where nothing was leaves nothing',
    { metadata: {} },
    { metadata: { labels: { $patch: 'delete', a: 1 } } },
    { metadata: {} },
  ],
  [
    'removes by null, and ignores null for what is not there',
    { metadata: { labels: { a: '1' } } },
    { metadata: { labels: { a: null, b: null }, annotations: { c: null, d: '1' } } },
    { metadata: { labels: {}, annotations: { d: '1' } } },
  ],
  [
    'merges a list of primitives as a set',
    { metadata: { finalizers: ['a', 'b'] } },
    { metadata: { finalizers: ['b', 'c'] } },
    { metadata: { finalizers: ['a', 'b', 'c'] } },
  ],
  [
    'deletes from a list of primitives',
    { metadata: { finalizers: ['a', 'b', 'c'] } },
    { metadata: { '$deleteFromPrimitiveList/finalizers': ['a', 'c'] } },
    { metadata: { finalizers: ['b'] } },
  ],
  [
    'sorts a list of primitives',
    { metadata: { finalizers: ['a', 'b'] } },
    { metadata: { finalizers: ['c'], '$setElementOrder/finalizers': ['c', 'a'] } },
    { metadata: { finalizers: ['c', 'a', 'b'] } },
  ],
  [
    'replaces lists without a merge strategy',
    containers({ name: 'a', args: ['1', '2'] }),
    containers({ name: 'a', args: ['3'] }),
    containers({ name: 'a', args: ['3'] }),
  ],
  [
    'keeps only what $retainKeys names',
    { spec: { volumes: [{ name: 'v', emptyDir: {} }] } },
    {
      spec: {
        volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/' } }],
      },
    },
    { spec: { volumes: [{ name: 'v', hostPath: { path: '/' } }] } },
  ],
  [
    'replaces container statuses and merges conditions',
    {
      status: {
        conditions: [
          { type: 'A', status: 'False' },
          { type: 'B', status: 'False' },
        ],
        containerStatuses: [{ name: 'a' }],
      },
    },
    {
      status: {
        '$setElementOrder/conditions': [{ type: 'A' }, { type: 'B' }],
        conditions: [{ type: 'A', status: 'True' }],
        containerStatuses: [{ name: 'b' }],
        phase: 'Running',
      },
    },
    {
      status: {
        conditions: [
          { type: 'A', status: 'True' },
          { type: 'B', status: 'False' },
        ],
        containerStatuses: [{ name: 'b' }],
        phase: 'Running',
      },
    },
  ],
]

for (const [name, object, patch, expected] of results) {
  test(name, () => {
    const before = structuredClone(object)
    assert.deepEqual(patchPod(object, patch), expected)
    assert.deepEqual(object, before, 'the object must not change')
  })
}

const refusals: readonly [
  name: string,
  object: object,
  patch: unknown,
  code: number,
  message: RegExp,
][] = [
  ['a patch that is no object', {}, [], 400, /cannot unmarshal array into Go value of type map/],
  [
    'an unknown directive',
    {},
    { $patch: 'x' },
    500,
    /^unknown patch type: x in map: map\[\$patch:x\]$/,
  ],
  [
    'an element without its merge key',
    containers({ name: 'a' }),
    containers({ image: 'x' }),
    500,
    /^map: map\[image:x\] does not contain declared merge key: name$/,
  ],
  [
    'a malformed $retainKeys',
    { spec: { volumes: [{ name: 'v' }] } },
    { spec: { volumes: [{ name: 'v', $retainKeys: ['name'], hostPath: {} }] } },
    400,
    /^invalid patch format of retainKeys$/,
  ],
  [
    'a delete list without a name',
    { metadata: {} },
    { metadata: { $deleteFromPrimitiveList: ['a'] } },
    400,
    /^invalid patch format of primitive list$/,
  ],
  [
    'a list of lists',
    { metadata: { finalizers: ['a'] } },
    { metadata: { finalizers: [['b']] } },
    500,
    /^list element types are not identical/,
  ],
  [
    'an order that the patch does not follow',
    containers({ name: 'a' }, { name: 'b' }),
    {
      spec: {
        containers: [{ name: 'b' }, { name: 'a' }],
        '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }],
      },
    },
    500,
    /doesn't match \$setElementOrder list/,
  ],
]

for (const [name, object, patch, code, message] of refusals) {
  test(`refuses ${name}`, () => {
    assert.throws(() => patchPod(object, patch), { name: 'StatusError', code, message })
  })
}

test('replaces an object whose type says so', () => {
  const budget = schemaOf('policy/v1', 'PodDisruptionBudget')
  assert.ok(budget)
  const object = { spec: { minAvailable: 1, selector: { matchLabels: { a: '1' } } } }
  const patch = { spec: { selector: { matchLabels: { b: '2' } } } }
  assert.deepEqual(applyStrategicMergePatch(object, patch, budget), {
    spec: { minAvailable: 1, selector: { matchLabels: { b: '2' } } },
  })
})

test('shares what the patch leaves alone, down to the elements of lists', () => {
  const object = {
    metadata: { name: 'p' },
    status: {
      conditions: [
        { type: 'A', status: 'True' },
        { type: 'B', status: 'True' },
      ],
    },
  }
  const patch = { status: { conditions: [{ type: 'B', status: 'False' }] } }
  const result = patchPod(object, patch) as typeof object
  assert.equal(result.metadata, object.metadata)
  assert.equal(result.status.conditions[0], object.status.conditions[0])
})
