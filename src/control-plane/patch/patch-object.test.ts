// SPDX-License-Identifier: Apache-2.0
// What becomes of the body of a PATCH. The table is what a kube-apiserver 1.36.3 answered to the same
// patches of the same pod.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '../objects/kube-object.ts'
import type { FieldValidation } from '../schema/decode-object.ts'
import { schemaOf } from '../schema/schema-of.ts'
import { patchObject } from './patch-object.ts'

const schema = schemaOf('v1', 'Pod')
assert.ok(schema)
const pod = schema

const live: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'pp', namespace: 'default', labels: { a: '1' } },
  spec: { containers: [{ name: 'a', image: 'x' }], volumes: [{ name: 'v', emptyDir: {} }] },
}

const strategic = 'application/strategic-merge-patch+json'
const merge = 'application/merge-patch+json'
const json = 'application/json-patch+json'

function patch(mediaType: string, body: string, fieldValidation: FieldValidation = 'Warn') {
  return patchObject({ live, mediaType, body, schema: pod, fieldValidation })
}

type Refusal = readonly [type: string, body: string, code: number, message: string]

const unmarshal = 'json: cannot unmarshal'
const toMap = 'into Go value of type map[string]interface {}'
const quantities =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
const badTime = 'parsing time "abc" as "2006-01-02T15:04:05Z07:00": cannot parse "abc" as "2006"'
const inPatch = (shown: string, why: string): string =>
  ` "" is invalid: patch: Invalid value: ${JSON.stringify(shown)}: ${why}`

const refusals: readonly Refusal[] = [
  [
    strategic,
    '{"metadata":{"labels":{"a":1}}}',
    422,
    inPatch('map[metadata:map[labels:map[a:1]]]', 'cannot convert int64 to string'),
  ],
  [
    strategic,
    '{"spec":{"terminationGracePeriodSeconds":"x"}}',
    422,
    inPatch('map[spec:map[terminationGracePeriodSeconds:x]]', 'unrecognized type: int64'),
  ],
  [
    strategic,
    '{"spec":{"containers":"x"}}',
    422,
    inPatch('map[spec:map[containers:x]]', 'cannot restore slice from string'),
  ],
  [
    strategic,
    '{"metadata":"x"}',
    422,
    inPatch('map[metadata:x]', 'cannot restore struct from: string'),
  ],
  [
    strategic,
    '{"metadata":{"creationTimestamp":"abc"}}',
    422,
    inPatch('map[metadata:map[creationTimestamp:abc]]', badTime),
  ],
  [strategic, '[]', 400, `${unmarshal} array ${toMap}`],
  [strategic, '"x"', 400, `${unmarshal} string ${toMap}`],
  [strategic, '{', 400, 'unexpected end of JSON input'],
  [
    strategic,
    '{"spec":{"containers":[{"image":"y"}]}}',
    500,
    'map: map[image:y] does not contain declared merge key: name',
  ],
  [strategic, '{"spec":{"$retainKeys":["a"],"b":1}}', 400, 'invalid patch format of retainKeys'],
  [
    strategic,
    '{"spec":{"$setElementOrder/containers":"x"}}',
    500,
    'expected a []interface {}, but received a string',
  ],
  [
    strategic,
    '{"spec":{"$setElementOrder/containers":[{"name":"b"}],"containers":[{"name":"a"}]}}',
    500,
    "The order in patch list:\n[map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
  ],
  [
    strategic,
    '{"metadata":{"finalizers":[["a"]]}}',
    422,
    inPatch('map[metadata:map[finalizers:[[a]]]]', 'unrecognized type: string'),
  ],
  [
    strategic,
    '{"metadata":{"$deleteFromPrimitiveList":["x"]}}',
    400,
    'invalid patch format of primitive list',
  ],
  [
    strategic,
    '{"spec":{"containers":["a"]}}',
    500,
    'list element types are not identical: [[map[image:x name:a]] [a]]',
  ],
  [
    strategic,
    '{"spec":{"$setElementOrder/nope":[]}}',
    500,
    'unable to find api field in struct PodSpec for the json field "nope"',
  ],
  [merge, '[]', 400, `error decoding patch: ${unmarshal} array ${toMap}`],
  [merge, 'null', 400, 'Invalid JSON Patch'],
  [merge, '{', 400, 'error decoding patch: unexpected end of JSON input'],
  [
    json,
    '{}',
    400,
    `error decoding patch: ${unmarshal} object into Go value of type []handlers.jsonPatchOp`,
  ],
  [
    json,
    '[1]',
    400,
    `error decoding patch: ${unmarshal} number into Go value of type handlers.jsonPatchOp`,
  ],
  [
    json,
    '[{"path":1}]',
    400,
    `error decoding patch: ${unmarshal} number into Go struct field jsonPatchOp.path of type string`,
  ],
  [json, '[null]', 422, 'the server rejected our request due to an error in our request'],
  [
    json,
    '[{"op":"replace","path":"","value":[]}]',
    422,
    inPatch(
      '[]',
      String.raw`couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }`,
    ),
  ],
  ['application/xml', '{}', 415, '415: Unsupported Media Type'],
]

