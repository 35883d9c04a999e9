// SPDX-License-Identifier: Apache-2.0
// Bodies of requests and what becomes of them; the messages are what a kube-apiserver 1.36.3 answered.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { StatusError } from '../objects/api-status.ts'
import { decodeObject } from './decode-object.ts'
import { schemaCatalog } from './schema-catalog.ts'
import { schemaOf } from './schema-of.ts'
import { tries } from '../../../test/support/test-size.ts'

const pod = schemaOf('v1', 'Pod')
const secret = schemaOf('v1', 'Secret')
assert.ok(pod && secret)

const podWith = (spec: object): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'a', image: 'x' }], ...spec },
  })
const container = (fields: object): object => ({ containers: [{ name: 'a', ...fields }] })
const quantityRule =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

const mistyped: readonly [spec: object, message: string][] = [
  [
    { hostNetwork: 'x' },
    'json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool',
  ],
  [
    { priority: 3e9 },
    'json: cannot unmarshal number 3000000000 into Go struct field PodSpec.spec.priority of type int32',
  ],
  [
    { terminationGracePeriodSeconds: 1.5 },
    'json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64',
  ],
  [
    { restartPolicy: 1 },
    'json: cannot unmarshal number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy',
  ],
  [
    { nodeSelector: { a: 1 } },
    'json: cannot unmarshal number into Go struct field PodSpec.spec.nodeSelector of type string',
  ],
  [
    { nodeSelector: ['a'] },
    'json: cannot unmarshal array into Go struct field PodSpec.spec.nodeSelector of type map[string]string',
  ],
  [
    { containers: 'x' },
    'json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container',
  ],
  [
    { containers: ['object'] },
    'json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type v1.Container',
  ],
  [
    container({ command: [1] }),
    'json: cannot unmarshal number into Go struct field Container.spec.containers.command of type string',
  ],
  [
    { volumes: [{ name: 'v', emptyDir: 'x' }] },
    'json: cannot unmarshal string into Go struct field Volume.spec.volumes.VolumeSource.emptyDir of type v1.EmptyDirVolumeSource',
  ],
  [
    container({ livenessProbe: { httpGet: { port: true } } }),
    'json: cannot unmarshal bool into Go struct field HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port of type int32',
  ],
  [container({ resources: { limits: { cpu: 'abc' } } }), quantityRule],
  [{ volumes: [{ name: 'v', emptyDir: { sizeLimit: true } }] }, quantityRule],
]

for (const [spec, message] of mistyped) {
  test(`refuses ${JSON.stringify(spec)}`, () => {
    assert.throws(() => decodeObject(podWith(spec), pod), {
      code: 400,
      message: `Pod in version "v1" cannot be handled as a Pod: ${message}`,
    })
  })
}

const unreadable: readonly [text: string, message: string][] = [
  ['', "couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)"],
  ['{', "couldn't get version/kind; json parse error: unexpected end of JSON input ({)"],
  [
    '{"a":}',
    `couldn't get version/kind; json parse error: invalid character '}' looking for beginning of value ({"a":})`,
  ],
  [
    '{"kind":5}',
    `couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string ({"kind":5})`,
  ],
  [
    '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"},}',
    `couldn't get version/kind; json parse error: invalid character '}' looking for beginning of object key string ({"kind":"Pod","apiVersion":"v1 ...)`,
  ],
  [
    '{"a":tru}',
    `couldn't get version/kind; json parse error: invalid character '}' in literal true (expecting 'e') ({"a":tru})`,
  ],
  [
    '{"a" 1}',
    `couldn't get version/kind; json parse error: invalid character '1' after object key ({"a" 1})`,
  ],
  [
    '{"a":1 "b"}',
    `couldn't get version/kind; json parse error: invalid character '"' after object key:value pair ({"a":1 "b"})`,
  ],
  [
    '[1 2]',
    `couldn't get version/kind; json parse error: invalid character '2' after array element (5b3120325d)`,
  ],
  [
    '{"a":1.}',
    `couldn't get version/kind; json parse error: invalid character '}' after decimal point in numeric literal ({"a":1.})`,
  ],
  [
    '{} x',
    `couldn't get version/kind; json parse error: invalid character 'x' after top-level value ({} x)`,
  ],
  [
    '{"kind":"Pod","apiVersion":"a/b/c"}',
    'unexpected GroupVersion string: a/b/c ({"kind":"Pod","apiVersion":"a/ ...)',
  ],
]

