// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schemaCatalog } from '../schema/schema-catalog.ts'
import { findMessage, messageNames, type ValueShape } from './message-catalog.ts'

/** Names of JSON that a message gives, those of messages within it that JSON flattens as well. */
function namesOf(name: string): readonly string[] {
  const fields = [...(findMessage(name)?.values() ?? [])]
  return fields.flatMap((field) =>
    field.repetition === 'inline' ? namesOf(field.shape.message) : [field.name],
  )
}

test('gives each type the very fields that JSON has', () => {
  for (const type of schemaCatalog().values()) {
    if (!findMessage(type.name)) continue
    // The envelope has what tells the kind of an object.
    const isObject = type.kinds.length > 0
    const inJson = [...type.fields.keys()].filter(
      (name) => !isObject || (name !== 'apiVersion' && name !== 'kind'),
    )
    assert.deepEqual(namesOf(type.name).toSorted(), inJson.toSorted(), type.name)
  }
})

test('knows every kind that is served and read', () => {
  const missing = [...schemaCatalog().values()]
    .filter(({ kinds, name }) => kinds.length > 0 && !findMessage(name))
    .map(({ name }) => name)
  assert.deepEqual(missing, ['metrics.v1beta1.NodeMetrics', 'metrics.v1beta1.PodMetrics'])
})

test('refers to messages that are there', () => {
  const innermost = (shape: ValueShape): ValueShape =>
    shape.element ? innermost(shape.element) : shape
  for (const name of messageNames()) {
    for (const field of findMessage(name)?.values() ?? []) {
      const { type, message } = innermost(field.shape)
      if (type === 'message') assert.ok(findMessage(message), `${name}.${field.name}: ${message}`)
    }
  }
})
