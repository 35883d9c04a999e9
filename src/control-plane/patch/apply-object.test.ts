// SPDX-License-Identifier: Apache-2.0
// Server-side apply as its users meet it; what is expected here a kube-apiserver 1.36.3 did.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '../objects/kube-object.ts'
import type { TypeSchema } from '../schema/schema-catalog.ts'
import { schemaOf } from '../schema/schema-of.ts'
import { applyObject, type ApplyRequest } from './apply-object.ts'
import { trackUpdate } from './track-update.ts'

const configMap = typeOf('v1', 'ConfigMap')
const deployment = typeOf('apps/v1', 'Deployment')

function typeOf(apiVersion: string, kind: string): TypeSchema {
  const type = schemaOf(apiVersion, kind)
  assert.ok(type)
  return type
}

const nowMs = Date.parse('2026-01-02T03:04:05Z')
const time = '2026-01-02T03:04:05Z'

type Options = Partial<Pick<ApplyRequest, 'force' | 'schema' | 'fieldValidation' | 'subresource'>>

function apply(
  live: KubeObject | undefined,
  manager: string,
  body: object | string,
  options: Options = {},
): KubeObject {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const schema = configMap
  return applyObject({
    live,
    body: text,
    schema,
    manager,
    force: false,
    subresource: '',
    nowMs,
    ...options,
  }).object
}

const map = (data?: object, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'c', ...metadata },
  ...(data && { data }),
})

function edit(live: KubeObject, manager: string, data: object): KubeObject {
  const schema = configMap
  return trackUpdate({ live, next: { ...live, data }, schema, manager, subresource: '', nowMs })
}

const ownersOf = (object: KubeObject): unknown =>
  Object.fromEntries(
    (object.metadata.managedFields ?? []).map(({ manager, operation, fieldsV1 }) => [
      `${manager} ${operation}`,
      fieldsV1,
    ]),
  )

test('creates, and records what the manager declared', () => {
  const object = apply(undefined, 'one', map({ a: '1' }, { labels: { l: '1' } }))
  assert.deepEqual(object['data'], { a: '1' })
  assert.deepEqual(object.metadata.managedFields, [
    {
      manager: 'one',
      operation: 'Apply',
      apiVersion: 'v1',
      time,
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:data': { 'f:a': {} }, 'f:metadata': { 'f:labels': { 'f:l': {} } } },
    },
  ])
})

test('the same configuration again changes nothing, not even the time', () => {
  const first = apply(undefined, 'one', map({ a: '1' }))
  assert.equal(apply(first, 'one', map({ a: '1' })), first)
})

test('removes what the manager declared and no longer does, and nothing else', () => {
  const both = apply(
    apply(undefined, 'one', map({ a: '1', b: '2' })),
    'two',
    map({ b: '2', c: '3' }),
  )
  const object = apply(both, 'one', map({}))
  assert.deepEqual(object['data'], { b: '2', c: '3' })
  assert.equal(object.metadata.name, 'c')
})

test('refuses to change what another manager owns, and names the field', () => {
  const live = apply(undefined, 'one', map({ a: '1' }))
  assert.throws(() => apply(live, 'two', map({ a: '2' })), {
    code: 409,
    reason: 'Conflict',
    message: 'Apply failed with 1 conflict: conflict with "one": .data.a',
    status: {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      reason: 'Conflict',
      code: 409,
      message: 'Apply failed with 1 conflict: conflict with "one": .data.a',
      details: {
        causes: [
          { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.a' },
        ],
      },
    },
  })
})

test('lists several conflicts by manager', () => {
  const live = edit(apply(undefined, 'one', map({ a: '1', b: '1' })), 'kubectl-edit', {
    a: '1',
    b: '2',
    z: '3',
  })
  assert.throws(() => apply(live, 'two', map({ a: '9', b: '9', z: '9' })), {
    message:
      'Apply failed with 3 conflicts: conflicts with "kubectl-edit" using v1:\n- .data.b\n- .data.z\nconflicts with "one":\n- .data.a',
  })
})

test('takes the field when forced, and leaves the other manager the rest', () => {
  const live = apply(undefined, 'one', map({ a: '1', b: '2' }))
  const object = apply(live, 'two', map({ a: '9' }), { force: true })
  assert.deepEqual(object['data'], { a: '9', b: '2' })
  assert.deepEqual(ownersOf(object), {
    'one Apply': { 'f:data': { 'f:b': {} } },
    'two Apply': { 'f:data': { 'f:a': {} } },
  })
})

test('two managers may own a field together as long as they agree', () => {
  const object = apply(apply(undefined, 'one', map({ a: '1' })), 'two', map({ a: '1' }))
  assert.deepEqual(ownersOf(object), {
    'one Apply': { 'f:data': { 'f:a': {} } },
    'two Apply': { 'f:data': { 'f:a': {} } },
  })
})

test('an object that nobody tracked belongs to whoever was there before the first apply', () => {
  const live: KubeObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'c' },
    data: { a: '1' },
  }
  assert.throws(() => apply(live, 'one', map({ a: '2' })), {
    message: 'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a',
  })
})

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