for (const [text, message] of unreadable) {
  test(`says what is wrong with ${JSON.stringify(text)}`, () => {
    assert.throws(() => decodeObject(text, pod), {
      code: 400,
      message: `the object provided is unrecognized (must be of type Pod): ${message}`,
    })
  })
}

test('refuses an object of another kind, known or not', () => {
  assert.throws(() => decodeObject('{"kind":"Service","apiVersion":"v1"}', pod), {
    message:
      'Service in version "v1" cannot be handled as a Pod: converting (v1.Service) to (core.Pod): unknown conversion',
  })
  assert.throws(() => decodeObject('{"kind":"Foo","apiVersion":"v1"}', pod), {
    message:
      /^Foo in version "v1" cannot be handled as a Pod: no kind "Foo" is registered for version "v1"/,
  })
})

test('an empty body is an empty object of the expected kind', () => {
  for (const text of ['{}', 'null']) {
    const { object } = decodeObject(text, pod)
    assert.deepEqual(object, { apiVersion: 'v1', kind: 'Pod', metadata: {}, spec: {} })
  }
})

const twice =
  '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","name":"q","labels":{"a":"1","a":"2"}},' +
  '"spec":{"containers":[{"name":"a","image":"x","image":"y","zzz":1}],"bar":{"x":1,"x":2}}}'
const faultsOfTwice = [
  'duplicate field "metadata.name"',
  'duplicate field "metadata.labels.a"',
  'duplicate field "spec.containers[0].image"',
  'unknown field "spec.containers[0].zzz"',
  'unknown field "spec.bar"',
]

test('drops unknown fields, and warns of them and of duplicates in the order of the text', () => {
  const { object, warnings } = decodeObject(twice, pod)
  assert.deepEqual(warnings, faultsOfTwice)
  assert.deepEqual(object['spec'], { containers: [{ name: 'a', image: 'y' }] })
})

test('refuses the same when validation is strict, and is silent when it is off', () => {
  assert.throws(() => decodeObject(twice, pod, { fieldValidation: 'Strict' }), {
    code: 400,
    message: `Pod in version "v1" cannot be handled as a Pod: strict decoding error: ${faultsOfTwice.join(', ')}`,
  })
  assert.deepEqual(decodeObject(twice, pod, { fieldValidation: 'Ignore' }).warnings, [])
})

test('a quote or a colon inside a text is no key', () => {
  const text = podWith({ hostname: String.raw`a\": {"b":1` })
  assert.deepEqual(decodeObject(text, pod).warnings, [])
})

test('leaves out empty values as the wire does, and keeps what is a choice', () => {
  const { object } = decodeObject(
    podWith({
      hostNetwork: false,
      nodeSelector: {},
      tolerations: [],
      priority: 0,
      securityContext: {},
      automountServiceAccountToken: false,
      volumes: [{ name: 'v', emptyDir: {} }],
    }),
    pod,
  )
  assert.deepEqual(object['spec'], {
    containers: [{ name: 'a', image: 'x' }],
    priority: 0,
    securityContext: {},
    automountServiceAccountToken: false,
    volumes: [{ name: 'v', emptyDir: {} }],
  })
})

