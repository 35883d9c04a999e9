// SPDX-License-Identifier: Apache-2.0
// Laws of patches and of server-side apply, on random objects.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { arbitraryStruct } from '../../../test/support/arbitrary-object.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { decodeStructured } from '../schema/decode-value.ts'
import { isObject, isSameJson, type JsonObject, setField } from '../schema/json-object.ts'
import type { FieldSchema, TypeSchema } from '../schema/schema-catalog.ts'
import { schemaOf } from '../schema/schema-of.ts'
import { applyServerSide } from './apply-server-side.ts'
import { fieldsOf } from './compare-fields.ts'
import { memberScope } from './field-relation.ts'
import { FieldSet } from './field-set.ts'
import { mergeApplied } from './merge-applied.ts'
import { applyStrategicMergePatch } from './strategic-merge-patch.ts'
import { tries } from '../../../test/support/test-size.ts'

const found = schemaOf('v1', 'Pod')
assert.ok(found)
const pod: TypeSchema = found
const clean = (value: JsonObject): JsonObject => decodeStructured(value, pod).value
const pods = arbitraryStruct(pod).map(clean)

/** A strategic merge patch that makes `after` of `before`. */
function diff(
  before: JsonObject,
  after: JsonObject,
  scope: TypeSchema | FieldSchema | undefined,
): JsonObject {
  const patch = {}
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const was = before[name]
    const is = after[name]
    if (isSameJson(was, is)) continue
    const field = memberScope(scope, name)
    if (is === undefined) setField(patch, name, null)
    else if (isObject(was) && isObject(is)) setField(patch, name, diff(was, is, field))
    else if (Array.isArray(was) && Array.isArray(is) && field?.isMerged) {
      setField(patch, `$setElementOrder/${name}`, orderOf(is, field))
      if (field.mergeKey === undefined) {
        setField(
          patch,
          `$deleteFromPrimitiveList/${name}`,
          was.filter((one) => !is.includes(one)),
        )
        setField(patch, name, is)
      } else setField(patch, name, diffElements(was as JsonObject[], is as JsonObject[], field))
    } else setField(patch, name, is)
  }
  return patch
}

function orderOf(list: readonly unknown[], { mergeKey }: FieldSchema): unknown[] {
  if (mergeKey === undefined) return [...list]
  return list.map((element) => ({ [mergeKey]: (element as JsonObject)[mergeKey] }))
}

function diffElements(
  was: readonly JsonObject[],
  is: readonly JsonObject[],
  field: FieldSchema,
): JsonObject[] {
  const key = field.mergeKey ?? ''
  const gone = was.filter((one) => !is.some((other) => other[key] === one[key]))
  const changed = is.map((one) => {
    const before = was.find((other) => other[key] === one[key])
    return before ? { ...diff(before, one, field.element), [key]: one[key] } : one
  })
  return [...changed, ...gone.map((one) => ({ $patch: 'delete', [key]: one[key] }))]
}

/** Empty lists and objects are as good as none. */
const settled = (object: JsonObject): JsonObject =>
  JSON.parse(JSON.stringify(clean(object))) as JsonObject

test('a strategic merge patch made of two objects makes one into the other', () => {
  const property = fc.property(pods, pods, (before, after) => {
    const frozen = JSON.stringify(before)
    const result = applyStrategicMergePatch(before, diff(before, after, pod), pod)
    assert.deepEqual(settled(result), settled(after))
    assert.equal(JSON.stringify(before), frozen)
  })
  fc.assert(property, { numRuns: tries(100, 20) })
})

const spec = arbitraryStruct(pod).map((value) => {
  const { status: _status, metadata: _metadata, ...rest } = value
  return { ...rest, apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } }
})

interface Applied {
  readonly live?: KubeObject
  readonly applied: JsonObject
  readonly manager: string
}

function apply({ live, applied, manager }: Applied): KubeObject {
  const request = { schema: pod, apiVersion: 'v1', force: true, subresource: '', nowMs: 0 }
  return applyServerSide({ live, applied, manager, ...request })
}

test('applying twice is applying once', () => {
  const property = fc.property(spec, (applied) => {
    const once = apply({ applied: clean(applied), manager: 'a' })
    assert.equal(apply({ live: once, applied: clean(applied), manager: 'a' }), once)
  })
  fc.assert(property, { numRuns: tries(60, 12) })
})

test('what a manager applies is there, and what it stops to apply is gone when nobody else has it', () => {
  const property = fc.property(spec, spec, (first, second) => {
    const live = apply({ applied: clean(first), manager: 'a' })
    const after = apply({ live, applied: clean(second), manager: 'a' })
    const expected = fieldsOf(clean(second), pod).paths()
    const all = fieldsOf(after, pod)
    const missing = expected.filter((path) => !all.has(path) && !isEmptyAt(clean(second), path))
    assert.deepEqual(missing, [])
    const [entry] = after.metadata.managedFields ?? []
    const owned = FieldSet.decode(entry?.fieldsV1)
    const lost = FieldSet.decode(live.metadata.managedFields?.[0]?.fieldsV1).difference(owned)
    const kept = lost.paths().filter((path) => all.has(path) && !isEmptyAt(after, path))
    assert.deepEqual(kept, [])
  })
  fc.assert(property, { numRuns: tries(60, 12) })
})

/** What is empty may stay, or go with its last field. */
function isEmptyAt(object: JsonObject, path: readonly string[]): boolean {
  let at: unknown = object
  for (const element of path) {
    if (!element.startsWith('f:')) return false
    at = isObject(at) ? at[element.slice(2)] : undefined
  }
  return isObject(at) && Object.keys(at).length === 0
}

test('managers of different fields may come in any order', () => {
  const keys = fc.constantFrom('a', 'b', 'c')
  const data = fc.dictionary(keys, fc.string(), { minKeys: 1 })
  const property = fc.property(data, data, (one, two) => {
    const labels = (values: object, prefix: string): JsonObject => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'p',
        labels: Object.fromEntries(
          Object.entries(values).map(([key, value]) => [prefix + key, value]),
        ),
      },
    })
    const first = { applied: labels(one, '1'), manager: 'one' }
    const second = { applied: labels(two, '2'), manager: 'two' }
    const forward = apply({ live: apply(first), ...second })
    const backward = apply({ live: apply(second), ...first })
    assert.deepEqual(forward.metadata.labels, backward.metadata.labels)
    assert.deepEqual(forward.metadata.managedFields, backward.metadata.managedFields)
  })
  fc.assert(property)
})

test('merging a part of an object into it changes nothing', () => {
  const property = fc.property(pods, (object) => {
    assert.equal(mergeApplied(object, {}, pod), object)
    assert.deepEqual(mergeApplied(object, structuredClone(object), pod), object)
  })
  fc.assert(property)
})

test('a set of fields survives its encoding', () => {
  const property = fc.property(pods, (object) => {
    const set = fieldsOf(object, pod)
    assert.deepEqual(FieldSet.decode(set.encode()).paths(), set.paths())
    assert.equal(set.difference(set).isEmpty, true)
    assert.deepEqual(set.union(set).paths(), set.paths())
    assert.deepEqual(set.intersection(set).paths(), set.paths())
  })
  fc.assert(property)
})