for (const [type, body, code, message] of refusals) {
  test(`refuses ${body} as ${type}`, () => {
    assert.throws(() => patch(type, body), { name: 'StatusError', code, message })
  })
}

// Of these the refusal shows the whole object, in an order of fields that is Go's.
const inObject: readonly (readonly [body: string, why: string])[] = [
  [
    '{"metadata":{"labels":{"a":1}}}',
    `${unmarshal} number into Go struct field ObjectMeta.metadata.labels of type string`,
  ],
  [
    '{"spec":{"containers":[{"name":"a","image":5}]}}',
    `${unmarshal} number into Go struct field Container.spec.containers.image of type string`,
  ],
  ['{"spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":"abc"}}}]}}', quantities],
  ['{"metadata":{"creationTimestamp":"abc"}}', badTime],
  ['{"kind":"Service"}', 'converting (v1.Service) to (core.Pod): unknown conversion'],
]

for (const [body, why] of inObject) {
  test(`refuses ${body} as a merge patch`, () => {
    assert.throws(
      () => patch(merge, body),
      (error: Error & { code: number }) => {
        assert.equal(error.code, 422)
        assert.ok(error.message.startsWith(' "" is invalid: patch: Invalid value: "{'))
        assert.ok(error.message.endsWith(`}": ${why}`), error.message)
        return true
      },
    )
  })
}

const warned: readonly (readonly [type: string, body: string, warning: string])[] = [
  [strategic, '{"metadata":{"foo":1}}', 'unknown field "metadata.foo"'],
  [strategic, '{"metadata":{"labels":{"a":"1","a":"2"}}}', 'duplicate field "metadata.labels.a"'],
  [strategic, '{"spec":{"nope":{"a":1}}}', 'unknown field "spec.nope"'],
  [merge, '{"metadata":{"foo":1}}', 'unknown field "metadata.foo"'],
  [merge, '{"metadata":{"labels":{"a":"1","a":"2"}}}', 'duplicate field "metadata.labels.a"'],
  [json, '[{"op":"add","path":"/metadata/foo","value":1}]', 'unknown field "metadata.foo"'],
  [
    json,
    '[{"op":"add","path":"/metadata/labels/b","value":"1","zip":1}]',
    'json patch unknown field "[0].zip"',
  ],
  [
    json,
    '[{"op":"add","op":"add","path":"/metadata/labels/b","value":"1"}]',
    'json patch duplicate field "[0].op"',
  ],
]

for (const [type, body, warning] of warned) {
  test(`warns of ${body} as ${type}, or refuses it when strict`, () => {
    const { object, warnings } = patch(type, body)
    assert.deepEqual(warnings, [warning])
    assert.equal(JSON.stringify(object).includes('foo'), false)
    assert.deepEqual(patch(type, body, 'Ignore').warnings, [])
    assert.throws(() => patch(type, body, 'Strict'), {
      code: 422,
      message: /^ "" is invalid: patch: Invalid value: .*: strict decoding error: /,
    })
  })
}

test('names all that is wrong when strict, in order', () => {
  assert.throws(() => patch(strategic, '{"spec":{"bar":2},"metadata":{"foo":1}}', 'Strict'), {
    message: inPatch(
      'map[metadata:map[foo:1] spec:map[bar:2]]',
      'strict decoding error: unknown field "metadata.foo", unknown field "spec.bar"',
    ),
  })
})

test('takes kind and version of a strategic merge patch from the object', () => {
  const { object } = patch(strategic, '{"kind":"Service","apiVersion":"v2"}')
  assert.equal(object.kind, 'Pod')
  assert.equal(object.apiVersion, 'v1')
})

test('a patch that changes nothing gives the same object', () => {
  for (const [type, body] of [
    [strategic, 'null'],
    [strategic, '{}'],
    [merge, '{}'],
    [json, 'null'],
  ]) {
    assert.equal(patch(type ?? '', body ?? '').object, live)
  }
})

test('parameters of the media type do not matter', () => {
  const { object } = patch(`${merge}; charset=utf-8`, '{"metadata":{"labels":{"b":"2"}}}')
  assert.deepEqual(object.metadata.labels, { a: '1', b: '2' })
})

test('what a patch adds gets its canonical form, and is left out when empty', () => {
  const body =
    '{"spec":{"hostNetwork":false,"containers":[{"name":"a","env":[],"resources":{"limits":{"cpu":"1000m"}}}]}}'
  const { object } = patch(strategic, body)
  assert.deepEqual(object['spec'], {
    containers: [{ name: 'a', image: 'x', resources: { limits: { cpu: '1' } } }],
    volumes: [{ name: 'v', emptyDir: {} }],
  })
})

test('metadata and spec are there even when a patch removes them', () => {
  const { object } = patch(merge, '{"spec":null,"metadata":null}')
  assert.deepEqual(object, { apiVersion: 'v1', kind: 'Pod', metadata: {}, spec: {} })
})