test('writes quantities and times as the API does', () => {
  const requests = { cpu: 0.5, memory: '1024Mi', 'ephemeral-storage': '1000000k' }
  const { object } = decodeObject(podWith(container({ resources: { requests } })), pod)
  const [first] = (object['spec'] as { containers: [{ resources: object }] }).containers
  assert.deepEqual(first.resources, {
    requests: { cpu: '500m', memory: '1Gi', 'ephemeral-storage': '1G' },
  })
  const dated = decodeObject(
    '{"metadata":{"creationTimestamp":"2026-01-02T05:04:05.5+02:00"}}',
    pod,
  )
  assert.equal(dated.object.metadata.creationTimestamp, '2026-01-02T03:04:05Z')
})

const times: readonly [value: unknown, message: string][] = [
  ['abc', 'parsing time "abc" as "2006-01-02T15:04:05Z07:00": cannot parse "abc" as "2006"'],
  [
    '2026-01-02',
    'parsing time "2026-01-02" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"',
  ],
  ['2026-13-02T00:00:00Z', 'parsing time "2026-13-02T00:00:00Z": month out of range'],
  [
    5,
    'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string',
  ],
]
for (const [creationTimestamp, message] of times) {
  test(`refuses the time ${JSON.stringify(creationTimestamp)}`, () => {
    assert.throws(() => decodeObject(JSON.stringify({ metadata: { creationTimestamp } }), pod), {
      message: `Pod in version "v1" cannot be handled as a Pod: ${message}`,
    })
  })
}

const base64: readonly [data: string, index: number][] = [
  ['YWJ', 0],
  ['!!', 0],
  ['YW=Jj', 2],
  ['YWI=x', 4],
]
for (const [a, index] of base64) {
  test(`says where the base64 ${a} breaks off`, () => {
    assert.throws(() => decodeObject(JSON.stringify({ data: { a } }), secret), {
      message: `Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte ${index}`,
    })
  })
}

test('null drops a field and empties an element', () => {
  const { object } = decodeObject(
    podWith({ nodeSelector: { a: null }, hostname: null, containers: [null] }),
    pod,
  )
  assert.deepEqual(object['spec'], { containers: [{}], nodeSelector: { a: '' } })
})

test('reads YAML, with the booleans and duplicates of Go', () => {
  const text = 'metadata:\n  name: p\n  name: q\nspec:\n  hostNetwork: yes\n  foo: 1\n'
  const { object, warnings } = decodeObject(text, pod, { format: 'yaml' })
  assert.deepEqual(object['spec'], { hostNetwork: true })
  assert.deepEqual(warnings, ['line 3: key "name" already set in map', 'unknown field "spec.foo"'])
  assert.throws(() => decodeObject('a: b: c', pod, { format: 'yaml' }), {
    message:
      'the object provided is unrecognized (must be of type Pod): yaml: mapping values are not allowed in this context (613a20623a2063)',
  })
})

test('a bomb of aliases and a tower of brackets are refused', () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(10)}]\nc: &c [${'*b,'.repeat(10)}]\nd: [${'*c,'.repeat(10)}]`
  assert.throws(() => decodeObject(bomb, pod, { format: 'yaml' }), { code: 400 })
  assert.throws(() => decodeObject('['.repeat(100_000) + ']'.repeat(100_000), pod), { code: 400 })
})

test('nothing but StatusError is thrown, whatever the body', () => {
  const kinds = [...schemaCatalog().values()].filter((type) => type.kinds.length > 0)
  const names = fc.constantFrom(
    'metadata',
    'spec',
    'status',
    'containers',
    'data',
    'labels',
    '__proto__',
  )
  const body = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.dictionary(names, tie('value')),
      fc.array(tie('value'), { maxLength: 3 }),
    ),
  })).value
  const property = fc.property(fc.constantFrom(...kinds), body, (type, value) => {
    try {
      decodeObject(JSON.stringify(value), type, { fieldValidation: 'Ignore' })
    } catch (error) {
      assert.ok(error instanceof StatusError, String(error))
    }
  })
  fc.assert(property, { numRuns: tries(500, 100) })
})