test('kubectl takes over what its client-side applies left, but not what others changed since', () => {
  const annotations = { [lastApplied]: `${JSON.stringify(map({ a: '1', b: '2' }))}\n` }
  const live: KubeObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'c', annotations },
    data: { a: '1', b: '3' },
  }
  assert.throws(() => apply(live, 'kubectl', map({ a: '5', b: '9' })), {
    message: 'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.b',
  })
  const object = apply(live, 'kubectl', map({ a: '5' }))
  assert.deepEqual(object['data'], { a: '5', b: '3' })
  const kept = object.metadata.annotations?.[lastApplied]
  assert.equal(
    kept,
    '{"apiVersion":"v1","data":{"a":"5"},"kind":"ConfigMap","metadata":{"name":"c"}}\n',
  )
})

test('refuses configurations that do not fit, in the words of the API server', () => {
  const live = apply(undefined, 'one', map({ a: '1' }))
  const refusals: readonly [body: object | string, code: number, message: string][] = [
    [{ ...map({}), kind: 'Secret' }, 400, 'invalid object type: /v1, Kind=Secret'],
    [{}, 400, 'invalid object type: /, Kind='],
    [map({}, { managedFields: [] }), 400, 'metadata.managedFields must be nil'],
    [
      { ...map({}), foo: 1 },
      500,
      'failed to create typed patch object (/c; /v1, Kind=ConfigMap): .foo: field not declared in schema',
    ],
    [
      map({ a: 6 }),
      500,
      'failed to create typed patch object (/c; /v1, Kind=ConfigMap): .data.a: expected string, got &value.valueUnstructured{Value:6}',
    ],
    [
      { ...map(), data: 'x' },
      500,
      'failed to create typed patch object (/c; /v1, Kind=ConfigMap): .data: expected map, got &{x}',
    ],
    [
      '- a',
      400,
      'error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}',
    ],
  ]
  for (const [body, code, message] of refusals) {
    assert.throws(() => apply(live, 'two', body), { code, message })
  }
  assert.throws(() => apply(live, '', map({})), {
    code: 422,
    message:
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
  })
})

const repeated =
  '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"z":"1","z":"1"}}'

test('warns of keys that come twice, or refuses them', () => {
  assert.throws(() => apply(undefined, 'one', repeated, { fieldValidation: 'Strict' }), {
    code: 400,
    message:
      'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 1: key "z" already set in map',
  })
})

const deploymentWith = (spec: object, containers: readonly object[]): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd' },
  spec: { ...spec, template: { spec: { containers } } },
})

test('merges lists by their keys, in the order of the configuration', () => {
  const schema = deployment
  const env = (...names: string[]): object[] => names.map((name) => ({ name, value: '1' }))
  const one = apply(undefined, 'one', deploymentWith({}, [{ name: 'x', env: env('A', 'B') }]), {
    schema,
  })
  const two = apply(one, 'two', deploymentWith({}, [{ name: 'x', env: env('C') }]), { schema })
  const three = apply(two, 'one', deploymentWith({}, [{ name: 'x', env: env('B') }]), { schema })
  assert.deepEqual((three['spec'] as { template: { spec: object } }).template.spec, {
    containers: [{ name: 'x', env: env('B', 'C') }],
  })
})

test('what a key leaves out counts with its default', () => {
  const schema = deployment
  const ports = [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }]
  const object = apply(undefined, 'one', deploymentWith({}, [{ name: 'x', ports }]), { schema })
  const fields = JSON.stringify(object.metadata.managedFields?.[0]?.fieldsV1)
  assert.match(fields, /k:\{\\"containerPort\\":80,\\"protocol\\":\\"TCP\\"\}/)
  assert.match(fields, /k:\{\\"containerPort\\":80,\\"protocol\\":\\"UDP\\"\}/)
  assert.throws(
    () =>
      apply(
        object,
        'one',
        deploymentWith({}, [{ name: 'x', ports: [ports[0], ports[0]] }] as object[]),
        { schema },
      ),
    {
      code: 500,
      message:
        /\.spec\.template\.spec\.containers\[name="x"\]\.ports: duplicate entries for key \[containerPort=80,protocol="TCP"\]$/,
    },
  )
})

test('nobody becomes the owner of a status through the object, or of a spec through its status', () => {
  const schema = deployment
  const body = { ...deploymentWith({ replicas: 2 }, []), status: { replicas: 7 } }
  const object = apply(undefined, 'one', body, { schema })
  assert.deepEqual(ownersOf(object), {
    'one Apply': { 'f:spec': { 'f:replicas': {} } },
  })
  const status = apply(
    object,
    'two',
    { ...deploymentWith({ replicas: 2 }, []), status: { replicas: 7 } },
    { schema, subresource: 'status' },
  )
  assert.deepEqual((ownersOf(status) as Record<string, unknown>)['two Apply'], {
    'f:status': { 'f:replicas': {} },
  })
})
